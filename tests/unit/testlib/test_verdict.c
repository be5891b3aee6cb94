#include "common/err.h"
#include "common/mem.h"
#include "tests/lib/tap.h"
#include "tests/lib/verdict.h"

static unsigned told;

static void on_line(void *arg, const char *line)
{
    char *last = arg;

    told++;
    (void) snprintf(last, 256, "%s", line);
}

static char last[256];

static struct verdict *fresh(void)
{
    struct verdict *v = verdict_new(1000, on_line, last);

    must(v != NULL);
    told = 0;
    last[0] = '\0';
    return v;
}

static struct wf_id id_of(unsigned n)
{
    struct wf_id id = {{0x10}};

    id.b[15] = (uint8_t) n;
    return id;
}

/* The line, and that of the last complaint. */
static const char *judged(struct verdict *v, int good)
{
    static char line[160];
    struct verdict_counts c;

    verdict_judge(v, &c);
    verdict_line(&c, line, sizeof line);
    is_int(verdict_is_good(&c), good, good ? "all is well" : "it is seen");
    verdict_free(v);
    return line;
}

static void seen(struct verdict *v, unsigned n, unsigned attempt, uint64_t hash)
{
    struct wf_id id = id_of(n);
    const struct verdict_end e = {4, 0, attempt, hash, 0, 1};

    is_int(verdict_outcome(v, &id, &e), 0, "seen");
}

/* An end without a result, at another node for each number. */
static void rest(struct verdict *v, unsigned n, uint64_t hash)
{
    struct wf_id id = id_of(n);
    const struct verdict_end e = {6, 29, 5, 0, hash, 0};

    is_int(verdict_outcome(v, &id, &e), 0, "seen");
}

static void test_good(void)
{
    struct verdict *v = fresh();
    struct wf_id a = id_of(1), b = id_of(2), c = id_of(3), d = id_of(4);
    size_t it = 0;

    verdict_expect_runs(v);
    /* In no order: an outcome, its run, that it was accepted; many readers. */
    seen(v, 1, 2, 77);
    seen(v, 1, 2, 77);
    seen(v, 1, 2, 0);
    is_int(verdict_started(v, &a, 2, 77), 0, "a run");
    is_int(verdict_started(v, &a, 1, 76), 0, "and one that was fenced");
    is_int(verdict_accepted(v, &a, 1), 0, "accepted");
    is_int(verdict_accepted(v, &a, 1), 0, "and once more");
    is_int(verdict_fired(v, &a, 1), 0, "a handle");
    is_int(verdict_fired(v, &a, 2), 0, "and another");
    is_int(verdict_refused(v, &b), 0, "refused");
    is_int(verdict_denied(v, &b), 0, "and so there is none");
    is_int(verdict_accepted(v, &c, 0), 0, "fast");
    is_int(verdict_started(v, &c, 1, 0), 0, "its first attempt");
    is_int(verdict_started(v, &c, 1, 0), 0, "and again in the next broker");
    is_int(verdict_started(v, &d, 1, 0), 0, "one that nobody heard of");
    verdict_superseded(v, 5);
    ok(verdict_next_open(v, &it) == NULL, "no job is open");
    is_str(judged(v, 1),
           "accepted 1 outcomes 1 lost 0 divergent 0 duplicate 0 superseded 5",
           "the verdict");
    is_int(told, 0, "no complaint");
}

static void test_lost(void)
{
    struct verdict *v = fresh();
    struct wf_id a = id_of(1), b = id_of(2);
    const struct wf_id *open;
    size_t it = 0;

    (void) verdict_accepted(v, &a, 1);
    (void) verdict_refused(v, &a);
    (void) verdict_accepted(v, &b, 1);
    (void) verdict_denied(v, &b);
    seen(v, 2, 1, 9);
    open = verdict_next_open(v, &it);
    ok(open != NULL && wf_id_eq(open, &a), "the open one is told");
    ok(verdict_next_open(v, &it) == NULL, "and no other");
    is_str(judged(v, 0),
           "accepted 2 outcomes 1 lost 2 divergent 0 duplicate 0 superseded 0",
           "one is gone, one was denied");
    is_int(told, 2, "both are named");
    is_str(last,
           "job 10000000000000000000000000000002: lost: accepted, and a reader was told "
           "that there is none",
           "in words");
}

static void test_divergent(void)
{
    struct verdict *v = fresh();
    struct wf_id id;

    verdict_expect_runs(v);
    for (unsigned i = 1; i <= 4; i++) {
        id = id_of(i);
        (void) verdict_started(v, &id, 1, i == 3 ? 8 : 9);
    }
    /* Other bytes; another attempt; not what its run gave; no run at all; other words.
     */
    seen(v, 1, 1, 9);
    seen(v, 1, 1, 10);
    seen(v, 2, 1, 9);
    seen(v, 2, 2, 9);
    seen(v, 3, 1, 9);
    seen(v, 4, 1, 9);
    seen(v, 5, 1, 9);
    rest(v, 6, 0);
    rest(v, 6, 3);
    rest(v, 6, 4);
    is_str(judged(v, 0),
           "accepted 6 outcomes 6 lost 0 divergent 5 duplicate 0 superseded 0",
           "all but one are divergent");
    v = fresh();
    seen(v, 5, 1, 9);
    is_str(judged(v, 1),
           "accepted 1 outcomes 1 lost 0 divergent 0 duplicate 0 superseded 0",
           "without a history of runs none is missed");
}

static void test_duplicate(void)
{
    struct verdict *v = fresh();
    struct wf_id a = id_of(1), b = id_of(2);

    (void) verdict_accepted(v, &a, 1);
    (void) verdict_started(v, &a, 3, 9);
    (void) verdict_started(v, &a, 3, 9);
    seen(v, 1, 3, 9);
    seen(v, 2, 1, 9);
    for (unsigned i = 0; i < 9; i++) {
        (void) verdict_fired(v, &b, i);
    }
    (void) verdict_fired(v, &b, 8);
    is_str(judged(v, 0),
           "accepted 2 outcomes 2 lost 0 divergent 0 duplicate 2 superseded 0",
           "a run and a handle");
}

static void test_limits(void)
{
    struct verdict *v = verdict_new(2, NULL, NULL);
    struct wf_id a = id_of(1), b = id_of(2), c = id_of(3);
    int rc = 0;

    must(v != NULL);
    is_int(verdict_accepted(v, &a, 1), 0, "one");
    is_int(verdict_accepted(v, &b, 1), 0, "two");
    is_int(verdict_accepted(v, &c, 1), WEFT_EFULL, "no room for a third");
    for (unsigned i = 0; rc == 0 && i < 100000; i++) {
        rc = verdict_started(v, &a, i, 0);
    }
    is_int(rc, WEFT_EFULL, "attempts have a bound");
    verdict_free(v);
    verdict_free(NULL);
}

static void test_memory(void)
{
    int good = 0;

    for (long n = 0; !good && n < 100; n++) {
        struct wf_id id = id_of(1);
        const struct verdict_end e = {4, 0, 1, 9, 0, 1};
        struct verdict *v;
        int rc = 0;

        (void) wf_mem_fail_after(n);
        v = verdict_new(10, NULL, NULL);
        if (v != NULL) {
            rc |= verdict_accepted(v, &id, 1);
            rc |= verdict_started(v, &id, 1, 9);
            rc |= verdict_fired(v, &id, 1);
            rc |= verdict_outcome(v, &id, &e);
            good = rc == 0;
        }
        (void) wf_mem_fail_after(-1);
        verdict_free(v);
    }
    ok(good, "each allocation may fail");
}

int main(void)
{
    test_good();
    test_lost();
    test_divergent();
    test_duplicate();
    test_limits();
    test_memory();
    ok(verdict_hash(0, "ab", 2) != verdict_hash(0, "ba", 2) &&
           verdict_hash(1, "ab", 2) != verdict_hash(2, "ab", 2) &&
           verdict_hash(0, "", 0) != 0,
       "a hash");
    return done();
}
