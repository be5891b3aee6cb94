#include "agent/core/node_int.h"

/* A change of a metric by less than 1/16 of it is not worth a message. */
#define DELTA_SHIFT 4

/* -- what we are -----------------------------------------------------------------------
 */

static void add_caps(const struct node *n, struct wf_buf *store, struct wf_rows *rows)
{
    for (unsigned i = 0; i < n->cfg.ncaps; i++) {
        const struct node_capability *c = &n->cfg.caps[i];
        const struct wf_cap_row row = {.name = wf_slice_of(c->name),
                                       .version = c->version,
                                       .kind = c->kind,
                                       .slots = c->slots,
                                       .queue = c->queue,
                                       .wall_ms = c->wall_ms,
                                       .net = c->net != 0,
                                       .warm =
                                           c->kind == WF_HANDLER_INPROC || n->warm[i]};

        (void) wf_rows_add(store, rows, wf_desc_cap_row(), &row);
    }
}

/* Where none is set, what the broker calls this kind of place. */
static struct wf_slice class_of(const struct node *n)
{
    if (n->cfg.class_[0] != '\0' || n->link.welcome.tier == WF_TIER_NONE) {
        return wf_slice_of(n->cfg.class_);
    }
    return wf_slice_of(wf_tier_name(n->link.welcome.tier));
}

void node_tell_info(struct node *n, struct wf_effects *out)
{
    const struct node_facts *f = &n->facts;
    struct wf_agent_info m = {.seq = ++n->info_seq,
                              .arch = wf_slice_of(f->arch),
                              .cpu = wf_slice_of(f->cpu),
                              .cpus = f->cpus,
                              .mem = f->mem,
                              .disk = f->disk,
                              .slots = n->cfg.slots,
                              .sandbox = wf_slice_of(f->sandbox),
                              .sandbox_why = wf_slice_of(f->sandbox_why),
                              .draining =
                                  n->drained_by_owner || n->gone_us != 0 || n->moving,
                              .bulk = wf_slice_of(n->cfg.bulk),
                              .data_cap = n->cfg.data_cap,
                              .class_ = class_of(n),
                              .speed_pm = n->cfg.speed_pm,
                              .metered = n->cfg.metered != 0,
                              .spot = n->cfg.spot != 0,
                              .notice_ms = node_left_ms(n)};

    for (size_t i = 0; i < ARRAY_LEN(n->rows); i++) {
        wf_buf_clear(&n->rows[i]);
    }
    add_caps(n, &n->rows[0], &m.caps);
    for (unsigned i = 0; i < f->naccels; i++) {
        const struct wf_accel_row row = {wf_slice_of(f->accels[i].kind),
                                         wf_slice_of(f->accels[i].name),
                                         f->accels[i].mem};

        (void) wf_rows_add(&n->rows[1], &m.accels, wf_desc_accel_row(), &row);
    }
    for (unsigned i = 0; i < n->cfg.nlabels; i++) {
        const struct wf_label_row row = {wf_slice_of(n->cfg.labels[i])};

        (void) wf_rows_add(&n->rows[2], &m.labels, wf_desc_label_row(), &row);
    }
    node_send(n, out, WF_MSG_agent_info, &m);
}

void node_note_warm(struct node *n, unsigned cap, int on, struct wf_effects *out)
{
    if (n->warm[cap] != (on != 0)) {
        n->warm[cap] = on != 0;
        node_tell_info(n, out);
    }
}

static int differs(uint64_t was, uint64_t now)
{
    uint64_t by = was > now ? was - now : now - was;

    return by != 0 && by >= was >> DELTA_SHIFT;
}

void node_tell_metrics(struct node *n, uint32_t known, const uint64_t *metrics,
                       struct wf_effects *out)
{
    struct wf_telemetry m = {.seq = ++n->telemetry_seq};

    wf_buf_clear(&n->rows[0]);
    for (unsigned id = 0; n->link.state == WF_LINK_READY && id < WF_METRICS; id++) {
        const struct wf_metric_row row = {id, metrics[id]};
        uint32_t bit = 1u << id;

        if ((known & bit) == 0 ||
            ((n->sent_known & bit) != 0 && !differs(n->sent[id], metrics[id]))) {
            continue;
        }
        n->sent[id] = metrics[id];
        n->sent_known |= bit;
        (void) wf_rows_add(&n->rows[0], &m.metrics, wf_desc_metric_row(), &row);
    }
    if (m.metrics.count != 0) {
        node_send(n, out, WF_MSG_telemetry, &m);
    }
}
