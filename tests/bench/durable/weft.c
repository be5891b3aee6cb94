/* weft: a client of the SDK, CURVE on, submits to a broker that keeps its jobs in SQLite.
 * The jobs are for a capability that no agent offers yet; they wait, and nothing but
 * submitting is measured.  Counted is the broker's acceptance. */
#include "tests/bench/durable/durable.h"
#include "tests/bench/mesh.h"

#include "client/include/weft/weft.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

/* Without a deadline a job that nobody can run is refused. */
#define DEADLINE_MS 3600000

/* All that is submitted in the time stays. */
#define CONF "max_jobs = 10000000\nmax_bytes = 64G\n"

struct run;

struct slot {
    struct run *run;
    uint64_t sent_ns;
};

struct run {
    struct load *load;
    weft_client *client;
    enum weft_class job_class;
    struct slot *slots;
    int over;
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench: weft: %s: %s\n", what, why);
    exit(1);
}

static void on_accepted(weft_future *future, void *arg);

static void submit(struct slot *s)
{
    struct weft_job job = WEFT_JOB_INIT;
    uint8_t payload[DURABLE_PAYLOAD];
    weft_future *f = NULL;
    int rc;

    durable_fill(payload);
    job.capability = "later@1";
    job.payload = payload;
    job.payload_len = sizeof(payload);
    job.job_class = s->run->job_class;
    job.deadline_ms = DEADLINE_MS;
    job.detached = 1;
    s->sent_ns = load_now();
    rc = weft_submit(s->run->client, &job, &f);
    if (rc != 0) {
        fail("submit", weft_strerror(rc));
    }
    weft_future_then(f, on_accepted, s);
}

static void on_accepted(weft_future *future, void *arg)
{
    struct slot *s = arg;
    struct run *r = s->run;

    if (weft_future_error(future) != 0) {
        fail("refused", weft_future_text(future));
    }
    if (weft_future_class(future) != r->job_class) {
        fail("accepted as", weft_class_name(weft_future_class(future)));
    }
    weft_future_free(future);
    if (load_done(r->load, s->sent_ns, load_now())) {
        submit(s);
    } else {
        r->over = 1;
    }
}

static void drive(struct run *r, const struct bench_run *b)
{
    load_start(r->load, b->window, b->seconds);
    for (uint32_t i = 0; i < b->window; i++) {
        r->slots[i].run = r;
        submit(&r->slots[i]);
    }
    while (!r->over) {
        struct pollfd p = {weft_fd(r->client), POLLIN, 0};

        poll(&p, 1, weft_timeout_ms(r->client));
        if (weft_process(r->client) != 0) {
            fail("process", "failed");
        }
    }
}

static int run(struct bench_run *b, enum weft_class job_class)
{
    static struct mesh m = {.conf = CONF};
    struct weft_options options = WEFT_OPTIONS_INIT;
    struct run r = {&b->load, NULL, job_class, calloc(b->window, sizeof(*r.slots)), 0};
    char why[256] = "";

    if (r.slots == NULL || mesh_start(&m, b->tmp) != 0) {
        return 1;
    }
    options.mode = WEFT_MODE_LOOP;
    if (weft_open(&options, &r.client, why, sizeof(why)) != 0) {
        fail("open", why);
    }
    drive(&r, b);
    return 0;
}

int durable_weft(struct bench_run *b)
{
    return run(b, WEFT_CLASS_DURABLE);
}

int durable_weft_fast(struct bench_run *b)
{
    return run(b, WEFT_CLASS_FAST);
}
