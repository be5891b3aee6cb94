#include "proto/effects.h"

#include "common/err.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

static int is_drain(const struct wf_effects *e, size_t i, uint64_t on)
{
    const struct wf_effect *x = &e->v[i];
    struct wf_cursor c;
    struct wf_msg msg;

    wf_cur_init(&c, wf_effect_bytes(e, x), x->len);
    return x->kind == WF_EFFECT_SEND && wf_msg_decode(&c, &msg) == 0 &&
           wf_cur_left(&c) == 0 && msg.type == WF_MSG_drain && msg.u.drain.on == on;
}

static void test_order(void)
{
    const struct wf_drain on = {1}, off = {0};
    struct wf_effects e;
    int obj = 0;

    wf_effects_init(&e);
    wf_effects_send(&e, 7, WF_MSG_drain, &on);
    wf_effects_trace(&e, 2, "test", "job=%d", 5);
    wf_effects_add(&e, WF_EFFECT_START, 0, 9, "abc", 3, &obj);
    wf_effects_send(&e, 8, WF_MSG_drain, &off);
    wf_effects_close(&e, 8);
    wf_effects_add(&e, WF_EFFECT_DISCONNECT, 0, 0, NULL, 0, NULL);
    is_int(e.n, 6, "all are there");
    is_int(e.err, 0, "without error");
    ok(is_drain(&e, 0, 1) && e.v[0].peer == 7, "the first message");
    ok(e.v[1].kind == WF_EFFECT_TRACE && e.v[1].arg == 2 && e.v[1].len == 5 &&
           memcmp(wf_effect_bytes(&e, &e.v[1]), "job=5", 5) == 0,
       "the line");
    ok(e.v[2].kind == WF_EFFECT_START && e.v[2].arg == 9 && e.v[2].obj == &obj &&
           e.v[2].len == 3 && memcmp(wf_effect_bytes(&e, &e.v[2]), "abc", 3) == 0,
       "the object with its bytes");
    ok(is_drain(&e, 3, 0) && e.v[3].peer == 8, "the second message");
    ok(e.v[4].kind == WF_EFFECT_CLOSE && e.v[4].peer == 8, "the end of that session");
    ok(e.v[5].kind == WF_EFFECT_DISCONNECT && e.v[5].len == 0, "one without bytes");
    wf_effects_clear(&e);
    ok(e.n == 0 && e.bytes.len == 0, "cleared it is empty");
    wf_effects_fini(&e);
}

static void test_many(void)
{
    struct wf_effects e;
    unsigned bad = 0;

    wf_effects_init(&e);
    for (uint64_t i = 0; i < 10000; i++) {
        const struct wf_pong p = {i, i};

        wf_effects_send(&e, (uint32_t) i, WF_MSG_pong, &p);
    }
    for (uint64_t i = 0; i < 10000; i++) {
        struct wf_cursor c;
        struct wf_msg msg;

        wf_cur_init(&c, wf_effect_bytes(&e, &e.v[i]), e.v[i].len);
        bad += wf_msg_decode(&c, &msg) != 0 || msg.u.pong.seq != i || e.v[i].peer != i;
    }
    ok(e.n == 10000 && bad == 0, "ten thousand keep their order and bytes");
    wf_effects_fini(&e);
}

static void test_long_line(void)
{
    struct wf_effects e;
    char text[2000];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    wf_effects_init(&e);
    wf_effects_trace(&e, 1, "test", "%s", text);
    ok(e.n == 1 && e.v[0].len == 1023, "a long line is cut");
    wf_effects_fini(&e);
}

/* Whichever allocation fails, the list says so and stays usable. */
static void test_out_of_memory(void)
{
    const struct wf_drain on = {1};
    unsigned bad = 0, failed = 0;

    for (long n = 0; n < 40; n++) {
        struct wf_effects e;

        wf_effects_init(&e);
        wf_mem_fail_after(n);
        for (unsigned i = 0; i < 300; i++) {
            wf_effects_send(&e, i, WF_MSG_drain, &on);
            wf_effects_trace(&e, 1, "test", "line %u", i);
            wf_effects_add(&e, WF_EFFECT_KILL, 0, i, NULL, 0, NULL);
            wf_effects_close(&e, i);
        }
        wf_mem_fail_after(-1);
        failed += e.err != 0;
        bad += e.err != 0 && e.err != WEFT_ENOMEM;
        bad += e.err == 0 && e.n != 1200;
        wf_effects_clear(&e);
        wf_effects_send(&e, 1, WF_MSG_drain, &on);
        bad += e.err != 0 || e.n != 1 || !is_drain(&e, 0, 1);
        wf_effects_fini(&e);
    }
    ok(failed > 3 && failed < 40 && bad == 0, "%u failed allocations were all told",
       failed);
}

int main(void)
{
    test_order();
    test_many();
    test_long_line();
    test_out_of_memory();
    return done();
}
