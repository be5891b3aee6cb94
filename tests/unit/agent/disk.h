/* disk.h - a node that is cut off, with what its shell would have on its disk
 */
#ifndef TESTS_UNIT_AGENT_DISK_H
#define TESTS_UNIT_AGENT_DISK_H

#include "tests/unit/agent/bed.h"

#define DISK_MAX 700

/* What the shell would have on its disk: all that was appended. */
struct disk {
    struct {
        uint64_t lsn;
        struct wf_buf bytes; /* key, value */
    } row[DISK_MAX];
    unsigned n, puts, deletes, syncs;
};

WF_UNUSED static void disk_remove(struct disk *d, const uint8_t *key)
{
    for (unsigned i = 0; i < d->n; i++) {
        if (memcmp(d->row[i].bytes.p, key, NODE_SPOOL_KEY) == 0) {
            wf_buf_fini(&d->row[i].bytes);
            memmove(&d->row[i], &d->row[i + 1], (d->n - i - 1) * sizeof d->row[0]);
            d->n--;
            return;
        }
    }
}

/* Carry out what the last step asked for. */
WF_UNUSED static void write_out(const struct bed *b, struct disk *d)
{
    d->puts = d->deletes = d->syncs = 0;
    for (size_t i = 0; i < b->fx.n; i++) {
        const struct wf_effect *x = &b->fx.v[i];
        const uint8_t *p = wf_effect_bytes(&b->fx, x);

        d->syncs += x->kind == WF_EFFECT_SYNC;
        if (x->kind != WF_EFFECT_APPEND) {
            continue;
        }
        must(x->len >= NODE_SPOOL_KEY && x->peer == NODE_SPOOL_TABLE);
        disk_remove(d, p);
        if (x->len == NODE_SPOOL_KEY) {
            d->deletes++;
            continue;
        }
        must(d->n < DISK_MAX);
        d->puts++;
        d->row[d->n].lsn = x->arg;
        wf_buf_init(&d->row[d->n].bytes, WF_FRAME_MAX);
        must(wf_buf_put(&d->row[d->n++].bytes, p, x->len) == 0);
    }
}

WF_UNUSED static void wipe(struct disk *d)
{
    for (unsigned i = 0; i < d->n; i++) {
        wf_buf_fini(&d->row[i].bytes);
    }
    *d = (struct disk){.n = 0};
}

/* Another process on the same disk, which has not connected yet. */
WF_UNUSED static void reboot(struct bed *b, const struct disk *d)
{
    node_free(b->n);
    b->nstarted = 0;
    b->now_us = SECOND; /* the machine's clock begins anew */
    must(node_new(&b->cfg, &b->n) == 0);
    for (unsigned i = 0; i < d->n; i++) {
        const struct wf_buf *row = &d->row[i].bytes;
        struct node_event ev = {.kind = NODE_RECORD, .lsn = d->row[i].lsn};

        ev.key = wf_slice_make(row->p, NODE_SPOOL_KEY);
        ev.value = wf_slice_make(row->p + NODE_SPOOL_KEY, row->len - NODE_SPOOL_KEY);
        step(b, &ev);
    }
    happens(b, NODE_START);
}

WF_UNUSED static void open_spooling(struct bed *b, uint64_t slots, uint64_t queue)
{
    init_bed(b, slots, queue);
    b->cfg.spool_bytes = 1u << 20;
    b->cfg.spool_age_ms = 60000;
    b->cfg.caps[0].wall_ms = 0;
    start_bed(b);
}

WF_UNUSED static void cut(struct bed *b, struct disk *d)
{
    happens(b, NODE_LINK_DOWN);
    write_out(b, d);
}

/* Until nothing is due at once. */
WF_UNUSED static void wait_ms(struct bed *b, struct disk *d, uint64_t ms)
{
    b->now_us += ms * MS;
    happens(b, NODE_TICK);
    write_out(b, d);
}

WF_UNUSED static void ended(struct bed *b, struct disk *d, unsigned i, const char *text,
                            int code)
{
    if (text != NULL) {
        prints(b, b->started[i], 1, text);
    }
    ends(b, b->started[i], code);
    write_out(b, d);
}

WF_UNUSED static void acks(struct bed *b, struct disk *d, uint8_t id)
{
    const struct wf_result_ack ack = {id_of(id), 1};

    hears(b, WF_MSG_result_ack, &ack);
    write_out(b, d);
}

/* Dial and be welcome. */
WF_UNUSED static void back(struct bed *b, struct disk *d)
{
    for (int i = 0; i < 50 && node_link(b->n)->state != WF_LINK_DIALLING; i++) {
        wait_ms(b, d, 300);
    }
    connect(b);
    write_out(b, d);
}

WF_UNUSED static void assign_until(struct bed *b, uint8_t id, uint64_t stop_after_ms)
{
    const struct wf_assign m = {.job = id_of(id),
                                .attempt = 1,
                                .seq = id,
                                .capability = wf_slice_of("echo"),
                                .version = 1,
                                .payload = wf_slice_of("ping"),
                                .stop_after_ms = stop_after_ms};

    hears(b, WF_MSG_assign, &m);
}

#endif
