#include "tests/sim/sim.h"

#include "common/check.h"

#include <string.h>

#define QUEUE_CAP  (256u << 10) /* bytes on the way before the broker cuts a peer */
#define HEADER_LEN 2
/* After so long at most TCP gives up on a peer that is gone without a word. */
#define HALF_OPEN_US (900ull * SECOND)

void net_init(struct net *n)
{
    memset(n, 0, sizeof *n);
    for (unsigned i = 0; i < NET_HEARD; i++) {
        wf_buf_init(&n->heard[i], 4u << 20);
    }
    for (size_t i = 0; i < NET_CONNS; i++) {
        wf_buf_init(&n->conns[i].out, 4u << 20);
        wf_list_init(&n->conns[i].turn);
        wf_list_init(&n->conns[i].line[0]);
        wf_list_init(&n->conns[i].line[1]);
    }
}

void net_fini(struct net *n)
{
    for (unsigned i = 0; i < NET_HEARD; i++) {
        wf_buf_fini(&n->heard[i]);
    }
    for (size_t i = 0; i < NET_CONNS; i++) {
        wf_buf_fini(&n->conns[i].out);
    }
}

void net_reset(struct sim *s)
{
    struct net *n = &s->net;

    for (uint32_t i = 0; i < n->n; i++) {
        for (unsigned dir = 0; dir < 2; dir++) {
            while (!wf_list_empty(&n->conns[i].line[dir])) {
                clock_drop(&s->clock, net_arrive(&n->conns[i], dir));
            }
        }
    }
    n->n = n->nheard = 0;
    n->sent = n->corrupted = n->doubled = n->cut = 0;
}

struct conn *net_peer(struct net *n, uint32_t peer)
{
    return peer >= 1 && peer <= n->n ? &n->conns[peer - 1] : NULL;
}

static uint64_t jitter(struct sim *s)
{
    return below(&s->clock, s->swarm.jitter_us + 1);
}

uint64_t net_latency(struct sim *s, const struct actor *a, const struct host *h)
{
    return s->swarm.latency_us + a->roam.far_us[h->index] + jitter(s);
}

static uint64_t latency(struct sim *s, const struct conn *c)
{
    return net_latency(s, c->who, c->to);
}

int net_reaches(const struct sim *s, const struct actor *a, const struct host *h)
{
    return h->up && h->paused_until_us <= s->clock.now_us &&
           a->parted_until_us <= s->clock.now_us &&
           roam_apart_us(a, h) <= s->clock.now_us;
}

static struct event *add(struct sim *s, struct conn *c, uint64_t at_us,
                         enum event_kind kind)
{
    struct event *e = clock_add(&s->clock, at_us, kind);

    e->conn = c;
    e->who = c->who;
    return e;
}

void net_dial(struct sim *s, struct actor *a)
{
    struct net *n = &s->net;
    struct wf_buf out;
    struct conn *c;

    WF_CHECK(a->conn == NULL);
    if (n->n == NET_CONNS) {
        return;
    }
    c = &n->conns[n->n++];
    out = c->out;
    wf_buf_clear(&out);
    *c = (struct conn){.peer = n->n,
                       .who = a,
                       .to = a->at,
                       .key = a->key,
                       .who_inc = a->inc,
                       .wanted = 1,
                       .here = 1,
                       .out = out};
    wf_list_init(&c->turn);
    wf_list_init(&c->line[0]);
    wf_list_init(&c->line[1]);
    a->conn = c;
    add(s, c, s->clock.now_us + latency(s, c), EV_DIAL);
}

void net_on_dial(struct sim *s, struct event *e)
{
    struct conn *c = e->conn;
    const struct actor *a = c->who;
    const struct host *to = c->to;

    if (!c->here) {
        return;
    }
    if (!net_reaches(s, a, to)) {
        /* As ZeroMQ does, until told to stop. */
        add(s, c, s->clock.now_us + around(&s->clock, 200 * MS), EV_DIAL);
        return;
    }
    c->wanted = 0;
    if (!core_admits(to->core, &c->key)) {
        add(s, c, s->clock.now_us + latency(s, c), EV_REFUSED);
        return;
    }
    c->let_in = 1;
    c->broker_inc = to->inc;
    add(s, c, s->clock.now_us + latency(s, c), EV_UP);
}

/* Damage that no decoder may take: a byte that begins no msgpack value, where a message
 * begins.  What comes before it still counts. */
static void corrupt(struct sim *s, struct wf_buf *frame)
{
    struct wf_cursor cur;
    unsigned n = (unsigned) below(&s->clock, 4);
    size_t at = HEADER_LEN;

    wf_cur_init(&cur, frame->p + HEADER_LEN, frame->len - HEADER_LEN);
    for (unsigned i = 0; i < n && wf_cur_left(&cur) > 0; i++) {
        at = (size_t) (cur.p - frame->p);
        wf_cur_skip(&cur);
    }
    frame->p[at] = 0xc1;
    s->net.corrupted++;
}

/* The decoder is total: whatever a frame turns into, reading it ends and stays inside. */
static void read_damaged(struct sim *s, const struct wf_buf *frame)
{
    uint8_t copy[4096];
    struct wf_cursor cur;
    struct wf_msg msg;
    size_t len = wf_min_u64(frame->len, sizeof copy - 64);

    memcpy(copy, frame->p, len);
    s->gen.rng.s = wf_rng_next(&s->clock.rng);
    len = gen_mutate(&s->gen, copy, len, sizeof copy);
    if (len < HEADER_LEN) {
        return;
    }
    wf_cur_init(&cur, copy + HEADER_LEN, len - HEADER_LEN);
    while (wf_cur_left(&cur) > 0) {
        int rc = wf_msg_decode(&cur, &msg);

        clock_mix(&s->clock, rc == 0 ? msg.type : (unsigned) -rc);
        if (rc == WEFT_EPROTO) {
            return;
        }
    }
}

/* The second of a doubled frame is marked: only the first is judged. */
static void deliver(struct sim *s, struct conn *c, enum net_dir dir,
                    const struct wf_buf *frame, int second)
{
    uint64_t at_us = wf_max_u64(s->clock.now_us + latency(s, c), c->slow_until_us[dir]);
    struct event *parcel = clock_parcel(&s->clock);
    int rc = wf_buf_put(&parcel->bytes, frame->p, frame->len);

    WF_CHECK(rc == 0);
    parcel->arg = (uint64_t) second;
    wf_list_push_back(&c->line[dir], &parcel->spare);
    at_us = wf_max_u64(at_us, c->free_us[dir]);
    at_us += dir == NET_TO_ACTOR && !s->healed ? c->who->read_us : 0;
    c->free_us[dir] = at_us;
    (void) add(s, c, at_us, dir == NET_TO_BROKER ? EV_TO_BROKER : EV_TO_ACTOR);
    c->queued[dir] += frame->len;
    s->net.sent++;
}

struct event *net_arrive(struct conn *c, enum net_dir dir)
{
    struct event *e = CONTAINER_OF(wf_list_first(&c->line[dir]), struct event, spare);

    wf_list_remove(&e->spare);
    c->queued[dir] -= e->bytes.len;
    return e;
}

void net_send(struct sim *s, struct conn *c, enum net_dir dir, struct wf_buf *frame)
{
    int live = frame->len > HEADER_LEN && !c->broken;

    if (live && !s->healed && below(&s->clock, 1000) < s->swarm.corrupt_pm) {
        read_damaged(s, frame);
        corrupt(s, frame);
    }
    if (live && dir == NET_TO_BROKER && s->nrogues != 0 && c->who->ops != &rogue_ops) {
        struct wf_buf *heard = &s->net.heard[s->net.nheard++ % NET_HEARD];

        wf_buf_clear(heard);
        (void) wf_buf_put(heard, frame->p + HEADER_LEN, frame->len - HEADER_LEN);
    }
    if (live) {
        clock_mix_bytes(&s->clock, frame->p, frame->len);
        deliver(s, c, dir, frame, 0);
        if (!s->healed && below(&s->clock, 1000) < s->swarm.dup_pm) {
            s->net.doubled++;
            deliver(s, c, dir, frame, 1);
        }
        if (c->queued[dir] > QUEUE_CAP) {
            net_cut(s, c, 0);
        }
    }
    wf_buf_clear(frame);
}

void net_hang_up(struct sim *s, struct conn *c)
{
    uint64_t at_us = s->clock.now_us + s->swarm.latency_us + jitter(s);

    if (c == NULL || !c->here) {
        return;
    }
    c->here = 0;
    c->wanted = 0;
    c->who->conn = NULL;
    if (c->broken || !c->let_in) {
        return;
    }
    at_us += c->who->roam.far_us[c->to->index];
    if (percent(&s->clock, 30)) {
        c->broken = 1; /* no linger: what was not sent yet never is */
    }
    add(s, c, wf_max_u64(at_us, c->free_us[NET_TO_BROKER]), EV_GONE_THERE);
}

void net_close(struct sim *s, struct conn *c)
{
    uint64_t at_us = s->clock.now_us + latency(s, c);

    c->there = 0;
    c->let_in = 0;
    if (!c->broken && c->here) {
        add(s, c, wf_max_u64(at_us, c->free_us[NET_TO_ACTOR]), EV_GONE_HERE);
    }
}

/* When one side learns of it: soon, or when its TCP gives up, or never. */
static uint64_t news_us(struct sim *s, int soon)
{
    if (soon) {
        return s->clock.now_us + below(&s->clock, 300 * MS);
    }
    return percent(&s->clock, 50)
               ? s->clock.now_us + below(&s->clock, 1 + below(&s->clock, HALF_OPEN_US))
               : UINT64_MAX;
}

void net_cut(struct sim *s, struct conn *c, int silent)
{
    int tell_here = !silent || percent(&s->clock, 33);
    int tell_there = !silent || (!tell_here && percent(&s->clock, 50));
    uint64_t here_us = news_us(s, tell_here);
    uint64_t there_us = news_us(s, tell_there);

    if (c->broken) {
        return;
    }
    c->broken = 1;
    s->net.cut++;
    if (c->here && here_us != UINT64_MAX) {
        add(s, c, here_us, EV_GONE_HERE);
    }
    if (c->let_in && there_us != UINT64_MAX) {
        add(s, c, there_us, EV_GONE_THERE);
    }
}

void net_cut_all(struct sim *s, const struct actor *who, int silent)
{
    for (uint32_t i = 0; i < s->net.n; i++) {
        struct conn *c = &s->net.conns[i];

        if (c->who == who && c->here) {
            c->here = 0;
            c->wanted = 0;
            net_cut(s, c, silent);
        }
    }
}

void net_cut_host(struct sim *s, const struct host *to, int silent)
{
    for (uint32_t i = 0; i < s->net.n; i++) {
        struct conn *c = &s->net.conns[i];

        if (c->to == to && c->let_in) {
            c->let_in = 0;
            c->there = 0;
            net_cut(s, c, silent);
        }
    }
}
