#include "agent/core/runs.h"

#include "common/err.h"
#include "common/mem.h"
#include "common/sm.h"

#include <string.h>

/* Of an urgency, in milliseconds; the priority, at most 9, stands above them. */
#define DEADLINE_BITS 60

static const struct wf_sm_state states[RUN_PHASES] = {
    [RUN_WAITING] = {"waiting", WF_SM_TO(RUN_RUNNING) | WF_SM_TO(RUN_FINISHED)},
    [RUN_RUNNING] = {"running", WF_SM_TO(RUN_STOPPING) | WF_SM_TO(RUN_FINISHED)},
    [RUN_STOPPING] = {"stopping", WF_SM_TO(RUN_STOPPING) | WF_SM_TO(RUN_FINISHED)},
    [RUN_FINISHED] = {"finished", 0},
};

int runs_init(struct runs *t, size_t max, uint64_t seed)
{
    *t = (struct runs){.by_key = wf_map_new(max, seed),
                       .by_number = wf_map_new(max, seed + 1),
                       .next_number = 1};
    wf_heap_init(&t->timers, max);
    wf_list_init(&t->waiting);
    wf_list_init(&t->running);
    wf_list_init(&t->finished);
    wf_list_init(&t->todo);
    wf_list_init(&t->away);
    return t->by_key != NULL && t->by_number != NULL ? 0 : WEFT_ENOMEM;
}

static void run_free(struct run *r)
{
    wf_list_remove(&r->node);
    wf_list_remove(&r->todo);
    wf_free(r->payload);
    wf_free(r->reason);
    wf_free(r->data);
    wf_buf_fini(&r->out);
    wf_buf_fini(&r->err);
    wf_free(r);
}

void runs_fini(struct runs *t)
{
    struct run *r;
    size_t it = 0;

    while (t->by_key != NULL && (r = wf_map_next(t->by_key, &it)) != NULL) {
        runs_forget(t, r);
    }
    wf_map_free(t->by_key);
    wf_map_free(t->by_number);
    wf_heap_fini(&t->timers);
    *t = (struct runs){0};
}

static struct run *run_new(const struct wf_id *job, uint64_t attempt, size_t max_out)
{
    struct run *r = wf_calloc(1, sizeof *r);

    if (r != NULL) {
        wf_list_init(&r->node);
        wf_list_init(&r->todo);
        wf_buf_init(&r->out, max_out);
        wf_buf_init(&r->err, 2 * WF_OUTPUT_CHUNK);
        r->key.job = *job;
        r->key.attempt = (uint32_t) attempt;
        r->shown = r->key;
    }
    return r;
}

/* As it is now. */
static void count(struct runs *t, const struct run *r, int by)
{
    size_t *n = r->phase == RUN_WAITING    ? &t->nwaiting
                : r->phase == RUN_FINISHED ? &t->nfinished
                                           : &t->nrunning;

    *n += (size_t) by;
    t->helped_of[r->cap] += r->phase == RUN_WAITING && r->helped ? (size_t) by : 0;
    t->npressing += run_presses(r) ? (size_t) by : 0;
    t->nyielding += run_yields(r) ? (size_t) by : 0;
    t->nways += run_is_way(r) ? (size_t) by : 0;
}

/* Into both maps and the list of its phase; taken on success. */
static int insert(struct runs *t, struct run *r, struct wf_list_node *list)
{
    int rc = wf_map_put(t->by_key, &r->key, sizeof r->key, r);

    if (rc != 0) {
        return rc;
    }
    r->number = t->next_number;
    rc = wf_map_put(t->by_number, &r->number, sizeof r->number, r);
    if (rc != 0) {
        (void) wf_map_take(t->by_key, &r->key, sizeof r->key);
        return rc;
    }
    t->next_number++;
    wf_list_push_back(list, &r->node);
    count(t, r, 1);
    return 0;
}

int runs_add(struct runs *t, const struct wf_assign *m, unsigned cap, uint64_t now_us,
             size_t max_out, struct run **ret_run)
{
    struct run *r = run_new(&m->job, m->attempt, max_out);
    int rc = WEFT_ENOMEM;

    if (r == NULL) {
        return rc;
    }
    r->payload = wf_memdup(m->payload.p, m->payload.len);
    r->payload_len = m->payload.len;
    r->cap = cap;
    r->priority = (unsigned) m->priority;
    r->work_us = wf_min_u64(m->work_us, UINT64_MAX / WF_RUNS_MAX);
    r->received_us = now_us;
    r->wall_ms = m->wall_ms;
    r->deadline_ms = m->deadline_ms;
    r->yields = m->yields != 0;
    r->due_us = UINT64_MAX;
    if (m->left_ms != 0) {
        r->due_us = wf_add_sat(now_us, wf_us_of_ms(m->left_ms));
    }
    if (m->begin_ms != 0) {
        r->begin_us = wf_add_sat(now_us, wf_us_of_ms(m->begin_ms));
    }
    r->stop_after_ms = m->stop_after_ms;
    if (!wf_id_is_zero(&m->origin) && m->number != 0) {
        r->shown = (struct run_key){m->origin, (uint32_t) m->number};
    }
    if (r->payload != NULL) {
        rc = insert(t, r, &t->waiting);
    }
    if (rc != 0) {
        run_free(r);
        return rc;
    }
    t->work_us += r->work_us;
    *ret_run = r;
    return 0;
}

int runs_restore(struct runs *t, const struct wf_spool_rec *m, uint64_t now_us,
                 struct run **ret_run)
{
    char reason[WF_TEXT_MAX + 1];
    struct run *r = run_new(&m->job, m->attempt, 0);
    int rc = WEFT_ENOMEM;

    if (r == NULL) {
        return rc;
    }
    r->phase = RUN_FINISHED;
    r->end = (struct run_end){.code = -(int) m->code,
                              .exit_code = (unsigned) m->exit_code,
                              .term_signal = (unsigned) m->signal,
                              .cpu_us = m->cpu_us,
                              .rss = m->rss,
                              .cut = m->cut,
                              .has_blob = !wf_digest_is_zero(&m->blob),
                              .blob = m->blob,
                              .blob_size = m->blob_size};
    r->reason = wf_strdup(wf_slice_str(m->reason, reason, sizeof reason));
    r->data = wf_memdup(m->data.p, m->data.len);
    r->data_len = m->data.len;
    r->wait_us = m->wait_us;
    r->run_us = m->run_us;
    r->fetched = m->fetched;
    r->fetch_us = m->fetch_us;
    r->old_ms = m->age_ms;
    r->home = (struct wf_home){m->broker, m->store, m->shared};
    r->received_us = r->ended_us = now_us;
    if (r->reason != NULL && r->data != NULL) {
        rc = insert(t, r, &t->finished);
    }
    if (rc != 0) {
        run_free(r);
        return rc;
    }
    *ret_run = r;
    return 0;
}

struct run *runs_get(const struct runs *t, const struct wf_id *job, uint64_t attempt)
{
    struct run_key key;

    memset(&key, 0, sizeof key);
    key.job = *job;
    key.attempt = (uint32_t) attempt;
    return wf_map_get(t->by_key, &key, sizeof key);
}

struct run *runs_numbered(const struct runs *t, uint64_t number)
{
    return wf_map_get(t->by_number, &number, sizeof number);
}

void run_move(struct runs *t, struct run *r, unsigned to)
{
    struct wf_list_node *const lists[RUN_PHASES] = {&t->waiting, &t->running, &t->running,
                                                    &t->finished};

    count(t, r, -1);
    wf_sm_move(states, RUN_PHASES, &r->phase, to);
    wf_list_remove(&r->node);
    wf_list_push_back(lists[to], &r->node);
    count(t, r, 1);
    t->work_us -= to == RUN_FINISHED ? r->work_us : 0;
}

void run_help(struct runs *t, struct run *r)
{
    count(t, r, -1);
    r->helped = 1;
    count(t, r, 1);
}

uint64_t run_urgency(const struct run *r)
{
    uint64_t far = (UINT64_C(1) << DEADLINE_BITS) - 1;
    uint64_t at = r->deadline_ms != 0 ? wf_min_u64(r->deadline_ms, far) : far;

    return (uint64_t) r->priority << DEADLINE_BITS | (far - at);
}

int run_plan(struct runs *t, struct run *r, uint64_t due_us)
{
    if (due_us == UINT64_MAX) {
        wf_heap_remove(&t->timers, &r->timer);
        return 0;
    }
    if (wf_heap_in(&r->timer)) {
        wf_heap_update(&t->timers, &r->timer, due_us);
        return 0;
    }
    return wf_heap_push(&t->timers, &r->timer, due_us);
}

void runs_forget(struct runs *t, struct run *r)
{
    t->work_us -= r->phase != RUN_FINISHED ? r->work_us : 0;
    count(t, r, -1);
    wf_heap_remove(&t->timers, &r->timer);
    (void) wf_map_take(t->by_key, &r->key, sizeof r->key);
    (void) wf_map_take(t->by_number, &r->number, sizeof r->number);
    run_free(r);
}
