/* Invariants and the state hash: what the simulator asks after every step. */
#include "broker/core/jobs/hedge.h"
#include "broker/core/jobs/ledger.h"
#include "broker/core/mesh/numbers.h"
#include "broker/core/place/routes.h"

#include "common/check.h"
#include "common/fnv.h"

#include <string.h>

static void check_agent(const struct core *c, const struct agent *a)
{
    uint64_t held = 0, offered = 0, running = 0, bytes = 0;

    for (const struct wf_list_node *n = a->attempts.next; n != &a->attempts;
         n = n->next) {
        const struct job *j = CONTAINER_OF(n, struct job, in_agent);

        WF_CHECK(j->agent == a && j->occupies);
        /* An agent that is away for good holds only what its jobs let it keep. */
        WF_CHECK(a->state != AGENT_OFFLINE || j->cut_us != 0 || c->rolled_back);
        held++;
        running += j->started_us != 0;
        bytes += job_weight(j);
    }
    for (unsigned i = 0; i < a->noffers; i++) {
        offered += a->offers[i].assigned;
    }
    WF_CHECK(held == a->assigned && running == a->running && bytes == a->bytes);
    WF_CHECK(offered <= held);
    routes_check(c, a);
    WF_CHECK((a->session != NULL) == (a->state == AGENT_UP || a->state == AGENT_TORPID));
    WF_CHECK(a->session == NULL || wf_map_get(c->sessions.by_peer, &a->session->peer,
                                              sizeof a->session->peer) == a->session);
}

static size_t check_job(const struct core *c, const struct job *j)
{
    int final = wf_job_is_final(j->state);
    int at_agent = j->state == WF_JOB_ASSIGNED || j->state == WF_JOB_RUNNING;

    WF_CHECK(final == !wf_list_empty(&j->in_done));
    WF_CHECK(j->occupies == !wf_list_empty(&j->in_agent));
    WF_CHECK(!at_agent || j->occupies);
    WF_CHECK(!j->occupies || j->agent != NULL);
    WF_CHECK(j->asked == 0 || j->occupies);
    hedge_check(c, j);
    /* Something will move it on: its queue, its timer, its record, the one that it
     * follows or the agents that are to come back. */
    WF_CHECK(final || at_agent || !wf_list_empty(&j->in_queue) || wf_heap_in(&j->timer) ||
             !wf_list_empty(&j->in_ledger) || !wf_list_empty(&j->in_followers) ||
             j->unclaimed);
    WF_CHECK(!final || !wf_heap_in(&j->timer));
    WF_CHECK(final || j->deadline_us == 0 || wf_heap_in(&j->timer) || j->unclaimed);
    WF_CHECK(!final || !ledger_settled(c, j) || wf_list_empty(&j->watches));
    WF_CHECK(j->class_ != WF_CLASS_DURABLE || !wf_list_empty(&j->in_ledger) ||
             (j->dirty == 0 && j->lsn <= c->durable_lsn));
    WF_CHECK(j->class_ != WF_CLASS_DURABLE || j->told || !wf_list_empty(&j->in_ledger));
    WF_CHECK(j->class_ != WF_CLASS_DURABLE || j->attempt <= j->reserved);
    WF_CHECK(wf_digest_is_zero(&j->blob) ||
             catalogue_get(&c->data.catalogue, &j->blob) != NULL);
    WF_CHECK((j->leader != NULL) == !wf_list_empty(&j->in_followers));
    WF_CHECK(j->leader == NULL || (!at_agent && !j->occupies));
    return job_bytes(j);
}

static size_t list_len(const struct wf_list_node *head)
{
    size_t n = 0;

    for (const struct wf_list_node *x = head->next; x != head; x = x->next) {
        n++;
    }
    return n;
}

static void check_queues(const struct core *c)
{
    const struct capability *cap;
    size_t it = 0;

    while ((cap = wf_map_next(c->capabilities.by_name, &it)) != NULL) {
        size_t n = 0;

        for (unsigned p = 0; p < PRIORITIES; p++) {
            n += list_len(&cap->ready[p]) + list_len(&cap->picky[p]);
        }
        WF_CHECK(n == cap->nready);
        WF_CHECK(list_len(&cap->offers) == cap->noffers);
    }
}

void core_check(const struct core *c)
{
    size_t bytes = 0, live = 0, all = 0;

    for (const struct wf_list_node *n = c->jobs.all.next; n != &c->jobs.all;
         n = n->next) {
        const struct job *j = CONTAINER_OF(n, struct job, in_all);

        bytes += check_job(c, j);
        live += !wf_job_is_final(j->state);
        all++;
    }
    WF_CHECK(all == wf_map_len(c->jobs.by_id));
    WF_CHECK(live == c->jobs.live && all - live == c->jobs.retained);
    WF_CHECK(bytes == c->jobs.bytes);
    /* What was accepted stays, also when more comes out of the store than may come in. */
    /* What is taken over comes to what there is. */
    WF_CHECK(live <= (c->cfg.shared ? c->cfg.max_jobs + c->replayed
                                    : wf_max_u64(c->cfg.max_jobs, c->replayed)));
    for (const struct wf_list_node *n = c->agents.all.next; n != &c->agents.all;
         n = n->next) {
        check_agent(c, CONTAINER_OF(n, struct agent, in_all));
    }
    check_queues(c);
    data_check(c);
}

/* FNV-1a: the hash must be the same on every machine, so integers are fed as bytes of a
 * fixed order and pointers not at all. */
static uint64_t mix(uint64_t h, uint64_t v)
{
    return wf_fnv_u64(h, v);
}

static uint64_t mix_bytes(uint64_t h, const void *p, size_t len)
{
    return wf_fnv_u64(wf_fnv_bytes(h, p, len), len);
}

uint64_t core_hash(const struct core *c)
{
    uint64_t h = WF_FNV_START;

    for (const struct wf_list_node *n = c->jobs.all.next; n != &c->jobs.all;
         n = n->next) {
        const struct job *j = CONTAINER_OF(n, struct job, in_all);

        h = mix_bytes(h, j->id.b, sizeof j->id.b);
        h = mix(mix(mix(h, j->state), j->attempt), j->tries);
        h = mix(mix(mix(h, j->lsn), j->reserved), j->told);
        h = mix(mix(h, (uint64_t) j->code), j->seq);
        h = mix_bytes(h, j->data, j->data_len);
        h = mix_bytes(h, j->log.p, j->log.len);
    }
    for (const struct wf_list_node *n = c->agents.all.next; n != &c->agents.all;
         n = n->next) {
        const struct agent *a = CONTAINER_OF(n, struct agent, in_all);

        h = mix_bytes(h, a->principal->name, strlen(a->principal->name));
        h = mix(mix(mix(h, a->state), a->assigned), a->done);
        h = mix(h, wf_ewma_mean(&a->rtt_us));
    }
    return mix(mix(h, c->rng.s), c->news.next);
}

static uint64_t dataset_hash(const struct dataset *d)
{
    uint64_t h = mix_bytes(WF_FNV_START, d->key, strlen(d->key));

    h = mix_bytes(h, d->owner->key.b, sizeof d->owner->key.b);
    h = mix_bytes(h, d->labels.p, d->labels.len);
    h = mix(mix(mix(h, d->seq), d->created_ms), d->nfiles);
    for (size_t i = 0; i < d->nfiles; i++) {
        const struct dataset_file *f = &d->files[i];

        h = mix_bytes(h, f->path, strlen(f->path));
        h = mix(mix_bytes(h, f->blob->digest.b, sizeof f->blob->digest.b), f->blob->size);
    }
    return h;
}

static uint64_t datasets_hash(const struct core *c)
{
    const struct datasets *ds = &c->data.datasets;
    uint64_t sum = 0;

    for (size_t i = 0; i < ds->nnames; i++) {
        const struct wf_list_node *head = &ds->names[i]->versions;

        for (const struct wf_list_node *n = head->next; n != head; n = n->next) {
            sum += dataset_hash(CONTAINER_OF(n, struct dataset, in_series));
        }
    }
    return sum;
}

/* Jobs by number, whatever order they came in. */
uint64_t core_durable_hash(const struct core *c)
{
    uint64_t sum = datasets_hash(c);
    const struct principal *p;
    size_t it = 0;

    for (const struct wf_list_node *n = c->jobs.all.next; n != &c->jobs.all;
         n = n->next) {
        const struct job *j = CONTAINER_OF(n, struct job, in_all);
        uint64_t h = WF_FNV_START;

        if (j->class_ != WF_CLASS_DURABLE) {
            continue;
        }
        h = mix_bytes(h, j->id.b, sizeof j->id.b);
        h = mix_bytes(h, j->owner->key.b, sizeof j->owner->key.b);
        h = mix_bytes(h, j->bytes, j->bytes_len);
        h = mix(mix(h, j->seq), j->max_tries);
        if (wf_job_is_final(j->state)) {
            h = mix(mix(mix(h, j->state), (uint64_t) j->code), j->attempt);
            h = mix(h, j->number);
            h = mix_bytes(h, j->data, j->data_len);
            h = mix_bytes(h, j->reason, j->reason != NULL ? strlen(j->reason) : 0);
        } else {
            h = mix(mix(mix(mix(h, j->reserved), j->tries), j->crashes), j->lost);
            h = mix(h, j->wishes == NULL ? numbers_recorded(j) : 0);
        }
        sum += h;
    }
    while ((p = wf_map_next(c->registry.keys, &it)) != NULL) {
        sum += mix(mix_bytes(p->role, p->key.b, sizeof p->key.b), p->state);
    }
    it = 0;
    while ((p = wf_map_next(c->registry.tokens, &it)) != NULL) {
        sum += mix(mix_bytes(p->role, p->key.b, sizeof p->key.b), p->state);
    }
    return sum;
}
