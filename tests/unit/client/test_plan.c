#include "client/plan.h"

#include "common/err.h"
#include "tests/unit/client/some_client.h"

#include <string.h>
#include <unistd.h>

static struct weft_job some_job(void)
{
    struct weft_job job = WEFT_JOB_INIT;

    job.capability = "detect@3";
    job.payload = "12345";
    job.payload_len = 5;
    return job;
}

/* The submit inside a plan, as the broker decodes it. */
static struct wf_submit submit_of(const struct plan *p, struct wf_msg *msg)
{
    struct wf_cursor cur;

    wf_cur_init(&cur, p->m.submit.p, p->m.submit.len);
    must(wf_msg_decode(&cur, msg) == 0 && msg->type == WF_MSG_submit &&
         wf_cur_left(&cur) == 0);
    return msg->u.submit;
}

static void test_message(void)
{
    static const char *const without[] = {"node=gpu-1", "site=lyon"};
    static const char *const needs[] = {"gpu>=1"};
    static const struct weft_input inputs[] = {{"in", "photos"}};
    struct weft_client *c = some_client();
    struct weft_job job = some_job();
    struct wf_label_row row;
    struct wf_submit s;
    struct wf_msg msg;
    struct plan p;

    job.goal = WEFT_GOAL_COST;
    job.needs = needs;
    job.nneeds = 1;
    job.inputs = inputs;
    job.ninputs = 1;
    is_int(plan_init(&p, c, &job, without, 2), 0, "a plan");
    s = submit_of(&p, &msg);
    ok(wf_slice_is(s.capability, "detect") && s.version == 3 && s.goal == 4 &&
           s.needs.count == 1 && s.inputs.count == 1,
       "has all that the job would have");
    ok(s.payload.len == 0 && s.payload_size == 5, "but its payload, of which it is said "
                                                  "how long it is");
    ok(p.m.without.count == 2 && wf_rows_next(&p.m.without, wf_desc_label_row(), &row) &&
           wf_slice_is(row.text, "node=gpu-1") &&
           wf_rows_next(&p.m.without, wf_desc_label_row(), &row) &&
           wf_slice_is(row.text, "site=lyon"),
       "and who is away");
    plan_fini(&p);
    drop_client(c);
}

static void test_file(void)
{
    char path[] = "/tmp/weft-plan-XXXXXX";
    struct weft_client *c = some_client();
    struct weft_job job = some_job();
    struct wf_msg msg;
    struct plan p;
    int fd = mkstemp(path);

    must(fd >= 0 && ftruncate(fd, 5000000000) == 0);
    job.payload = NULL;
    job.payload_len = 0;
    job.payload_file = path;
    is_int(plan_init(&p, c, &job, NULL, 0), 0, "a plan with a file");
    ok(submit_of(&p, &msg).payload_size == 5000000000, "which is not read");
    plan_fini(&p);
    must(close(fd) == 0 && unlink(path) == 0);
    is_int(plan_init(&p, c, &job, NULL, 0), WEFT_ENOENT, "but must be there");
    drop_client(c);
}

static void test_refusals(void)
{
    static const char *const bad[] = {"gpu-1", "tier=edge", "", NULL, "site=\xff"};
    static const char *const many[33] = {"node=x"};
    struct weft_client *c = some_client();
    struct weft_job job = some_job();
    struct plan p;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        is_int(plan_init(&p, c, &job, &bad[i], 1), WEFT_EINVAL, "no node and no site");
    }
    is_int(plan_init(&p, c, &job, many, 33), WEFT_EINVAL, "too many of them");
    job.capability = "no name!";
    is_int(plan_init(&p, c, &job, NULL, 0), WEFT_EINVAL, "a job that cannot be");
    job = some_job();
    for (long n = 0;; n++) {
        int rc;

        wf_mem_fail_after(n);
        rc = plan_init(&p, c, &job, &many[0], 1);
        wf_mem_fail_after(-1);
        ok(rc == 0 || rc == WEFT_ENOMEM, "after %ld allocations", n);
        if (rc == 0) {
            plan_fini(&p);
            break;
        }
    }
    drop_client(c);
}

int main(void)
{
    test_message();
    test_file();
    test_refusals();
    return done();
}
