#include "client/job.h"

#include "common/err.h"
#include "proto/words.h"
#include "tests/unit/client/some_client.h"

#include <string.h>

/* Take a job and make its message: the code of the first that fails. */
static int submit(struct weft_client *c, const struct weft_job *given,
                  struct wf_submit *ret)
{
    struct weft_job job = WEFT_JOB_INIT;
    static char name[WF_CAP_NAME_MAX + 1];
    int rc = job_take(given, &job);

    return rc == 0 ? job_submit(c, &job, name, ret) : rc;
}

static struct weft_job some_job(void)
{
    struct weft_job job = WEFT_JOB_INIT;

    job.capability = "detect@3";
    return job;
}

static void test_terms(void)
{
    static const struct weft_prefer prefers[] = {{"site=lyon", 200}, {"gpu>=1", 5}};
    static const struct weft_near nears[] = {{WEFT_NEAR_DATA, "maps", 0},
                                             {WEFT_FAR_JOB, "primary", 300}};
    struct weft_client *c = some_client();
    struct weft_job job = some_job();
    struct wf_weight_row weight;
    struct wf_near_row near_;
    struct wf_submit s;

    is_int(submit(c, &job, &s), 0, "a job that says nothing");
    ok(wf_slice_is(s.capability, "detect") && s.version == 3, "but its capability");
    ok(s.goal == 0 && s.rho_pusd == 0 && s.max_cost_pusd == 0 && s.spread == 0 &&
           s.hedge == 0 && s.prefers.count == 0 && s.nears.count == 0 && s.group.len == 0,
       "leaves it to the broker");
    ok(!wf_id_is_zero(&s.job), "an id is drawn");

    job.goal = WEFT_GOAL_COST;
    job.second_pusd = WEFT_USD / 1000;
    job.max_cost_pusd = WEFT_USD / 500;
    job.prefers = prefers;
    job.nprefers = 2;
    job.nears = nears;
    job.nnears = 2;
    job.spread = WEFT_PACK;
    job.group = "web";
    job.hedge = 7;
    is_int(submit(c, &job, &s), 0, "a job that says it all");
    ok(s.goal == WF_GOAL_COST && s.rho_pusd == 1000000000 &&
           s.max_cost_pusd == 2000000000 && s.spread == WF_PACK && s.hedge == 1 &&
           wf_slice_is(s.group, "web"),
       "numbers and names");
    ok(wf_rows_next(&s.prefers, wf_desc_weight_row(), &weight) && weight.ms == 200 &&
           wf_slice_is(weight.text, "site=lyon"),
       "preferences");
    ok(wf_rows_next(&s.nears, wf_desc_near_row(), &near_) && near_.kind == WF_NEAR_DATA &&
           near_.ms == 0 && wf_slice_is(near_.what, "maps") &&
           wf_rows_next(&s.nears, wf_desc_near_row(), &near_) &&
           near_.kind == WF_FAR_JOB && near_.ms == 300,
       "and what it would be near to, or far from");
    drop_client(c);
}

static void test_refusals(void)
{
    static const struct weft_prefer prefers[9] = {{"site=lyon", 1}, {"", 1}, {NULL, 1}};
    static const struct weft_near nears[5] = {{WEFT_NEAR_JOB, "j", 1},
                                              {0, "j", 1},
                                              {WEFT_NEAR_DATA, "", 1},
                                              {WEFT_NEAR_DATA, NULL, 1},
                                              {(enum weft_near_kind) 4, "j", 1}};
    struct weft_client *c = some_client();
    struct wf_submit s;

#define REFUSED(change, what)                                                            \
    do {                                                                                 \
        struct weft_job job = some_job();                                                \
        change;                                                                          \
        is_int(submit(c, &job, &s), WEFT_EINVAL, what);                                  \
    } while (0)
    REFUSED(job.capability = NULL, "no capability");
    REFUSED(job.goal = (enum weft_goal) 5, "no such goal");
    REFUSED(job.spread = (enum weft_spread) 3, "no such spread");
    REFUSED(job.group = "no name!", "a group that is no name");
    REFUSED(job.nprefers = 1, "preferences that are not there");
    REFUSED((job.prefers = prefers, job.nprefers = 9), "too many preferences");
    REFUSED((job.prefers = prefers + 1, job.nprefers = 1), "an empty one");
    REFUSED((job.prefers = prefers + 2, job.nprefers = 1), "none at all");
    REFUSED(job.nnears = 1, "affinities that are not there");
    REFUSED((job.nears = nears, job.nnears = 5), "too many affinities");
    for (size_t i = 1; i < 5; i++) {
        REFUSED((job.nears = nears + i, job.nnears = 1), "one that cannot be");
    }
#undef REFUSED
    drop_client(c);
}

static void test_older_header(void)
{
    struct weft_job job = some_job(), taken = WEFT_JOB_INIT;

    job.size = offsetof(struct weft_job, goal);
    job.goal = (enum weft_goal) 99;
    job.hedge = 1;
    is_int(job_take(&job, &taken), 0, "a job of an older header");
    ok(taken.goal == WEFT_GOAL_NONE && taken.hedge == 0, "has what it lacks by default");
    job.size = sizeof job + 8;
    is_int(job_take(&job, &taken), WEFT_EINVAL, "one of a newer header is refused");
}

int main(void)
{
    test_terms();
    test_refusals();
    test_older_header();
    return done();
}
