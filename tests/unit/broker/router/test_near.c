#include "bed.h"

#define NODES 100u

static void near_ones(void)
{
    struct rcap *c;
    struct bed b;
    unsigned good = 0;

    bed_new(&b, NODES + 2, 1, 1);
    c = &b.r->caps[1];
    for (uint32_t i = 0; i < NODES; i++) {
        bed_agent(&b, 1, i == 3 ? 0 : (uint32_t) (1 + (i * 37) % NODES) * 1000);
    }
    near_refresh(b.r, c, S);
    is_int(c->nnear, NEAR_KEPT, "of many nodes the nearest are kept");
    for (uint32_t i = 0; i < NEAR_KEPT; i++) {
        good +=
            b.r->nodes[c->near[i]].rtt_us >= (i + 1) * 1000 &&
            b.r->nodes[c->near[i]].rtt_us <= (i + 2) * 1000 &&
            c->v[c->at[i]].node == c->near[i] &&
            (i == 0 || b.r->nodes[c->near[i - 1]].rtt_us < b.r->nodes[c->near[i]].rtt_us);
    }
    is_int(good, NEAR_KEPT, "in order, one that was never measured not among them");

    bed_agent(&b, 1, 1);
    near_refresh(b.r, c, S + 100);
    ok(b.r->nodes[c->near[0]].rtt_us == 1000, "one that came is not looked for at once");
    near_refresh(b.r, c, 3 * S);
    ok(b.r->nodes[c->near[0]].rtt_us == 1, "but a little later");
    b.r->nodes[c->near[1]].rtt_us = 90000000;
    near_refresh(b.r, c, 5 * S);
    is_int(b.r->nodes[c->near[1]].rtt_us, 90000000, "without news the order stays");
    near_refresh(b.r, c, 13 * S);
    is_int(b.r->nodes[c->near[1]].rtt_us, 2000, "for ten seconds");
    bed_free(&b);
}

static void few(void)
{
    struct bed b;

    bed_new(&b, 30, 1, 1);
    for (uint32_t i = 0; i < ROUTE_SAMPLE; i++) {
        bed_agent(&b, 1, 1000);
    }
    near_refresh(b.r, &b.r->caps[1], 20 * S);
    is_int(b.r->caps[1].nnear, 0, "all of a few are looked at anyway");
    bed_free(&b);
}

/* Its place among them, or AROUND_KEPT. */
static uint32_t place_of(const struct around *x, uint32_t node)
{
    uint32_t i = 0;

    while (i < x->n && x->v[i] != node) {
        i++;
    }
    return i < x->n ? i : AROUND_KEPT;
}

static int is_around(const struct around *x, uint32_t node)
{
    return place_of(x, node) != AROUND_KEPT;
}

static void around(uint32_t nodes, const char *what)
{
    const struct around *x;
    uint32_t holder, mates[3], near;
    struct bed b;

    bed_new(&b, nodes + 10, 1, 1);
    holder = bed_node(&b, 1, 50 * MS, 7);
    for (unsigned i = 0; i < 3; i++) {
        mates[i] = bed_node(&b, 1, 90 * MS, 7);
    }
    for (uint32_t i = 0; i < nodes; i++) {
        bed_agent(&b, 1, 200 * MS + i * MS % (100 * MS));
    }
    x = around_of(b.r, holder, S);
    is_int(x->n, AROUND_KEPT, what);
    ok(is_around(x, mates[0]) && is_around(x, mates[1]) && is_around(x, mates[2]),
       "those of its site are among them");
    ok(!is_around(x, holder), "itself is not");
    near = bed_node(&b, 1, 50 * MS, 7);
    ok(!is_around(around_of(b.r, holder, 2 * S), near), "one that came is not yet");
    ok(is_around(around_of(b.r, holder, S + FRESH_US), near), "but ten seconds later");
    bed_offer(&b, mates[0], 3);
    x = around_of(b.r, holder, S + 2 * FRESH_US);
    must(is_around(x, mates[0]) && is_around(x, mates[1]));
    is_int(x->offers[place_of(x, mates[0])], offer_bit(3),
           "with what each of them offers");
    is_int(x->offers[place_of(x, mates[1])], 0, "which may be nothing");
    routing_remove(b.r, holder);
    is_int(b.r->sets[holder % AROUND_SETS].held[0], 0, "a node that left has none");
    bed_free(&b);
}

/* A set has four ways: a fifth holder takes the place of the first. */
static void sets(void)
{
    const struct around *first, *x;
    struct bed b;

    bed_new(&b, AROUND_SETS * 5, 1, 1);
    for (uint32_t i = 0; i < AROUND_SETS * 4 + 1; i++) {
        uint32_t node;

        must(routing_add(b.r, &node) == 0);
    }
    first = around_of(b.r, 0, S);
    for (uint32_t k = 1; k < 4; k++) {
        ok(around_of(b.r, k * AROUND_SETS, (1 + k) * S) != first, "a way of its own");
    }
    ok(around_of(b.r, 0, 2 * S) == first, "the first is still there");
    x = around_of(b.r, 4 * AROUND_SETS, 5 * S);
    ok(x == first, "the fifth takes the oldest one's");
    bed_free(&b);
}

int main(void)
{
    near_ones();
    few();
    around(40, "of all when there are few");
    around(AROUND_ALL * 2, "of some when there are many");
    sets();
    return done();
}
