#include "tests/sim/sim.h"

#include "common/check.h"

#include <string.h>

/* What EV_SHELF brings; the bytes of a write follow it. */
struct errand {
    enum wf_effect_kind kind;
    struct wf_blob_ref ref;
    struct wf_blob_read read;
    uint64_t chunk;
};

/* The bytes of an answer; used within one step. */
static uint8_t answer_bytes[WF_CHUNK_MAX];

static int mine(const struct sim *s, unsigned pct, struct clock *c)
{
    return !s->healed && !s->swarm.calm && percent(c, pct);
}

/* -- what there is ---------------------------------------------------------------------
 */

void shelf_draw(struct sim *s, struct device *d, int keeper)
{
    struct shelf *f = &d->shelf;

    *f = (struct shelf){.on = s->data, .keeper = s->data && keeper};
    for (unsigned i = 0; f->on && i < GOODS; i++) {
        const struct good *x = &s->goods.v[i];

        if (keeper || percent(&s->clock, 20)) {
            f->have[i] = good_all(x);
        } else if (percent(&s->clock, 20)) {
            f->have[i] = (uint8_t) below(&s->clock, good_all(x));
        }
        f->begun[i] = f->leaves[i] = f->have[i] != 0;
    }
    f->rotten = f->on && !keeper && !s->swarm.calm && percent(&s->clock, 15);
}

static void tell_held(struct sim *s, struct device *d, unsigned i)
{
    const struct shelf *f = &d->shelf;
    const struct good *x = &s->goods.v[i];
    struct node_hold hold = {.digest = x->digest, .size = x->size};
    struct node_event ev = {.kind = NODE_BLOB_HELD, .hold = &hold};

    for (unsigned k = 0; k < x->chunks; k++) {
        hold.have += (f->have[i] >> k & 1) != 0 ? wf_chunk_len(x->size, k) : 0;
    }
    hold.flags = f->pinned[i] ? WF_HOLD_PINNED : 0;
    hold.gone = !f->begun[i];
    device_do(s, d, &ev);
}

void shelf_list(struct sim *s, struct device *d)
{
    struct node_event ev = {.kind = NODE_BLOBS_LISTED, .room = 1u << 30};

    for (unsigned i = 0; i < GOODS; i++) {
        if (d->shelf.begun[i]) {
            tell_held(s, d, i);
        }
    }
    device_do(s, d, &ev);
}

void shelf_end(struct shelf *f)
{
    memset(f->held, 0, sizeof f->held);
    f->free_us = 0;
}

void shelf_power_cut(struct shelf *f, struct clock *c)
{
    for (unsigned i = 0; f->on && !f->keeper && i < GOODS; i++) {
        if ((f->have[i] & (f->have[i] + 1)) != 0) {
            f->have[i] &= (uint8_t) below(c, 256);
        }
    }
}

void shelf_evict(struct sim *s, struct device *d)
{
    struct shelf *f = &d->shelf;
    unsigned i;

    if (!f->on || f->keeper || d->node == NULL || s->swarm.on[FAULT_AGENT_MEMORY]) {
        return;
    }
    i = (unsigned) below(&s->clock, GOODS);
    if (f->begun[i] && !f->held[i] && !f->pinned[i]) {
        f->have[i] = f->begun[i] = f->leaves[i] = 0;
        sim_log(s, d->a.name, "evicts good %u", i);
        tell_held(s, d, i);
    }
}

void shelf_check_run(struct sim *s, const struct device *d, const struct run *r,
                     unsigned good)
{
    const struct good *x = good != 0 ? &s->goods.v[good - 1] : NULL;
    const struct run_files *files;

    s->moved.fed += x != NULL;
    if (x == NULL || s->swarm.on[FAULT_AGENT_MEMORY]) {
        return;
    }
    files = r->inputs != NULL && r->inputs->n == 1 ? r->inputs->v[0].files : NULL;
    if (files == NULL || files->n != 1 ||
        memcmp(&files->v[0].digest, &x->digest, sizeof x->digest) != 0) {
        sim_fail(s, "%s: a handler gets another input than its job has", d->a.name);
    } else if (d->shelf.have[good - 1] != good_all(x) || !d->shelf.held[good - 1]) {
        sim_fail(s, "%s: a handler is started before its input is there and held",
                 d->a.name);
    }
}

/* -- what is asked ---------------------------------------------------------------------
 */

static void later(struct sim *s, struct device *d, const struct errand *want,
                  const void *p, size_t len)
{
    struct shelf *f = &d->shelf;
    struct event *e;
    int rc;

    f->free_us = wf_max_u64(f->free_us, s->clock.now_us) + 20 +
                 below(&s->clock, s->swarm.disk_us / 4 + 1);
    e = actor_at(s, &d->a, f->free_us, EV_SHELF);
    rc = wf_buf_put(&e->bytes, want, sizeof *want);
    WF_CHECK(rc == 0);
    rc = len != 0 ? wf_buf_put(&e->bytes, p, len) : 0;
    WF_CHECK(rc == 0);
}

static void hold(struct sim *s, struct device *d, const struct wf_effect *x)
{
    struct shelf *f = &d->shelf;
    struct wf_digest digest;
    const struct good *g;
    unsigned i;
    int on = x->kind == WF_EFFECT_BLOB_HOLD;

    memcpy(&digest, wf_effect_bytes(&d->a.fx, x), sizeof digest);
    g = goods_find(&s->goods, &digest);
    if (g == NULL) {
        sim_fail(s, "%s asks for a blob that there is not", d->a.name);
        return;
    }
    i = good_index(&s->goods, g);
    if (x->kind == WF_EFFECT_BLOB_KEEP) {
        f->pinned[i] = x->arg == WF_KEEP_PIN;
        return;
    }
    if (f->held[i] == on && !s->swarm.on[FAULT_AGENT_MEMORY]) {
        sim_fail(s, "%s: good %u is %s twice", d->a.name, i, on ? "held" : "released");
    }
    f->held[i] = (uint8_t) on;
}

int shelf_effect(struct sim *s, struct device *d, const struct wf_effect *x)
{
    struct errand want = {.kind = x->kind, .chunk = x->arg};
    const uint8_t *bytes = NULL;
    size_t len = 0;

    switch (x->kind) {
    case WF_EFFECT_BLOB_BEGIN:
    case WF_EFFECT_BLOB_LEAVES:
    case WF_EFFECT_BLOB_WRITE:
        bytes = wf_blob_ref_of(&d->a.fx, x, &want.ref, &len);
        later(s, d, &want, bytes, x->kind == WF_EFFECT_BLOB_BEGIN ? 0 : len);
        return 1;
    case WF_EFFECT_BLOB_READ:
        wf_blob_read_of(&d->a.fx, x, &want.read);
        later(s, d, &want, NULL, 0);
        return 1;
    case WF_EFFECT_BLOB_KEEP:
    case WF_EFFECT_BLOB_HOLD:
    case WF_EFFECT_BLOB_RELEASE:
        hold(s, d, x);
        return 1;
    case WF_EFFECT_BLOB_END:
        return 1; /* what is there stays */
    default:
        return 0;
    }
}

/* -- what is done ----------------------------------------------------------------------
 */

static void begin(struct sim *s, struct device *d, const struct errand *w,
                  const struct good *x)
{
    const unsigned i = good_index(&s->goods, x);
    struct shelf *f = &d->shelf;
    struct node_event ev = {.kind = NODE_BLOB_BEGUN, .ref = &w->ref};

    if (mine(s, s->swarm.on[FAULT_SPOOL] ? 20 : 1, &s->clock)) {
        ev.code = percent(&s->clock, 50) ? WEFT_EFULL : WEFT_EBUSY;
    } else if (f->have[i] == good_all(x)) {
        ev.code = WEFT_EEXIST;
    } else {
        f->begun[i] = 1;
        ev.map = &f->have[i];
        ev.leaves = f->leaves[i];
    }
    device_do(s, d, &ev);
}

static void write(struct sim *s, struct device *d, const struct errand *w,
                  const struct good *x, const uint8_t *p, size_t len)
{
    const unsigned i = good_index(&s->goods, x);
    struct shelf *f = &d->shelf;
    struct node_event ev = {.kind = NODE_BLOB_WRITTEN, .ref = &w->ref, .chunk = w->chunk};
    const uint8_t *right = x->bytes + w->chunk * WF_CHUNK_MIN;

    if (!f->begun[i]) {
        ev.code = WEFT_ENOENT; /* evicted meanwhile */
    } else if (len != wf_chunk_len(x->size, w->chunk) || memcmp(p, right, len) != 0) {
        ev.code = WEFT_EPROTO;
        s->moved.wrong++;
    } else if (mine(s, s->swarm.on[FAULT_SPOOL] ? 10 : 0, &s->clock)) {
        ev.code = WEFT_EFULL;
    } else {
        s->moved.written++;
        f->have[i] |= (uint8_t) (1u << w->chunk);
        if (f->have[i] == good_all(x)) {
            tell_held(s, d, i); /* first, as agent/data/data.c has it */
        }
    }
    device_do(s, d, &ev);
}

/* Returns the length in answer_bytes; 0 and the code. */
static size_t read_chunk(struct sim *s, const struct shelf *f, const struct errand *w,
                         const struct good *x, int *ret_code)
{
    const unsigned i = good_index(&s->goods, x);
    const uint64_t k = w->read.first;
    size_t len;

    if (k >= x->chunks || (f->have[i] >> k & 1) == 0) {
        *ret_code = WEFT_ENOENT;
        return 0;
    }
    len = wf_chunk_len(x->size, k);
    memcpy(answer_bytes, x->bytes + k * WF_CHUNK_MIN, len);
    if (f->rotten && mine(s, 40, &s->clock)) {
        answer_bytes[below(&s->clock, len)] ^= 0x20;
    }
    return len;
}

static size_t read_leaves(struct sim *s, const struct shelf *f, const struct errand *w,
                          const struct good *x, int *ret_code)
{
    const uint64_t n = w->read.count;

    if (!f->leaves[good_index(&s->goods, x)] || w->read.first > x->chunks ||
        n > x->chunks - w->read.first) {
        *ret_code = WEFT_ENOENT;
        return 0;
    }
    memcpy(answer_bytes, &x->leaves[w->read.first], n * sizeof x->leaves[0]);
    if (f->rotten && mine(s, 20, &s->clock)) {
        answer_bytes[0] ^= 1;
    }
    return n * sizeof x->leaves[0];
}

static void read(struct sim *s, struct device *d, const struct errand *w,
                 const struct good *x)
{
    const struct shelf *f = &d->shelf;
    struct node_event ev = {.kind = NODE_BLOB_READ, .tag = w->read.tag};
    size_t len = 1;

    if (mine(s, 1, &s->clock)) {
        ev.code = WEFT_EBUSY;
        len = 0;
    } else if (w->read.kind == WF_WANT_CHUNKS) {
        len = read_chunk(s, f, w, x, &ev.code);
    } else if (w->read.kind == WF_WANT_LEAVES) {
        len = read_leaves(s, f, w, x, &ev.code);
    } else {
        answer_bytes[0] = f->have[good_index(&s->goods, x)];
    }
    ev.data = wf_slice_make(answer_bytes, (uint32_t) len);
    device_do(s, d, &ev);
}

void shelf_take(struct sim *s, struct device *d, const struct event *e)
{
    struct errand w;
    const uint8_t *p = e->bytes.p + sizeof w;
    const size_t len = e->bytes.len - sizeof w;
    const struct good *x;

    if (d->node == NULL) {
        return;
    }
    memcpy(&w, e->bytes.p, sizeof w);
    x = goods_find(&s->goods,
                   w.kind == WF_EFFECT_BLOB_READ ? &w.read.digest : &w.ref.digest);
    if (x == NULL) {
        sim_fail(s, "%s fetches a blob that there is not", d->a.name);
        return;
    }
    switch (w.kind) {
    case WF_EFFECT_BLOB_BEGIN:
        begin(s, d, &w, x);
        break;
    case WF_EFFECT_BLOB_LEAVES:
        if (len != x->chunks * sizeof x->leaves[0] || memcmp(p, x->leaves, len) != 0) {
            sim_fail(s, "%s keeps leaves that were not verified", d->a.name);
        }
        d->shelf.leaves[good_index(&s->goods, x)] = 1;
        break;
    case WF_EFFECT_BLOB_WRITE:
        write(s, d, &w, x, p, len);
        break;
    default:
        read(s, d, &w, x);
        break;
    }
}
