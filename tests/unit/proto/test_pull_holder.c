#include "tests/unit/proto/pull_bed.h"

static void test_refusals(void)
{
    struct bed b;
    struct wf_want w;
    uint32_t lane;

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1});
    start(&b, 1, 5000, &one, 1);
    must(want_at(&b, 0, &w, &lane));
    nope(&b, lane, &w, WEFT_EBUSY, 300);
    tick(&b, 0);
    is_int(count(&b, WF_EFFECT_LANE_SEND), 0, "who is busy is left alone");
    ok(wf_pull_due_us(b.p) <= b.now + 250 * MS, "not for ever");
    tick(&b, 999 * MS);
    must(want_at(&b, 0, &w, &lane));
    nope(&b, lane, &w, WEFT_EPERM, 0);
    tick(&b, 250 * MS);
    is_int(count(&b, WF_EFFECT_SEND), 1, "without a ticket the broker is asked");
    locate(&b, &one, 1, 4000);
    tick(&b, 0);
    grant_all(&b);
    tick(&b, 0);
    must(want_at(&b, 0, &w, &lane));
    nope(&b, lane, &w, WEFT_ENOENT, 0);
    nope(&b, lane, &w, WEFT_ENOENT, 0);
    is_int(b.p->stats.unwanted, 1, "a nope to nothing is counted");
    tick(&b, 250 * MS);
    tick(&b, SECOND);
    is_int(count(&b, WF_EFFECT_SEND), 1, "nor without a holder");
    fini(&b);
}

/* Who does not answer is asked less, others instead; what comes late counts. */
static void test_silence(void)
{
    const struct who other = {2, "here", "tcp://two:1", UINT64_MAX};
    struct bed b;
    struct wf_pull_stats st;
    struct wf_want w, again;
    uint32_t lane, to;
    unsigned n = 0;

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1});
    start(&b, 1, 5000, (const struct who[]){one, other}, 2);
    must(want_at(&b, 0, &w, &lane));
    do {
        tick(&b, 250 * MS);
        if (count(&b, WF_EFFECT_LANE_OPEN) != 0) {
            grant_all(&b);
            tick(&b, 0);
        }
    } while (n++ < 40 && !want_at(&b, 0, &again, &to));
    ok(n >= 3 && n <= 5 && to != lane && again.ticket != w.ticket,
       "after a second without an answer another one is asked, too");
    piece(&b, lane, &w, 0, 0, 5000, 5000);
    is_int(count(&b, WF_EFFECT_BLOB_WRITE), 1, "the first one's answer is still welcome");
    must(written(&b, 0));
    piece(&b, to, &again, 0, 0, 5000, 5000);
    is_int(count(&b, WF_EFFECT_BLOB_WRITE), 0, "the second one's is not needed");
    wf_pull_stats(b.p, &st);
    ok(st.timeouts == 0 && st.wasted == 5000 && st.inflight == 0 && st.blobs == 0,
       "all that is counted");
    fini(&b);
}

/* With nobody else to ask it is asked again, later and later. */
static void test_late(void)
{
    struct bed b;
    struct wf_want w, again;
    uint32_t lane, to;
    unsigned asked = 0, turns = 0;

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1});
    start(&b, 1, 5000, &far, 1);
    must(want_at(&b, 0, &w, &lane));
    while (b.p->stats.timeouts == 0 && turns++ < 100) {
        tick(&b, 250 * MS);
        asked += want_at(&b, 0, &again, &to);
    }
    ok(turns >= 7 && turns <= 10 && asked == 0, "two seconds are waited for an answer");
    is_int(b.p->inflight, 0, "then nothing is expected");
    piece(&b, lane, &w, 0, 0, 5000, 5000);
    ok(written(&b, 0) && b.p->stats.blobs == 0 && b.p->stats.wasted == 0,
       "but what comes late is taken");
    fini(&b);

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1});
    start(&b, 1, 5000, &far, 1);
    for (turns = 0; turns < 240; turns++) {
        tick(&b, 250 * MS);
        asked += want_at(&b, 0, &again, &to);
        if (count(&b, WF_EFFECT_SEND) != 0) {
            locate(&b, &far, 1, 600000);
        }
        grant_all(&b);
    }
    ok(asked >= 2 && asked <= 12, "a dead one is asked %u times in a minute", asked);
    fini(&b);
}

static void test_lanes(void)
{
    struct bed b;
    struct wf_want w;
    struct wf_lane_to to;
    uint32_t lane;

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1});
    must(add(&b, 1, 5000, 4, 1) == 0);
    tick(&b, 0);
    locate(&b, &one, 1, 600000);
    tick(&b, 0);
    grant_all(&b);
    tick(&b, 0);
    must(count(&b, WF_EFFECT_LANE_OPEN) == 1);
    wf_lane_to_of(&b.fx, effect(&b, WF_EFFECT_LANE_OPEN, 0), &to);
    ok(strcmp(to.endpoint, "tcp://one:1") == 0 && to.key.b[0] == 1, "a lane to it");
    tick(&b, 500 * MS);
    ok(count(&b, WF_EFFECT_LANE_OPEN) == 1 &&
           effect(&b, WF_EFFECT_LANE_OPEN, 0)->peer == WF_LANE_BROKER,
       "while that does not open, one to the broker");
    grant_all(&b);
    tick(&b, 0);
    ok(want_at(&b, 0, &w, &lane) && lane == WF_LANE_BROKER, "which will do");
    tick(&b, 2600 * MS);
    ok(count(&b, WF_EFFECT_LANE_CLOSE) == 1 &&
           effect(&b, WF_EFFECT_LANE_CLOSE, 0)->peer == 1,
       "the other is given up");
    fini(&b);

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1});
    start(&b, 1, 5000, &far, 1);
    ok(want_at(&b, 0, &w, &lane) && b.p->inflight != 0, "something is asked for");
    wf_pull_lane_down(b.p, b.now, lane, &b.fx);
    is_int(b.p->inflight, 0, "with a lane goes what was asked over it");
    tick(&b, SECOND);
    grant_all(&b);
    tick(&b, 0);
    ok(want_at(&b, 0, &w, &lane), "it is opened and asked again");
    fini(&b);
}

/* 100,000 small blobs: many at a time, a few messages with the broker, no more memory at
 * the end than at the start. */
static void test_many(void)
{
    const unsigned n = 100000;
    struct bed b;
    struct wf_effects fx;
    struct wf_pull_end end;
    struct wf_pull_stats st;
    unsigned added = 0, ended = 0, turns = 0, locates = 0;
    uint64_t begun;

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1});
    begun = b.now;
    for (; added < n; added++) {
        must(add(&b, added, 1000, 4, 1) == 0);
    }
    while (ended < n && turns++ < 20000) {
        wf_effects_init(&fx);
        wf_pull_tick(b.p, b.now, &fx);
        b.now += 5 * MS; /* all that was asked for is answered a round trip later */
        b.fx = fx;
        while (effect(&b, WF_EFFECT_SEND, 0) != NULL) {
            struct wf_effect *x = &b.fx.v[effect(&b, WF_EFFECT_SEND, 0) - b.fx.v];

            locate(&b, &one, 1, 600000);
            x->kind = WF_EFFECT_TRACE;
            locates++;
        }
        fx = b.fx;
        wf_effects_init(&b.fx);
        for (size_t i = 0; i < fx.n; i++) {
            const struct wf_effect *x = &fx.v[i];
            struct wf_blob_ref ref;
            struct wf_msg m;
            size_t len;

            if (x->kind == WF_EFFECT_LANE_OPEN) {
                wf_pull_lane_up(b.p, b.now, x->peer, &b.fx);
            } else if (x->kind == WF_EFFECT_BLOB_BEGIN) {
                (void) wf_blob_ref_of(&fx, x, &ref, &len);
                wf_pull_begun(b.p, b.now, &ref, 0, NULL, 0, &b.fx);
            } else if (x->kind == WF_EFFECT_LANE_SEND) {
                struct wf_cursor c;

                wf_cur_init(&c, wf_effect_bytes(&fx, x), x->len);
                must(wf_msg_decode(&c, &m) == 0);
                piece(&b, x->peer, &m.u.want, 0, 0, 1000, 1000);
                must(written(&b, 0));
            }
        }
        wf_effects_fini(&fx);
        wf_effects_fini(&b.fx);
        while (wf_pull_next_end(b.p, &end)) {
            ended += end.code == 0;
        }
    }
    wf_pull_stats(b.p, &st);
    ok(ended == n && st.blobs == 0 && st.inflight == 0, "100,000 small blobs come");
    ok(locates <= n / 256 + 8, "%u locates", locates);
    ok(b.now - begun < 5 * SECOND, "in %" PRIu64 " ms, 5 ms away", (b.now - begun) / MS);
    fini(&b);
}

/* Whatever allocation fails, and all after it for five seconds, the blob comes. */
static void test_memory(void)
{
    int good = 1;

    for (long n = 0; n < 60 && good; n++) {
        struct bed b;
        struct wf_pull_end end = {0};
        struct wf_want w;
        uint32_t lane;
        int added = 0;

        init(&b, &(struct wf_pull_config){.seed = 1});
        b.memory = n;
        for (unsigned turns = 0; turns < 400 && !wf_pull_next_end(b.p, &end); turns++) {
            if (turns == 20) {
                b.memory = -1;
            }
            if (!added) {
                arm(&b);
                added = add(&b, 1, 5000, 4, 1) == 0;
                disarm(&b);
            }
            tick(&b, 250 * MS);
            if (count(&b, WF_EFFECT_SEND) != 0) {
                locate(&b, &far, 1, 600000);
            }
            if (want_at(&b, 0, &w, &lane)) {
                piece(&b, lane, &w, 0, 0, 5000, 5000);
                (void) written(&b, 0);
            } else {
                grant_all(&b);
            }
        }
        good = end.size == 5000 && end.code == 0 && b.p->inflight == 0;
        fini(&b);
    }
    ok(good, "no allocation that fails stops it for good");
}

static void test_links(void)
{
    const struct wf_holder_row rows[] = {{.key = {{1}}, .name = wf_slice_of("one")},
                                         {.key = {{2}}, .name = wf_slice_of("two")}};
    struct pull_holder *one_h, *two_h;
    struct wf_pull_peer peer;
    struct bed b;

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1});
    one_h = wf_pull_holder(b.p, &rows[0]);
    two_h = wf_pull_holder(b.p, &rows[1]);
    must(one_h != NULL && two_h != NULL);
    one_h->rtt_us = 700;
    ok(!wf_pull_next_peer(b.p, b.now, &peer), "nothing was moved yet");
    wf_pull_sampled(b.p, b.now, one_h, 200 << 10, SECOND / 10);
    ok(!wf_pull_next_peer(b.p, b.now, &peer), "too little to tell");
    wf_pull_sampled(b.p, b.now, one_h, 200 << 10, SECOND / 10);
    ok(wf_pull_next_peer(b.p, b.now, &peer) && peer.key.b[0] == 1 &&
           strcmp(peer.name, "one") == 0 && peer.rtt_us == 700 &&
           peer.rate == 2000 << 10 && peer.samples == 1,
       "together it is a rate");
    ok(!wf_pull_next_peer(b.p, b.now, &peer), "told once");
    wf_pull_sampled(b.p, b.now, one_h, 2 * MIB, 0);
    one_h->rtt_us = 100000;
    wf_pull_sampled(b.p, b.now, one_h, 2 * MIB, SECOND / 20);
    ok(!wf_pull_next_peer(b.p, b.now, &peer), "what comes at once tells nothing yet");
    wf_pull_sampled(b.p, b.now, one_h, 0, 39 * (SECOND / 20));
    ok(!wf_pull_next_peer(b.p, b.now, &peer) && one_h->nsamples == 2 &&
           one_h->long_bytes == 0,
       "but with the wait before more comes it does");
    one_h->rtt_us = 700;
    wf_pull_sampled(b.p, b.now, one_h, 420 << 10, SECOND / 5);
    ok(!wf_pull_next_peer(b.p, b.now, &peer), "a little more is no news");
    one_h->owed = two_h->owed = 1;
    wf_pull_sampled(b.p, b.now, one_h, 400 << 10, SECOND / 5);
    ok(wf_pull_next_peer(b.p, b.now, &peer) && peer.rate == 4000 << 10,
       "half of what comes in is the whole for one");
    wf_pull_sampled(b.p, b.now, two_h, 9 * MIB, SECOND);
    ok(wf_pull_next_peer(b.p, b.now, &peer) && peer.key.b[0] == 2 && peer.rtt_us == 0,
       "another one, of which no round trip is known");
    is_int(wf_pull_down(b.p, b.now), 18 * MIB, "what comes in at most");
    one_h->owed = two_h->owed = 0;
    fini(&b);
}

/* What comes of a want is a third of what is owed: the way is as long, the window grows
 * as if all of it came. */
static void test_compressed(void)
{
    enum { ASKS = 64, WANT = 64 << 10, CAME = WANT / 3, ROUNDS = 30 };
    const struct wf_holder_row row = {.key = {{1}}, .name = wf_slice_of("one")};
    struct pull_ask asks[ASKS];
    struct pull_holder *h;
    struct bed b;

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1});
    h = wf_pull_holder(b.p, &row);
    must(h != NULL && h->window == PULL_WINDOW_MIN);
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned n = 0;

        while (n < ASKS && wf_pull_has_room(b.p, h, WANT)) {
            asks[n] = (struct pull_ask){.holder = h, .lane = h->via, .bytes = WANT};
            wf_pull_asked(b.p, b.now, &asks[n++]);
        }
        b.now += 100 * MS;
        for (unsigned k = 0; k < n; k++) {
            wf_pull_heard(b.p, b.now, &asks[k], CAME, CAME);
            h->owed -= WANT;
            h->nasks--;
        }
    }
    ok(h->window >= ASKS * WANT, "the window of compressed bytes grows: %" PRIu64,
       h->window);
    fini(&b);
}

int main(void)
{
    test_compressed();
    test_links();
    test_refusals();
    test_silence();
    test_late();
    test_lanes();
    test_many();
    test_memory();
    return done();
}
