#include "broker/core/mesh/offers.h"

#include "broker/core/core_int.h"
#include "broker/core/place/routes.h"
#include "common/err.h"
#include "common/fnv.h"

#include <string.h>

#define KNOWN_MAX (8u << 10) /* of WF_CAPS_MAX names */

/* An agent_info of names and versions alone; 0, or WEFT_ENOMEM. */
static int encode(struct core *c, struct wf_rows caps, struct wf_buf *out)
{
    struct wf_agent_info m = {0};
    struct wf_buf *rows = core_rows(c, 0);
    struct wf_cap_row row;
    int rc = 0;

    while (rc == 0 && wf_rows_next(&caps, wf_desc_cap_row(), &row)) {
        const struct wf_cap_row known = {
            .name = row.name, .version = row.version, .slots = 1};

        rc = wf_rows_add(rows, &m.caps, wf_desc_cap_row(), &known);
    }
    return rc == 0 ? wf_msg_encode(out, WF_MSG_agent_info, &m) : rc;
}

/* That how far its agents are is measured again and again is no change. */
static void note_change(struct neighbour *x, const struct wf_agent_info *m,
                        uint64_t now_us)
{
    uint64_t hash = wf_fnv_bytes(WF_FNV_START, m->caps.p, m->caps.len);

    hash = wf_fnv_u64(wf_fnv_u64(hash, m->slots), m->data_cap);
    hash = wf_fnv_u64(wf_fnv_u64(hash, m->cpus), m->mem);
    hash = wf_fnv_bytes(hash, m->class_.p, m->class_.len);
    if (hash != x->offers) {
        x->offers = hash;
        x->offers_us = now_us;
    }
}

void offers_heard(struct core *c, struct agent *a, const struct wf_agent_info *m,
                  struct wf_effects *out)
{
    struct wf_buf *known = &a->neighbour->known;
    struct wf_buf now = WF_BUF_INIT(KNOWN_MAX);

    note_change(a->neighbour, m, c->now_us);
    if (m->caps.count == 0 || !c->cfg.durable || c->store_failing) {
        return;
    }
    if (encode(c, m->caps, &now) == 0 &&
        (now.len != known->len || memcmp(now.p, known->p, now.len) != 0)) {
        wf_buf_clear(known);
        if (wf_buf_put(known, now.p, now.len) == 0) {
            (void) core_persist(c, REGISTRY_KEYS, a->principal, out);
        }
    }
    wf_buf_fini(&now);
}

int offers_replay(struct core *c, struct agent *a, struct wf_slice record)
{
    struct wf_slice told;
    struct wf_msg msg;
    int rc = mesh_neighbour(c, a);

    if (rc != 0 || registry_known(record, &told) != 0 || told.len == 0) {
        return rc;
    }
    if (wf_msg_read(told, WF_MSG_agent_info, &msg) != 0) {
        return WEFT_EPROTO;
    }
    rc = wf_buf_put(&a->neighbour->known, told.p, told.len);
    if (rc == 0) {
        rc = routes_add(c, a);
    }
    if (rc == 0) {
        rc = agent_set_info(a, &msg.u.agent_info, &c->capabilities);
    }
    if (rc == 0) {
        routes_info(c, a);
    }
    return rc;
}
