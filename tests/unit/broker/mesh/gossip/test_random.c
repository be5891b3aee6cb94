/* Meshes, faults and orders from seeds: whatever happened, once the mesh is whole and
 * quiet all brokers know the same. */
#include "common/err.h"
#include "tests/unit/broker/mesh/net.h"

#define SEEDS 260u

struct story {
    struct net w;
    struct wf_rng rng;
    uint8_t edge[NET_MAX][NET_MAX];
    unsigned said;
    unsigned boots[NET_MAX];
};

/* A tree and some more, so that everyone is reached. */
static void make_mesh(struct story *s)
{
    for (unsigned i = 1; i < s->w.n; i++) {
        s->edge[wf_rng_below(&s->rng, i)][i] = 1;
    }
    for (unsigned k = 0; k < s->w.n; k++) {
        unsigned a = (unsigned) wf_rng_below(&s->rng, s->w.n);
        unsigned b = (unsigned) wf_rng_below(&s->rng, s->w.n);

        if (a < b) {
            s->edge[a][b] = 1;
        }
    }
}

/* Who is a neighbour says so: the word travels, and with it the right to be heard. */
static void introduce(struct story *s, unsigned i)
{
    for (unsigned k = 0; k < s->w.n; k++) {
        if (s->edge[i][k] || s->edge[k][i]) {
            must(net_say_key(&s->w, i, k, WF_KEY_ACTIVE, 1) == 0);
        }
    }
}

static void say(struct story *s, unsigned i)
{
    char text[32];
    unsigned kind = wf_rng_chance(&s->rng, 1, 2) ? WF_FACT_LOAD : WF_FACT_SITE;

    (void) snprintf(text, sizeof text, "%u says %u", i, s->said++);
    if (wf_rng_chance(&s->rng, 1, 8)) {
        text[0] = '\0';
    }
    must(net_say(&s->w, i, kind, (struct wf_slice){0}, text) == 0);
    if (wf_rng_chance(&s->rng, 1, 6)) {
        unsigned about = 50 + (unsigned) wf_rng_below(&s->rng, 6);
        struct wf_key key = net_key(about);

        (void) snprintf(text, sizeof text, "no key fact %u", s->said++);
        must(net_say(&s->w, i, WF_FACT_KEY, wf_slice_make(key.b, sizeof key.b), text) ==
             0);
    }
}

static void set_all(struct story *s, int up)
{
    for (unsigned a = 0; a < s->w.n; a++) {
        for (unsigned b = a + 1; b < s->w.n; b++) {
            if (s->edge[a][b] && s->w.up[a][b] != up) {
                if (up) {
                    net_link(&s->w, a, b);
                } else {
                    net_cut(&s->w, a, b);
                }
            }
        }
    }
}

static void flip(struct story *s)
{
    unsigned a = (unsigned) wf_rng_below(&s->rng, s->w.n);
    unsigned b = (unsigned) wf_rng_below(&s->rng, s->w.n);

    if (a > b) {
        unsigned t = a;

        a = b;
        b = t;
    }
    if (s->edge[a][b] && s->w.up[a][b]) {
        net_cut(&s->w, a, b);
    } else if (s->edge[a][b]) {
        net_link(&s->w, a, b);
    }
}

/* All of its links end; half of the time its count of boots is lost as well. */
static void restart(struct story *s)
{
    unsigned i = (unsigned) wf_rng_below(&s->rng, s->w.n);

    for (unsigned k = 0; k < s->w.n; k++) {
        if (s->w.up[i][k]) {
            net_cut(&s->w, i, k);
        }
    }
    gossip_free(s->w.g[i]);
    s->boots[i] = wf_rng_chance(&s->rng, 1, 2) ? 0 : s->boots[i] + 1;
    net_start(&s->w, i, s->boots[i]);
    introduce(s, i);
}

/* Two halves that do not hear each other for a while. */
static void part(struct story *s)
{
    unsigned half = 1 + (unsigned) wf_rng_below(&s->rng, s->w.n - 1);

    for (unsigned a = 0; a < half; a++) {
        for (unsigned b = half; b < s->w.n; b++) {
            if (s->w.up[a][b]) {
                net_cut(&s->w, a, b);
            }
        }
    }
}

static void happens(struct story *s)
{
    uint64_t what = wf_rng_below(&s->rng, 24);

    if (what < 16) {
        say(s, (unsigned) wf_rng_below(&s->rng, s->w.n));
    } else if (what < 20) {
        flip(s);
    } else if (what < 21) {
        restart(s);
    } else if (what < 22) {
        part(s);
    } else if (what < 23) {
        set_all(s, 1);
    }
    net_run(&s->w, wf_rng_below(&s->rng, NET_S / 2));
}

/* Intervals until all know the same; 0: they never did. */
static unsigned heal(struct story *s, unsigned most)
{
    s->w.lose_pm = 0;
    s->w.double_pm = 0;
    set_all(s, 1);
    for (unsigned i = 1; i <= most; i++) {
        net_run(&s->w, NET_S);
        if (net_equal(&s->w)) {
            return i;
        }
    }
    return 0;
}

static unsigned live(uint64_t seed)
{
    static struct story s;
    const struct gossip_config cfg = {.slice = 1 + seed % 5};
    unsigned n, took;

    s = (struct story){.rng.s = seed * 7919};
    n = 2 + (unsigned) wf_rng_below(&s.rng, 9);
    net_new(&s.w, n, seed, seed % 2 != 0 ? &cfg : NULL);
    s.w.lose_pm = seed % 3 == 0 ? 200 : 0;
    s.w.double_pm = seed % 4 == 0 ? 200 : 0;
    s.w.reorder = seed % 5 == 0;
    make_mesh(&s);
    for (unsigned i = 0; i < n; i++) {
        s.boots[i] = 1;
        introduce(&s, i);
    }
    set_all(&s, 1);
    for (unsigned i = 0; i < 60; i++) {
        happens(&s);
    }
    took = heal(&s, 400);
    net_free(&s.w);
    return took;
}

static void converges(void)
{
    unsigned failed = 0, longest[2] = {0}, sum = 0;

    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        unsigned took = live(seed), lossy = seed % 3 == 0;

        if (took == 0) {
            printf("# seed %u: they know different things\n", seed);
            failed++;
        }
        longest[lossy] = took > longest[lossy] ? took : longest[lossy];
        sum += took;
    }
    printf("# intervals to agree: mean %.1f, at most %u, where messages were lost %u\n",
           (double) sum / SEEDS, longest[0], longest[1]);
    is_int(failed, 0, "after faults of all kinds all brokers of a mesh know the same");
}

static uint64_t hash_of(uint64_t seed)
{
    static struct story s;
    uint64_t h;

    s = (struct story){.rng.s = seed};
    net_new(&s.w, 8, seed, NULL);
    s.w.lose_pm = 100;
    make_mesh(&s);
    set_all(&s, 1);
    for (unsigned i = 0; i < 60; i++) {
        happens(&s);
    }
    h = gossip_hash(s.w.g[3]) ^ net_stats(&s.w, 3).bytes_out;
    net_free(&s.w);
    return h;
}

int main(void)
{
    converges();
    ok(hash_of(5) == hash_of(5) && hash_of(5) != hash_of(6), "the seed decides all");
    return done();
}
