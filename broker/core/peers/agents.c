#include "broker/core/peers/agents.h"

#include "common/err.h"
#include "common/mem.h"
#include "common/rtt.h"
#include "common/sm.h"
#include "proto/name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ACCEL_BYTES (16u << 10)

static const struct wf_sm_state states[AGENT_STATES] = {
    [AGENT_OFFLINE] = {"offline", WF_SM_TO(AGENT_UP)},
    [AGENT_UP] = {"up", WF_SM_TO(AGENT_UP) | WF_SM_TO(AGENT_TORPID) |
                            WF_SM_TO(AGENT_LOST) | WF_SM_TO(AGENT_OFFLINE)},
    [AGENT_TORPID] = {"torpid", WF_SM_TO(AGENT_UP) | WF_SM_TO(AGENT_LOST) |
                                    WF_SM_TO(AGENT_OFFLINE)},
    [AGENT_LOST] = {"lost", WF_SM_TO(AGENT_UP) | WF_SM_TO(AGENT_OFFLINE)},
};

int agents_init(struct agents *t, size_t max)
{
    *t = (struct agents){.max = max};
    wf_list_init(&t->all);
    wf_heap_init(&t->graces, max);
    return 0;
}

void agents_fini(struct agents *t)
{
    struct wf_list_node *n;

    if (t->all.next == NULL) {
        return;
    }
    wf_heap_fini(&t->graces);
    while ((n = wf_list_first(&t->all)) != NULL) {
        struct agent *a = CONTAINER_OF(n, struct agent, in_all);

        wf_list_remove(n);
        wf_buf_fini(&a->accel_store);
        links_fini(&a->links);
        wf_free(a);
    }
}

int agents_need(struct agents *t, struct principal *p, struct agent **ret_agent)
{
    struct agent *a = p->agent;

    if (a == NULL) {
        if (t->n >= t->max) {
            return WEFT_EFULL;
        }
        a = wf_calloc(1, sizeof *a);
        if (a == NULL) {
            return WEFT_ENOMEM;
        }
        a->principal = p;
        a->node = ROUTE_NONE;
        a->speed_pm = 1000;
        p->agent = a;
        wf_list_init(&a->attempts);
        wf_list_init(&a->shares);
        wf_list_init(&a->orders);
        wf_list_push_back(&t->all, &a->in_all);
        wf_buf_init(&a->accel_store, ACCEL_BYTES);
        t->n++;
    }
    *ret_agent = a;
    return 0;
}

void agent_move(struct agent *a, unsigned to, uint64_t now_us)
{
    if (a->state != to) {
        a->since_us = now_us;
    }
    wf_sm_move(states, AGENT_STATES, &a->state, to);
}

unsigned agent_closed(const struct agent *a)
{
    if (a->principal->state == WF_KEY_REVOKED) {
        return PLACE_REVOKED;
    }
    /* What is assigned before the resync comes would look lost when it does. */
    if (a->state == AGENT_OFFLINE || a->state == AGENT_LOST || !a->synced) {
        return PLACE_OFFLINE;
    }
    if (a->state == AGENT_TORPID) {
        return PLACE_SILENT;
    }
    return a->draining || a->principal->drained ? PLACE_DRAINING : PLACE_PASSED;
}

static int info_is_sound(const struct wf_agent_info *info)
{
    struct wf_rows rows = info->caps;
    struct wf_cap_row cap;
    struct wf_label_row label;

    while (wf_rows_next(&rows, wf_desc_cap_row(), &cap)) {
        if (!wf_name_ok(cap.name) || cap.version == 0 || cap.slots == 0) {
            return 0;
        }
    }
    rows = info->labels;
    while (wf_rows_next(&rows, wf_desc_label_row(), &label)) {
        if (!wf_label_ok(label.text)) {
            return 0;
        }
    }
    return 1;
}

static struct offer *find_offer(struct offer *v, unsigned n, const struct capability *c,
                                uint32_t version)
{
    for (unsigned i = 0; i < n; i++) {
        if (v[i].capability == c && (version == 0 || v[i].version == version)) {
            return &v[i];
        }
    }
    return NULL;
}

struct offer *agent_offer(struct agent *a, const struct capability *c, uint32_t version)
{
    return find_offer(a->offers, a->noffers, c, version);
}

static void set_offers(struct agent *a, const struct wf_agent_info *info,
                       struct capabilities *caps)
{
    struct offer old[WF_CAPS_MAX];
    unsigned nold = a->noffers;
    struct wf_rows rows = info->caps;
    struct wf_cap_row row;

    memcpy(old, a->offers, sizeof old);
    for (unsigned i = 0; i < nold; i++) {
        wf_list_remove(&a->offers[i].peers);
        a->offers[i].capability->noffers--;
    }
    a->noffers = 0;
    while (a->noffers < WF_CAPS_MAX && wf_rows_next(&rows, wf_desc_cap_row(), &row)) {
        struct capability *c = capabilities_get(caps, row.name);
        struct offer *o = &a->offers[a->noffers];
        const struct offer *was;

        if (c == NULL || agent_offer(a, c, (uint32_t) row.version) != NULL) {
            continue;
        }
        was = find_offer(old, nold, c, (uint32_t) row.version);
        *o = was != NULL ? *was : (struct offer){0};
        o->agent = a;
        o->assigned = 0;
        o->capability = c;
        o->version = (uint32_t) row.version;
        o->kind = (unsigned) row.kind;
        o->slots = row.slots;
        o->queue = row.queue;
        o->wall_ms = row.wall_ms;
        o->net = row.net != 0;
        o->warm = row.warm != 0;
        o->hops = (unsigned) row.hops;
        o->price_pusd = row.price_pusd;
        wf_list_init(&o->peers);
        wf_list_push_back(&c->offers, &o->peers);
        c->noffers++;
        a->noffers++;
    }
    /* An offer may be gone for a while and come back: what it holds is counted anew. */
    for (struct wf_list_node *n = wf_list_first(&a->attempts); n != NULL;
         n = wf_list_next(&a->attempts, n)) {
        const struct job *j = CONTAINER_OF(n, struct job, in_agent);
        struct offer *o = agent_offer(a, j->capability, j->ran_version);

        if (o != NULL) {
            o->assigned++;
        }
    }
}

static void set_text(struct agent *a, const struct wf_agent_info *info)
{
    struct wf_rows rows = info->labels;
    struct wf_label_row label;

    wf_slice_str(info->arch, a->arch, sizeof a->arch);
    wf_slice_str(info->cpu, a->cpu, sizeof a->cpu);
    wf_slice_str(info->sandbox, a->sandbox, sizeof a->sandbox);
    wf_slice_str(info->class_, a->class_, sizeof a->class_);
    wf_slice_str(info->bulk, a->bulk, sizeof a->bulk);
    wf_slice_str(info->sandbox_why, a->sandbox_why, sizeof a->sandbox_why);
    a->nlabels = 0;
    while (a->nlabels < WF_LABELS_MAX &&
           wf_rows_next(&rows, wf_desc_label_row(), &label)) {
        wf_slice_str(label.text, a->labels[a->nlabels++], sizeof a->labels[0]);
    }
}

int agent_set_info(struct agent *a, const struct wf_agent_info *info,
                   struct capabilities *caps)
{
    struct wf_rows rows = info->caps;
    struct wf_cap_row cap;
    struct capability *c;

    if (!info_is_sound(info)) {
        return WEFT_EPROTO;
    }
    capabilities_make_room(caps, info->caps.count);
    while (wf_rows_next(&rows, wf_desc_cap_row(), &cap)) {
        int rc = capabilities_need(caps, cap.name, &c);

        if (rc != 0) {
            return rc;
        }
    }
    wf_buf_clear(&a->accel_store);
    if (wf_buf_put(&a->accel_store, info->accels.p, info->accels.len) == 0) {
        a->accels =
            (struct wf_rows){a->accel_store.p, info->accels.len, info->accels.count};
    } else {
        a->accels = (struct wf_rows){0};
    }
    set_offers(a, info, caps);
    set_text(a, info);
    a->info_seq = info->seq;
    a->slots = info->slots;
    a->cpus = info->cpus;
    a->mem = info->mem;
    a->disk = info->disk;
    a->data_cap = info->data_cap;
    a->price_pusd = info->price_pusd;
    a->hop_us = (uint32_t) wf_min_u64(info->hop_us, WF_RTT_MAX_US);
    a->speed_pm = info->speed_pm != 0 ? (uint32_t) info->speed_pm : 1000;
    a->metered = info->metered != 0;
    a->spot = info->spot != 0;
    a->draining = info->draining != 0;
    return 0;
}

static const char *number(char *room, size_t cap, uint64_t v)
{
    (void) snprintf(room, cap, "%" PRIu64, v);
    return room;
}

/* The value of "key=value" in a list of labels. */
static const char *label_value(const char (*labels)[WF_LABEL_MAX + 1], unsigned n,
                               struct wf_slice key)
{
    for (unsigned i = 0; i < n; i++) {
        if (strncmp(labels[i], (const char *) key.p, key.len) == 0 &&
            labels[i][key.len] == '=') {
            return labels[i] + key.len + 1;
        }
    }
    return NULL;
}

const char *agent_attribute(const struct agent *a, struct wf_slice key, char *room,
                            size_t cap)
{
    const struct principal *p = a->principal;
    const char *v;

    if (wf_slice_is(key, "site")) {
        return p->site[0] != '\0' ? p->site : NULL;
    }
    if (wf_slice_is(key, "tier")) {
        return p->tier != WF_TIER_NONE ? wf_tier_name(p->tier) : NULL;
    }
    if (wf_slice_is(key, "name")) {
        return p->name;
    }
    if (wf_slice_is(key, "arch")) {
        return a->arch;
    }
    if (wf_slice_is(key, "sandbox")) {
        return a->sandbox;
    }
    if (wf_slice_is(key, "cpus")) {
        return number(room, cap, a->cpus);
    }
    if (wf_slice_is(key, "mem")) {
        return number(room, cap, a->mem);
    }
    if (wf_slice_is(key, "gpu")) {
        return number(room, cap, a->accels.count);
    }
    v = label_value((const char(*)[WF_LABEL_MAX + 1]) p->labels, p->nlabels, key);
    return v != NULL ? v
                     : label_value((const char(*)[WF_LABEL_MAX + 1]) a->labels,
                                   a->nlabels, key);
}

struct wf_slice job_node(const struct job *j)
{
    return wf_slice_of(j->agent != NULL ? j->agent->principal->name
                       : j->was_ours    ? j->was_ours
                                        : "");
}

unsigned agent_view_state(const struct agent *a)
{
    static const unsigned view[AGENT_STATES] = {WF_NODE_OFFLINE, WF_NODE_UP,
                                                WF_NODE_TORPID, WF_NODE_LOST};

    if (a->principal->state == WF_KEY_REVOKED) {
        return WF_NODE_REVOKED;
    }
    if ((a->principal->drained || a->draining) && a->state == AGENT_UP) {
        return a->assigned != 0 ? WF_NODE_DRAINING : WF_NODE_DRAINED;
    }
    return view[a->state];
}
