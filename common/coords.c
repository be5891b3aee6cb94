#include "common/coords.h"

#include "common/root.h"

#define ONE         WF_COORDS_ONE
#define RTT_MAX_US  10000000u
#define STEP_MAX_US 200000 /* that one sample may move a node */
/* Dabek's c_e and c_c: how fast the error and the place adapt. */
#define ADAPT_PART 4
/* No peer is believed to be surer than this, or its word would count for everything. */
#define ERROR_MIN     (ONE / 100)
#define HEIGHT_MIN_US 10
/* Gravity pulls by (distance from the middle / this)^2 microseconds a sample: next to
 * nothing at the size of a real network. */
#define GRAVITY_US 10000

/* A vector between two nodes; its height is the sum of both. */
struct gap {
    int64_t at[WF_COORDS_DIMS];
    int64_t height;
    int64_t flat; /* length without the height */
};

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

static int64_t length(const int64_t *v)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < WF_COORDS_DIMS; i++) {
        sum += (uint64_t) (v[i] * v[i]);
    }
    return wf_root(sum);
}

static struct gap gap_of(const struct wf_coords *a, const struct wf_coords *b)
{
    struct gap g = {.height = (int64_t) a->height_us + b->height_us};

    for (unsigned i = 0; i < WF_COORDS_DIMS; i++) {
        g.at[i] = (int64_t) a->at_us[i] - b->at_us[i];
    }
    g.flat = length(g.at);
    return g;
}

void wf_coords_init(struct wf_coords *c)
{
    *c = (struct wf_coords){.height_us = HEIGHT_MIN_US, .error = WF_COORDS_ERROR_MAX};
}

int wf_coords_valid(const struct wf_coords *c)
{
    for (unsigned i = 0; i < WF_COORDS_DIMS; i++) {
        if (c->at_us[i] < -WF_COORDS_MAX_US || c->at_us[i] > WF_COORDS_MAX_US) {
            return 0;
        }
    }
    return c->height_us >= 0 && c->height_us <= WF_COORDS_MAX_US &&
           c->error <= WF_COORDS_ERROR_MAX;
}

uint32_t wf_coords_rtt_us(const struct wf_coords *a, const struct wf_coords *b)
{
    struct gap g = gap_of(a, b);

    return (uint32_t) clamp(g.flat + g.height, 1, UINT32_MAX);
}

/* Move by `step` along the gap: away from the peer when positive.  A part of it goes into
 * the height, as that has its part in the distance. */
static void push(struct wf_coords *c, const struct gap *g, int64_t step,
                 struct wf_rng *rng)
{
    struct gap dir = *g;
    int64_t whole = g->flat + g->height;

    if (g->flat == 0) {
        for (unsigned i = 0; i < WF_COORDS_DIMS; i++) {
            dir.at[i] = (int64_t) wf_rng_below(rng, 2001) - 1000;
        }
        /* As long as the heights, so that both have a part in the step. */
        dir.flat = length(dir.at);
        dir.height = dir.flat;
        whole = dir.flat + dir.height;
    }
    if (whole == 0) {
        return;
    }
    for (unsigned i = 0; i < WF_COORDS_DIMS; i++) {
        c->at_us[i] = (int32_t) clamp(c->at_us[i] + step * dir.at[i] / whole,
                                      -WF_COORDS_MAX_US, WF_COORDS_MAX_US);
    }
    c->height_us = (int32_t) clamp(c->height_us + step * dir.height / whole,
                                   HEIGHT_MIN_US, WF_COORDS_MAX_US);
}

static void fall(struct wf_coords *c)
{
    int64_t at[WF_COORDS_DIMS];
    int64_t far, pull;

    for (unsigned i = 0; i < WF_COORDS_DIMS; i++) {
        at[i] = c->at_us[i];
    }
    far = length(at);
    pull = clamp((far / GRAVITY_US) * (far / GRAVITY_US), 0, far);
    for (unsigned i = 0; far != 0 && i < WF_COORDS_DIMS; i++) {
        c->at_us[i] -= (int32_t) (pull * at[i] / far);
    }
}

int wf_coords_update(struct wf_coords *c, const struct wf_coords *peer, uint64_t rtt_us,
                     struct wf_rng *rng)
{
    struct gap g;
    int64_t rtt = (int64_t) rtt_us;
    int64_t off, weight, error, step;

    if (rtt_us == 0 || rtt_us > RTT_MAX_US || !wf_coords_valid(peer)) {
        return 0;
    }
    g = gap_of(c, peer);
    off = rtt - (g.flat + g.height);
    /* How much of the error is ours: all of it beside a peer that is sure. */
    error = clamp(peer->error, ERROR_MIN, WF_COORDS_ERROR_MAX);
    weight = (int64_t) c->error * ONE / (c->error + error);
    step = clamp(off * weight / ADAPT_PART / ONE, -STEP_MAX_US, STEP_MAX_US);

    error = clamp((off < 0 ? -off : off) * ONE / rtt, 0, WF_COORDS_ERROR_MAX);
    c->error = (uint32_t) clamp(c->error + (error - c->error) * weight / ADAPT_PART / ONE,
                                ERROR_MIN, WF_COORDS_ERROR_MAX);
    push(c, &g, step, rng);
    fall(c);
    return 1;
}
