#include "broker/core/jobs/reuse.h"

#include "broker/core/jobs/ledger.h"
#include "broker/core/jobs/work.h"
#include "common/err.h"
#include "common/fnv.h"
#include "common/plant.h"

#include <string.h>

/* Finds candidates only: likeness itself is compared byte by byte. */
static uint64_t hash_of(const struct core *c, const struct job *j)
{
    uint64_t h = WF_FNV_START ^ c->cfg.seed;
    struct wf_slice payload = job_payload(j);

    h = wf_fnv_bytes(h, j->owner->key.b, sizeof j->owner->key.b);
    h = wf_fnv_bytes(h, j->capability->name, strlen(j->capability->name));
    h = wf_fnv_bytes(h, &j->version, sizeof j->version);
    h = wf_fnv_bytes(h, j->payload_blob.b, sizeof j->payload_blob.b);
    h = wf_fnv_bytes(h, j->inputs.p, j->inputs.len);
    if (WF_PLANT(REUSE_ANY)) {
        payload.len = 0;
    }
    return wf_fnv_bytes(h, payload.p, payload.len);
}

static int is_like(const struct job *a, const struct job *b)
{
    return a->owner == b->owner && a->capability == b->capability &&
           (WF_PLANT(REUSE_ANY) || wf_slice_eq(job_payload(a), job_payload(b))) &&
           a->version == b->version &&
           wf_slice_eq(wf_slice_of(a->pin), wf_slice_of(b->pin)) &&
           wf_digest_eq(&a->payload_blob, &b->payload_blob) &&
           wf_slice_eq(wf_slice_make(a->inputs.p, a->inputs.len),
                       wf_slice_make(b->inputs.p, b->inputs.len)) &&
           a->needs.len == b->needs.len &&
           wf_slice_eq(wf_slice_make(a->needs.p, a->needs.len),
                       wf_slice_make(b->needs.p, b->needs.len));
}

/* Ended by the handler: another run would be no different, as far as we know. */
static int ended_by_handler(const struct job *j)
{
    return (j->state == WF_JOB_OK && j->code == 0) ||
           (j->state == WF_JOB_FAILED && !j->retry_failed);
}

static void copy_outcome(struct core *c, struct job *j, const struct job *from,
                         struct wf_effects *out)
{
    const struct work_end end = {.state = from->state,
                                 .code = from->code,
                                 .exit_code = from->exit_code,
                                 .term_signal = from->term_signal,
                                 .wait_us = c->now_us - j->accepted_us,
                                 .cut = from->cut,
                                 .reason = from->reason,
                                 .data = wf_slice_make(from->data, from->data_len)};

    j->reused = from->id;
    /* It is known, with that size: the other one counts on it. */
    (void) data_result(c, j, &from->blob, from->blob_size);
    work_finish(c, j, &end, out);
}

/* Its outcome may be told. */
static int has_ended(const struct core *c, const struct job *j)
{
    return wf_job_is_final(j->state) && ledger_settled(c, j);
}

/* May `j` have the outcome of `other`, now or when it comes? */
static int may_reuse(const struct core *c, const struct job *j, const struct job *other)
{
    if (!has_ended(c, other)) {
        return other->leader == NULL;
    }
    return other->state == WF_JOB_OK && other->code == 0 &&
           c->now_us - other->finished_us <= j->reuse_us;
}

static void lead(struct core *c, struct job *j)
{
    (void) wf_map_take(c->jobs.by_like, &j->like, sizeof j->like);
    /* Without memory for it, like jobs just run. */
    (void) wf_map_put(c->jobs.by_like, &j->like, sizeof j->like, j);
}

static void follow(struct job *j, struct job *leader)
{
    j->leader = leader;
    j->reused = leader->id;
    wf_list_remove(&j->in_followers);
    wf_list_push_back(&leader->followers, &j->in_followers);
}

int reuse_enter(struct core *c, struct job *j, struct wf_effects *out)
{
    struct job *other;

    if (j->reuse_us == 0) {
        return 0;
    }
    j->like = hash_of(c, j);
    other = wf_map_get(c->jobs.by_like, &j->like, sizeof j->like);
    if (other == NULL || other == j || !is_like(j, other) || !may_reuse(c, j, other)) {
        if (!wf_job_is_final(j->state) || j->state == WF_JOB_OK) {
            lead(c, j);
        }
        return 0;
    }
    if (wf_job_is_final(j->state)) {
        return 0;
    }
    c->count.reused++;
    if (has_ended(c, other)) {
        copy_outcome(c, j, other, out);
    } else {
        follow(j, other);
    }
    return 1;
}

/* The oldest follower runs, the others follow it. */
static void succeed(struct core *c, struct job *old, struct wf_effects *out)
{
    struct wf_list_node *n = wf_list_first(&old->followers);
    struct job *heir = CONTAINER_OF(n, struct job, in_followers);

    wf_list_remove(n);
    heir->leader = NULL;
    memset(&heir->reused, 0, sizeof heir->reused);
    lead(c, heir);
    while ((n = wf_list_first(&old->followers)) != NULL) {
        follow(CONTAINER_OF(n, struct job, in_followers), heir);
    }
    if (heir->state == WF_JOB_QUEUED) {
        work_place(c, heir, out);
    }
}

void reuse_finished(struct core *c, struct job *j, struct wf_effects *out)
{
    struct wf_list_node *n;

    if (!ended_by_handler(j)) {
        reuse_leave(c, j, out);
        return;
    }
    j->held = 1; /* a follower that finishes may push others out of the table */
    while ((n = wf_list_first(&j->followers)) != NULL) {
        copy_outcome(c, CONTAINER_OF(n, struct job, in_followers), j, out);
    }
    j->held = 0;
}

void reuse_leave(struct core *c, struct job *j, struct wf_effects *out)
{
    wf_list_remove(&j->in_followers);
    j->leader = NULL;
    if (!wf_list_empty(&j->followers)) {
        succeed(c, j, out);
    }
}
