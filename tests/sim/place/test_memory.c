/* Scenarios and worlds for which there is not enough memory, at any point. */
#include "common/mem.h"
#include "tests/lib/tap.h"
#include "tests/sim/place/make/make.h"
#include "tests/sim/place/policy/policy.h"

#include <unistd.h>

static const char *const files[] = {"nodes.csv", "rtt_ms.csv",   "egress.csv",
                                    "blobs.csv", "holdings.csv", "jobs.csv"};

static void make(char *dir)
{
    struct make_options opt = MAKE_DEFAULTS;
    struct wf_err err;

    must(mkdtemp(dir) != NULL);
    opt.out = dir;
    opt.agents = 5;
    opt.clients = 2;
    opt.brokers = 2;
    opt.seconds = 2;
    must(make_scenario(&opt, &err) == 0);
}

static void clean(const char *dir)
{
    char path[128];

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void) snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        (void) unlink(path);
    }
    (void) rmdir(dir);
}

/* Fail the one after so many, further and further on: 0 when all were enough. */
static int read_with(const char *dir, long n)
{
    struct scenario sc;
    struct wf_err err;
    int rc;

    (void) wf_mem_fail_after(n);
    rc = scenario_read(&sc, dir, &err);
    (void) wf_mem_fail_after(-1);
    scenario_fini(&sc);
    return rc;
}

static int run_with(const struct scenario *sc, const struct policy *p, long n)
{
    const struct world_options opt = {.stale_ns = EV_S, .seed = 1, .cache = 1};
    struct world w;
    int rc;

    (void) wf_mem_fail_after(n);
    rc = world_run(&w, sc, p, &opt);
    (void) wf_mem_fail_after(-1);
    world_fini(&w);
    return rc;
}

static void test_read(const char *dir)
{
    int rc = WEFT_ENOMEM;
    long n = 0;

    for (; rc == WEFT_ENOMEM && n < 1000000; n += 1 + n / 50) {
        rc = read_with(dir, n);
    }
    is_int(rc, 0, "with enough memory it is read");
    ok(n > 100, "and was refused till then");
}

static void test_run(const struct scenario *sc, const struct policy *p)
{
    int rc = WEFT_ENOMEM;
    long n = 0;

    for (; rc == WEFT_ENOMEM && n < 1000000; n += 1 + n / 50) {
        rc = run_with(sc, p, n);
    }
    is_int(rc, 0, p->name);
    ok(n > 5, "and was refused till then");
}

int main(void)
{
    char dir[] = "/tmp/weft-place-XXXXXX";
    struct scenario sc;
    struct wf_err err;

    make(dir);
    test_read(dir);
    must(scenario_read(&sc, dir, &err) == 0);
    for (size_t i = 0; policy_at(i) != NULL; i++) {
        test_run(&sc, policy_at(i));
    }
    scenario_fini(&sc);
    clean(dir);
    return done();
}
