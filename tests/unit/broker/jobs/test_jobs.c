#include "broker/core/jobs/jobs.h"

#include "common/err.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

static struct wf_id id_of(uint8_t byte)
{
    struct wf_id id;

    memset(id.b, byte, sizeof id.b);
    return id;
}

static struct wf_submit work(uint8_t id, const char *payload)
{
    return (struct wf_submit){.job = id_of(id), .payload = wf_slice_of(payload)};
}

static struct job *add(struct jobs *t, uint8_t id, const char *payload)
{
    const struct wf_submit m = work(id, payload);
    struct job *j = NULL;

    must(jobs_add(t, &m, NULL, &j) == 0);
    return j;
}

static void adds(void)
{
    const struct wf_submit again = work(1, "x"), third = work(3, "x");
    const struct wf_id one = id_of(1);
    struct job *a, *b, *x = NULL;
    struct jobs t;

    must(jobs_init(&t, 2, 100, 1) == 0);
    a = add(&t, 1, "abc");
    ok(jobs_get(&t, &one) == a && a->state == WF_JOB_ACCEPTED, "a job is accepted");
    ok(wf_slice_is(job_payload(a), "abc") && t.bytes == a->bytes_len,
       "its payload is kept");
    is_int(jobs_add(&t, &again, NULL, &x), WEFT_EEXIST, "an id once");
    b = add(&t, 2, "");
    ok(b->seq > a->seq && job_payload(b).len == 0, "later, without payload");
    is_int(jobs_add(&t, &third, NULL, &x), WEFT_EFULL, "as many");
    ok(t.live == 2 && t.retained == 0 && t.bytes == a->bytes_len + b->bytes_len,
       "the refused left nothing");
    jobs_fini(&t);
}

static void ends(void)
{
    const struct wf_id one = id_of(1);
    struct job *j;
    struct jobs t;

    must(jobs_init(&t, 9, 100, 1) == 0);
    j = add(&t, 1, "abc");
    j->deadline_us = 500;
    must(job_plan(&t, j) == 0);
    ok(wf_heap_in(&j->timer) && j->timer.key == 500, "waits for its deadline");
    job_move(&t, j, WF_JOB_QUEUED);
    job_move(&t, j, WF_JOB_ASSIGNED);
    job_move(&t, j, WF_JOB_RUNNING);
    job_move(&t, j, WF_JOB_OK);
    ok(t.live == 0 && t.retained == 1 && !wf_heap_in(&j->timer), "and then for nothing");
    is_int(job_set_result(&t, j, wf_slice_of("result"), "why"), 0, "a result");
    ok(t.bytes == j->bytes_len + 6 && j->data_len == 6 && strcmp(j->reason, "why") == 0,
       "is counted");
    jobs_forget(&t, j);
    ok(jobs_get(&t, &one) == NULL && t.bytes == 0 && t.retained == 0, "until forgotten");
    jobs_fini(&t);
}

static void plans(void)
{
    struct job *j;
    struct jobs t;

    must(jobs_init(&t, 9, 100, 1) == 0);
    j = add(&t, 1, "");
    must(job_plan(&t, j) == 0);
    ok(!wf_heap_in(&j->timer), "nothing to wait for");
    job_move(&t, j, WF_JOB_QUEUED);
    j->deadline_us = 900;
    j->retry_us = 300;
    j->overdue_us = 100;
    must(job_plan(&t, j) == 0);
    is_int(j->timer.key, 300, "queued: the retry comes first");
    job_move(&t, j, WF_JOB_ASSIGNED);
    must(job_plan(&t, j) == 0);
    is_int(j->timer.key, 900, "assigned: the deadline alone");
    job_move(&t, j, WF_JOB_RUNNING);
    must(job_plan(&t, j) == 0);
    is_int(j->timer.key, 100, "running: the agent's answer");
    j->overdue_us = j->deadline_us = 0;
    must(job_plan(&t, j) == 0);
    ok(!wf_heap_in(&j->timer), "nothing again");
    jobs_fini(&t);
}

static void logs(void)
{
    struct job_log_piece p;
    struct job *j;
    struct jobs t;
    size_t at = 0, most = 0;
    char large[300]; /* more than all that is kept */
    char text[64];

    must(jobs_init(&t, 9, 200, 1) == 0);
    j = add(&t, 1, "");
    for (unsigned i = 0; i < sizeof large; i++) {
        large[i] = (char) i;
    }
    memset(text, 'x', sizeof text);
    job_log(&t, j, 1, 3, 10, wf_slice_make("abc", 3));
    ok(job_log_next(j, &at, &p) && p.stream == 1 && p.attempt == 3 && p.offset == 10 &&
           p.data.len == 3 && memcmp(p.data.p, "abc", 3) == 0,
       "what was printed");
    ok(!job_log_next(j, &at, &p), "once");
    for (unsigned i = 0; i < 50; i++) {
        job_log(&t, j, 2, 3, i, wf_slice_make(text, sizeof text));
        most = j->log.len > most ? j->log.len : most;
    }
    ok(most <= 200, "the tail is bounded");
    ok(t.bytes == j->bytes_len + j->log.len, "and counted");
    at = 0;
    while (job_log_next(j, &at, &p)) {
        ok(p.offset >= 47, "the newest pieces stay, %u", (unsigned) p.offset);
    }
    is_int(j->log_cut, 3 + 48 * 64, "what went is counted");
    job_log(&t, j, 2, 3, 99, wf_slice_make(text, 0));
    at = 0;
    job_log(&t, j, 2, 3, 1000, wf_slice_make(large, sizeof large));
    ok(job_log_next(j, &at, &p) && p.data.len == 200 - 24 && p.offset == 1124 &&
           memcmp(p.data.p, large + 124, p.data.len) == 0,
       "of a piece larger than all that is kept, the end");
    is_int(j->log_cut, 3 + 50 * 64 + 124, "the rest is counted");
    must(jobs_get(&t, &j->id) == j);
    jobs_fini(&t);
}

static void remembers_tries(void)
{
    struct job_try try = {0};
    struct job *j;
    struct jobs t;

    must(jobs_init(&t, 9, 100, 1) == 0);
    j = add(&t, 1, "");
    for (unsigned i = 1; i <= WF_TRIES_MAX + 3; i++) {
        try.attempt = i;
        job_add_try(j, &try);
    }
    ok(j->nhistory == WF_TRIES_MAX && j->history[0].attempt == 4 &&
           j->history[WF_TRIES_MAX - 1].attempt == WF_TRIES_MAX + 3,
       "the last attempts, oldest first");
    jobs_fini(&t);
}

static void survives_oom(void)
{
    const struct wf_submit m = work(1, "abc");
    int added = 0, kept = 0;

    for (long n = 0; n < 20; n++) {
        struct job_try try = {0};
        struct job *j;
        struct jobs t;

        wf_mem_fail_after(n);
        if (jobs_init(&t, 9, 100, 1) == 0) {
            added = jobs_add(&t, &m, NULL, &j) == 0;
            ok(t.live == (size_t) added && t.bytes == (added ? j->bytes_len : 0u),
               "all or nothing, %ld", n);
            if (added) {
                job_log(&t, j, 1, 1, 0, wf_slice_of("log"));
                job_add_try(j, &try);
                kept = job_set_result(&t, j, wf_slice_of("result"), "why") == 0;
                ok(t.bytes == j->bytes_len + j->data_len + j->log.len, "counted, %ld", n);
            }
        }
        wf_mem_fail_after(-1);
        jobs_fini(&t);
    }
    ok(added && kept, "in the end there was enough");
}

int main(void)
{
    adds();
    ends();
    plans();
    logs();
    remembers_tries();
    survives_oom();
    return done();
}
