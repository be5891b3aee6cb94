#include "tests/sim/clock.h"

#include "common/check.h"
#include "common/mem.h"

#include <string.h>

#define EVENTS_MAX (1u << 20)
#define FRAME_MAX  (4u << 20)

void clock_init(struct clock *c)
{
    *c = (struct clock){0};
    wf_heap_init(&c->queue, EVENTS_MAX);
    wf_list_init(&c->spare);
}

static void clear(struct clock *c)
{
    struct wf_heap_node *n;

    while ((n = wf_heap_min(&c->queue)) != NULL) {
        clock_drop(c, CONTAINER_OF(n, struct event, at));
    }
}

void clock_fini(struct clock *c)
{
    struct wf_list_node *n;

    clear(c);
    while ((n = wf_list_first(&c->spare)) != NULL) {
        struct event *e = CONTAINER_OF(n, struct event, spare);

        wf_list_remove(n);
        wf_buf_fini(&e->bytes);
        wf_free(e);
    }
    wf_heap_fini(&c->queue);
}

void clock_reset(struct clock *c, uint64_t seed)
{
    clear(c);
    c->now_us = 1000 * SECOND;
    c->rng.s = seed;
    c->hash = UINT64_C(0xcbf29ce484222325);
    c->steps = 0;
    c->still = 0;
}

struct event *clock_parcel(struct clock *c)
{
    struct wf_list_node *n = wf_list_first(&c->spare);
    struct event *e = n != NULL ? CONTAINER_OF(n, struct event, spare) : NULL;

    if (e == NULL) {
        e = wf_calloc(1, sizeof *e);
        WF_CHECK(e != NULL);
        wf_list_init(&e->spare);
        wf_buf_init(&e->bytes, FRAME_MAX);
    }
    wf_list_remove(&e->spare);
    e->who = NULL;
    e->host = NULL;
    e->conn = NULL;
    e->lane = NULL;
    e->inc = 0;
    e->arg = 0;
    wf_buf_clear(&e->bytes);
    return e;
}

struct event *clock_add(struct clock *c, uint64_t at_us, enum event_kind kind)
{
    struct event *e = clock_parcel(c);
    int rc = wf_heap_push(&c->queue, &e->at, wf_max_u64(at_us, c->now_us));

    WF_CHECK(rc == 0);
    e->kind = kind;
    return e;
}

struct event *clock_next(struct clock *c)
{
    struct wf_heap_node *n = wf_heap_min(&c->queue);

    if (n == NULL) {
        return NULL;
    }
    c->still = n->key == c->now_us ? c->still + 1 : 0;
    c->now_us = n->key;
    c->steps++;
    wf_heap_remove(&c->queue, n);
    return CONTAINER_OF(n, struct event, at);
}

void clock_again(struct clock *c, struct event *e, uint64_t at_us)
{
    int rc = wf_heap_push(&c->queue, &e->at, at_us);

    WF_CHECK(rc == 0);
}

void clock_drop(struct clock *c, struct event *e)
{
    wf_heap_remove(&c->queue, &e->at);
    wf_list_remove(&e->spare);
    wf_list_push_back(&c->spare, &e->spare);
}

void clock_mix(struct clock *c, uint64_t v)
{
    c->hash = (c->hash ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    c->hash ^= c->hash >> 29;
}

void clock_mix_bytes(struct clock *c, const void *p, size_t len)
{
    const uint8_t *b = p;
    uint64_t word;

    /* Eight at a time, in an order that does not hang on the machine's. */
    for (; len >= 8; b += 8, len -= 8) {
        word = 0;
        for (unsigned i = 0; i < 8; i++) {
            word |= (uint64_t) b[i] << (8 * i);
        }
        clock_mix(c, word);
    }
    for (word = len; len > 0; b++, len--) {
        word = word << 8 | *b;
    }
    clock_mix(c, word);
}

uint64_t below(struct clock *c, uint64_t n)
{
    return wf_rng_below(&c->rng, n);
}

int percent(struct clock *c, unsigned pct)
{
    return wf_rng_below(&c->rng, 100) < pct;
}

uint64_t around(struct clock *c, uint64_t mean)
{
    return mean / 2 + below(c, mean + 1);
}
