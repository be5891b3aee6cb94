/* A record of run times: taken or refused, what is known stays sane, and what was taken
 * is told the same way again. */
#include "tests/fuzz/fuzz.h"

#include "broker/core/router/runtimes.h"
#include "common/check.h"
#include "common/err.h"

#include <string.h>

#define NOW_US UINT64_C(4000000000000000)
#define CAP    1u
#define CELLS  256u

/* Classes get numbers as they come; any capability is the one. */
struct names {
    char class_[8][300];
    uint32_t n;
    char capability[300];
};

static const char *name_of(void *arg, enum run_noun noun, uint32_t number)
{
    struct names *names = arg;

    return noun == RUN_CAPABILITY ? names->capability : names->class_[number - 1];
}

static int number_of(void *arg, enum run_noun noun, const char *name,
                     uint32_t *ret_number)
{
    struct names *names = arg;

    WF_CHECK(name[0] != '\0' && strlen(name) < sizeof names->capability);
    if (noun == RUN_CAPABILITY) {
        memcpy(names->capability, name, strlen(name) + 1);
        *ret_number = CAP;
        return 0;
    }
    if (names->n == 8) {
        return WEFT_EFULL;
    }
    memcpy(names->class_[names->n], name, strlen(name) + 1);
    *ret_number = ++names->n;
    return 0;
}

static void ask(const struct runtimes *t, uint32_t version)
{
    for (uint32_t class_ = 0; class_ < 3; class_++) {
        for (uint64_t size = 0; size < 1000000; size = 10 * size + 1) {
            const struct runtime_key key = {CAP, version, class_, size};
            struct run_guess g;

            runtimes_guess(t, &key, &g);
            WF_CHECK(g.mean_us < UINT64_C(1) << 48 && g.level <= RUN_GUESSED);
            WF_CHECK(runtimes_quantile(t, &key, 500) < UINT64_C(1) << 48);
            WF_CHECK(runtimes_quantile(t, &key, 990) < UINT64_C(1) << 48);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    struct names known = {.n = 0};
    const struct run_names names = {&known, name_of, number_of};
    struct runtimes *t = NULL;
    struct wf_buf out = WF_BUF_INIT(1u << 20);
    int rc;

    WF_CHECK(runtimes_new(CELLS, 1, &t) == 0);
    rc = runtimes_decode(t, &names, p, len, NOW_US);
    WF_CHECK(rc == 0 || rc == WEFT_EPROTO);
    WF_CHECK(rc == 0 || runtimes_cells(t) == 0);
    ask(t, 1);
    if (runtimes_cells(t) != 0) {
        const struct runtime_key key = {CAP, 1, 1, 1000};

        rc = runtimes_encode(t, CAP, &names, NOW_US, 1u << 19, &out);
        WF_CHECK(rc == 0);
        WF_CHECK(runtimes_decode(t, &names, out.p, out.len, NOW_US) == 0);
        for (uint64_t i = 0; i < 200; i++) {
            runtimes_add(t, &key, i * i, i % 5 == 0, NOW_US + i);
        }
        ask(t, 1);
    }
    wf_buf_fini(&out);
    runtimes_free(t);
    return 0;
}
