#include "agent/core/runs.h"

#include "common/err.h"
#include "common/mem.h"
#include "common/sm.h"

#include <string.h>

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
    return t->by_key != NULL && t->by_number != NULL ? 0 : WEFT_ENOMEM;
}

static void run_free(struct run *r)
{
    wf_list_remove(&r->node);
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

int runs_add(struct runs *t, const struct wf_assign *m, unsigned cap, uint64_t now_us,
             size_t max_out, struct run **ret_run)
{
    struct run *r = wf_calloc(1, sizeof *r);
    int rc = WEFT_ENOMEM;

    if (r == NULL) {
        return rc;
    }
    wf_list_init(&r->node);
    wf_buf_init(&r->out, max_out);
    wf_buf_init(&r->err, 2 * WF_OUTPUT_CHUNK);
    memcpy(&r->key.job, &m->job, sizeof r->key.job);
    r->key.attempt = (uint32_t) m->attempt;
    r->payload = wf_memdup(m->payload.p, m->payload.len);
    if (r->payload == NULL) {
        goto out;
    }
    r->payload_len = m->payload.len;
    r->number = t->next_number;
    r->cap = cap;
    r->priority = (unsigned) m->priority;
    r->received_us = now_us;
    r->wall_ms = m->wall_ms;
    r->deadline_ms = m->deadline_ms;
    rc = wf_map_put(t->by_key, &r->key, sizeof r->key, r);
    if (rc != 0) {
        goto out;
    }
    rc = wf_map_put(t->by_number, &r->number, sizeof r->number, r);
    if (rc != 0) {
        (void) wf_map_take(t->by_key, &r->key, sizeof r->key);
        goto out;
    }
    t->next_number++;
    wf_list_push_back(&t->waiting, &r->node);
    t->nwaiting++;
    *ret_run = r;
    return 0;
out:
    run_free(r);
    return rc;
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

static size_t *count_of(struct runs *t, unsigned phase)
{
    return phase == RUN_WAITING    ? &t->nwaiting
           : phase == RUN_FINISHED ? &t->nfinished
                                   : &t->nrunning;
}

void run_move(struct runs *t, struct run *r, unsigned to)
{
    struct wf_list_node *const lists[RUN_PHASES] = {&t->waiting, &t->running, &t->running,
                                                    &t->finished};
    unsigned from = r->phase;

    wf_sm_move(states, RUN_PHASES, &r->phase, to);
    wf_list_remove(&r->node);
    wf_list_push_back(lists[to], &r->node);
    --*count_of(t, from);
    ++*count_of(t, to);
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
    --*count_of(t, r->phase);
    wf_heap_remove(&t->timers, &r->timer);
    (void) wf_map_take(t->by_key, &r->key, sizeof r->key);
    (void) wf_map_take(t->by_number, &r->number, sizeof r->number);
    run_free(r);
}
