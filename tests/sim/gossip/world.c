#include "tests/sim/gossip/world.h"

#include "common/check.h"
#include "common/err.h"
#include "tests/sim/gossip/sign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS            UINT64_C(1000)
#define FOLLOW_EACH   (200 * MS)
#define FOLLOW_MAX_US (30000 * MS)

struct message {
    struct wf_heap_node node;
    unsigned from, to;
    uint32_t session;
    size_t len;
    uint8_t bytes[];
};

static void *room(size_t n, size_t size)
{
    void *p = calloc(n, size);

    if (p == NULL) {
        fprintf(stderr, "weft-gossip: out of memory\n");
        exit(1);
    }
    return p;
}

void samples_add(struct samples *s, uint64_t v)
{
    if (s->n == s->cap) {
        s->cap = s->cap != 0 ? 2 * s->cap : 1024;
        s->v = realloc(s->v, s->cap * sizeof *s->v);
        WF_CHECK(s->v != NULL);
    }
    s->v[s->n++] = v;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return x < y ? -1 : x > y;
}

uint64_t samples_at(struct samples *s, unsigned percent)
{
    if (s->n == 0) {
        return 0;
    }
    qsort(s->v, s->n, sizeof *s->v, by_value);
    return s->v[(s->n - 1) * percent / 100];
}

static size_t cell(const struct world *w, unsigned a, unsigned b)
{
    return (size_t) a * w->o->brokers + b;
}

static uint64_t delay_us(struct world *w, unsigned a, unsigned b)
{
    uint64_t us;

    if (w->matrix != NULL) {
        us = matrix_us(w->matrix, 0, a % w->matrix->n, b % w->matrix->n) / 2;
    } else {
        double dx = w->b[a].x - w->b[b].x, dy = w->b[a].y - w->b[b].y;
        double far = dx * dx + dy * dy; /* at most 2 */

        us = 2000 + (uint64_t) (far * 39000);
    }
    return us + wf_rng_below(&w->rng, us / 10 + 1);
}

/* -- followed changes */

static int has(const struct world *w, const struct followed *f, unsigned b)
{
    struct wf_slice none = {0};
    struct wf_slice about = wf_slice_make(w->b[f->about].key.b, WF_KEY_SIZE);
    struct gossip_fact x;

    return gossip_get(w->b[b].g, &w->b[f->origin].key, f->kind,
                      f->kind == WF_FACT_KEY ? about : none, &x) == 0 &&
           x.seq >= f->seq;
}

static void reached(struct world *w, unsigned b)
{
    for (unsigned i = 0; i < FOLLOWED_MAX; i++) {
        struct followed *f = &w->followed[i];

        if (!f->on || f->has[b] || !has(w, f, b)) {
            continue;
        }
        f->has[b] = 1;
        f->reached++;
        samples_add(&w->each, w->now_us - f->from_us);
        if (f->reached == w->o->brokers) {
            samples_add(&w->all, w->now_us - f->from_us);
            f->on = 0;
        }
    }
}

void world_follow(struct world *w, unsigned origin, unsigned kind, unsigned about)
{
    struct wf_slice key = wf_slice_make(w->b[about].key.b, WF_KEY_SIZE);
    struct gossip_fact x;

    for (unsigned i = 0; i < FOLLOWED_MAX; i++) {
        struct followed *f = &w->followed[i];

        if (f->on && w->now_us - f->from_us > FOLLOW_MAX_US) {
            f->on = 0;
            w->lost++;
        }
        if (!f->on) {
            WF_CHECK(gossip_get(w->b[origin].g, &w->b[origin].key, kind,
                                kind == WF_FACT_KEY ? key : (struct wf_slice){0},
                                &x) == 0);
            memset(f->has, 0, w->o->brokers);
            f->has[origin] = 1;
            f->reached = 1;
            f->on = 1;
            f->origin = origin;
            f->kind = kind;
            f->about = about;
            f->seq = x.seq;
            f->from_us = w->now_us;
            return;
        }
    }
}

/* -- the bus */

static void post(struct world *w, unsigned from, unsigned to, const uint8_t *p,
                 size_t len)
{
    size_t at = cell(w, from, to);
    struct message *m = room(1, sizeof *m + len);
    uint64_t when = wf_max_u64(w->now_us + delay_us(w, from, to), w->last_us[at]);

    w->last_us[at] = when;
    m->from = from;
    m->to = to;
    m->session = w->sessions[at];
    m->len = len;
    memcpy(m->bytes, p, len);
    WF_CHECK(wf_heap_push(&w->messages, &m->node, when) == 0);
}

/* All for one peer travels in one frame. */
static void carry(struct world *w, unsigned from, struct wf_effects *out)
{
    struct broker *b = &w->b[from];
    uint32_t before = UINT32_MAX;

    WF_CHECK(out->err == 0);
    for (size_t i = 0; i < out->n; i++) {
        const struct wf_effect *e = &out->v[i];

        b->bytes_out += e->len;
        b->frames_out += e->peer != before;
        w->b[e->peer].frames_in += e->peer != before;
        before = e->peer;
        if (w->up[cell(w, from, e->peer)]) {
            post(w, from, e->peer, wf_effect_bytes(out, e), e->len);
        }
    }
    wf_effects_clear(out);
}

static void set_timer(struct world *w, unsigned i)
{
    struct broker *b = &w->b[i];

    wf_heap_update(&w->timers, &b->timer,
                   wf_min_u64(gossip_wakeup_us(b->g), b->change_us));
}

static void hear(struct world *w, const struct message *m, struct wf_effects *out)
{
    struct broker *b = &w->b[m->to];
    struct wf_cursor c;
    struct wf_msg msg;

    wf_cur_init(&c, m->bytes, m->len);
    WF_CHECK(wf_msg_decode(&c, &msg) == 0);
    b->bytes_in += m->len;
    if (w->o->flood && msg.type == WF_MSG_seen && msg.u.seen.kind == WF_SEEN_STOP) {
        return;
    }
    if (msg.type == WF_MSG_seen) {
        gossip_on_seen(b->g, m->from, &msg.u.seen, w->now_us, out);
    } else {
        gossip_on_facts(b->g, m->from, &msg.u.facts, w->now_us, out);
        reached(w, m->to);
    }
    carry(w, m->to, out);
    set_timer(w, m->to);
}

static void say(struct world *w, unsigned i, int whole, struct wf_effects *out)
{
    struct broker *b = &w->b[i];
    struct wf_buf body = WF_BUF_INIT(WF_FACT_MAX);

    site_encode(&b->site, whole, &body);
    WF_CHECK(gossip_say(b->g, whole ? WF_FACT_SITE : WF_FACT_LOAD, (struct wf_slice){0},
                        wf_slice_make(body.p, body.len), w->now_us, out) == 0);
    wf_buf_fini(&body);
    carry(w, i, out);
}

static void change(struct world *w, unsigned i, int follow, struct wf_effects *out)
{
    struct broker *b = &w->b[i];
    uint64_t mean = w->o->change_us;

    site_change(&b->site, &w->rng);
    say(w, i, w->o->whole, out);
    b->change_us = w->now_us + mean / 2 + wf_rng_below(&w->rng, mean);
    if (follow && w->now_us >= w->follow_us) {
        w->follow_us = w->now_us + FOLLOW_EACH;
        world_follow(w, i, w->o->whole ? WF_FACT_SITE : WF_FACT_LOAD, i);
    }
}

static void on_timer(struct world *w, struct broker *b, int follow,
                     struct wf_effects *out)
{
    unsigned i = (unsigned) (b - w->b);

    if (w->now_us >= b->change_us) {
        change(w, i, follow, out);
    }
    gossip_tick(b->g, w->now_us, out);
    carry(w, i, out);
    set_timer(w, i);
}

void world_run(struct world *w, uint64_t us, int follow)
{
    uint64_t end = w->now_us + us;
    struct wf_effects out;
    struct wf_heap_node *t, *m;

    wf_effects_init(&out);
    for (;;) {
        t = wf_heap_min(&w->timers);
        m = wf_heap_min(&w->messages);
        if (m != NULL && m->key <= t->key && m->key < end) {
            struct message *got = CONTAINER_OF(m, struct message, node);

            w->now_us = wf_max_u64(w->now_us, m->key);
            wf_heap_remove(&w->messages, m);
            if (got->session == w->sessions[cell(w, got->from, got->to)]) {
                hear(w, got, &out);
            }
            free(got);
        } else if (t->key < end) {
            w->now_us = wf_max_u64(w->now_us, t->key);
            on_timer(w, CONTAINER_OF(t, struct broker, timer), follow, &out);
        } else {
            break;
        }
    }
    w->now_us = end;
    wf_effects_fini(&out);
}

/* -- the mesh */

static void set_link(struct world *w, unsigned a, unsigned b, int up)
{
    const unsigned ends[2][2] = {{a, b}, {b, a}};
    struct wf_effects out;

    wf_effects_init(&out);
    for (unsigned i = 0; i < 2; i++) {
        w->sessions[cell(w, ends[i][0], ends[i][1])]++;
        w->up[cell(w, ends[i][0], ends[i][1])] = (uint8_t) up;
    }
    for (unsigned i = 0; i < 2; i++) {
        unsigned x = ends[i][0], y = ends[i][1];

        if (up) {
            WF_CHECK(gossip_link_up(w->b[x].g, y, &w->b[y].key, w->now_us, &out) == 0);
        } else {
            gossip_link_down(w->b[x].g, y, w->now_us, &out);
        }
        carry(w, x, &out);
        set_timer(w, x);
    }
    wf_effects_fini(&out);
}

static void join(struct world *w, unsigned a, unsigned b)
{
    if (a == b || w->up[cell(w, a, b)]) {
        return;
    }
    w->up[cell(w, a, b)] = w->up[cell(w, b, a)] = 1;
    w->b[a].peers[w->b[a].npeers++] = b;
    w->b[b].peers[w->b[b].npeers++] = a;
}

static void make_mesh(struct world *w)
{
    unsigned n = w->o->brokers, links = 0, want = n * w->o->degree / 2;
    unsigned *order = room(n, sizeof *order);

    for (unsigned i = 0; i < n; i++) {
        unsigned k = (unsigned) wf_rng_below(&w->rng, i + 1);

        order[i] = order[k];
        order[k] = i;
    }
    for (unsigned i = 0; i < n && n > 1; i++, links++) {
        join(w, order[i], order[(i + 1) % n]);
    }
    for (unsigned tries = 0; links < want && tries < 100 * want; tries++) {
        unsigned a = (unsigned) wf_rng_below(&w->rng, n);
        unsigned b = (unsigned) wf_rng_below(&w->rng, n);

        if (a != b && !w->up[cell(w, a, b)] && w->b[a].npeers < 4 * w->o->degree &&
            w->b[b].npeers < 4 * w->o->degree) {
            join(w, a, b);
            links++;
        }
    }
    free(order);
}

static void make_broker(struct world *w, unsigned i)
{
    struct gossip_config cfg = {.boot = 1,
                                .rng = wf_rng_next(&w->rng),
                                .interval_us = w->o->interval_us,
                                .batch_us = w->o->batch_us};
    struct broker *b = &w->b[i];

    for (unsigned k = 0; k < WF_KEY_SIZE; k++) {
        b->key.b[k] = (uint8_t) wf_rng_next(&w->rng);
        cfg.seed[k] = (uint8_t) wf_rng_next(&w->rng);
    }
    cfg.self = b->key;
    b->x = (double) wf_rng_below(&w->rng, 1000) / 1000;
    b->y = (double) wf_rng_below(&w->rng, 1000) / 1000;
    b->peers = room(4 * w->o->degree + 2, sizeof *b->peers);
    b->change_us = w->now_us + wf_rng_below(&w->rng, w->o->change_us);
    b->g = gossip_new(&cfg);
    WF_CHECK(b->g != NULL);
    WF_CHECK(wf_heap_push(&w->timers, &b->timer, w->now_us) == 0);
}

static void enrol_all(struct world *w)
{
    struct wf_effects out;

    wf_effects_init(&out);
    for (unsigned i = 0; i < w->o->brokers; i++) {
        for (unsigned k = 0; k < w->o->brokers; k++) {
            WF_CHECK(gossip_trust(w->b[i].g, &w->b[k].key, gossip_sign_key(w->b[k].g),
                                  w->now_us, &out) == 0);
        }
    }
    wf_effects_fini(&out);
}

static void start(struct world *w)
{
    struct wf_effects out;

    wf_effects_init(&out);
    for (unsigned i = 0; i < w->o->brokers; i++) {
        site_init(&w->b[i].site, i, w->b[i].npeers, &w->rng);
        say(w, i, 1, &out);
    }
    for (unsigned i = 0; i < w->o->brokers; i++) {
        for (unsigned k = 0; k < w->b[i].npeers; k++) {
            if (w->b[i].peers[k] > i) {
                set_link(w, i, w->b[i].peers[k], 1);
            }
        }
    }
    wf_effects_fini(&out);
}

void world_new(struct world *w, const struct options *o, const struct matrix *m)
{
    size_t cells = (size_t) o->brokers * o->brokers;

    *w = (struct world){.o = o, .matrix = m, .rng.s = o->seed, .now_us = 1000 * MS};
    sign_real(o->verify);
    wf_heap_init(&w->timers, o->brokers);
    wf_heap_init(&w->messages, SIZE_MAX / 64);
    w->b = room(o->brokers, sizeof *w->b);
    w->last_us = room(cells, sizeof *w->last_us);
    w->sessions = room(cells, sizeof *w->sessions);
    w->up = room(cells, 1);
    for (unsigned i = 0; i < FOLLOWED_MAX; i++) {
        w->followed[i].has = room(o->brokers, 1);
    }
    for (unsigned i = 0; i < o->brokers; i++) {
        make_broker(w, i);
    }
    make_mesh(w);
    enrol_all(w);
    start(w);
}

void world_free(struct world *w)
{
    struct wf_heap_node *n;

    while ((n = wf_heap_min(&w->messages)) != NULL) {
        wf_heap_remove(&w->messages, n);
        free(CONTAINER_OF(n, struct message, node));
    }
    wf_heap_fini(&w->messages);
    wf_heap_fini(&w->timers);
    for (unsigned i = 0; i < w->o->brokers; i++) {
        gossip_free(w->b[i].g);
        free(w->b[i].peers);
    }
    for (unsigned i = 0; i < FOLLOWED_MAX; i++) {
        free(w->followed[i].has);
    }
    free(w->b);
    free(w->last_us);
    free(w->sessions);
    free(w->up);
    free(w->all.v);
    free(w->each.v);
}

void world_part(struct world *w, int cut)
{
    unsigned half = w->o->brokers / 2;

    for (unsigned i = 0; i < half; i++) {
        for (unsigned k = 0; k < w->b[i].npeers; k++) {
            if (w->b[i].peers[k] >= half) {
                set_link(w, i, w->b[i].peers[k], !cut);
            }
        }
    }
}

void world_revoke(struct world *w, unsigned by, unsigned whom)
{
    const struct wf_key_fact f = {
        .role = WF_ROLE_BROKER, .state = WF_KEY_REVOKED, .version = 2};
    struct wf_buf body = WF_BUF_INIT(1024);
    struct wf_effects out;

    wf_effects_init(&out);
    WF_CHECK(wf_msg_encode(&body, WF_MSG_key_fact, &f) == 0);
    WF_CHECK(gossip_say(w->b[by].g, WF_FACT_KEY,
                        wf_slice_make(w->b[whom].key.b, WF_KEY_SIZE),
                        wf_slice_make(body.p, body.len), w->now_us, &out) == 0);
    wf_buf_fini(&body);
    carry(w, by, &out);
    set_timer(w, by);
    wf_effects_fini(&out);
    world_follow(w, by, WF_FACT_KEY, whom);
}

static uint64_t seq_at(const struct world *w, unsigned b, unsigned origin)
{
    struct gossip_fact x;

    return gossip_get(w->b[b].g, &w->b[origin].key,
                      w->o->whole ? WF_FACT_SITE : WF_FACT_LOAD, (struct wf_slice){0},
                      &x) == 0
               ? x.seq
               : 0;
}

uint64_t *world_said(const struct world *w)
{
    uint64_t *said = room(w->o->brokers, sizeof *said);

    for (unsigned i = 0; i < w->o->brokers; i++) {
        said[i] = seq_at(w, i, i);
    }
    return said;
}

int world_caught_up(const struct world *w, const uint64_t *said)
{
    for (unsigned b = 0; b < w->o->brokers; b++) {
        for (unsigned i = 0; i < w->o->brokers; i++) {
            if (seq_at(w, b, i) < said[i]) {
                return 0;
            }
        }
    }
    return 1;
}
