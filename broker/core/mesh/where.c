#include "broker/core/mesh/where.h"

#include "broker/core/core_int.h"
#include "broker/core/mesh/gossip/gossip.h"

#define SURE     (WF_COORDS_ONE / 2) /* of an error: with more nothing is guessed */
#define MOVED    8u /* it is told when it is off by this part of itself, */
#define MOVED_US (UINT64_C(60) * 1000000)
#define LEAST_US 1000u /* and by so much */

void where_init(struct where *w, uint64_t seed)
{
    wf_coords_init(&w->at);
    w->told = w->at;
    w->rng.s = seed;
}

static uint32_t get(const uint8_t *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

static void put(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) {
        p[i] = (uint8_t) (v >> (24 - 8 * i));
    }
}

static int parse(struct wf_slice s, struct wf_coords *ret)
{
    if (s.len != WHERE_BYTES) {
        return 0;
    }
    for (unsigned i = 0; i < WF_COORDS_DIMS; i++) {
        ret->at_us[i] = (int32_t) get(s.p + 4 * i);
    }
    ret->height_us = (int32_t) get(s.p + 4 * WF_COORDS_DIMS);
    ret->error = get(s.p + 4 * WF_COORDS_DIMS + 4);
    return wf_coords_valid(ret);
}

struct wf_slice where_tell(struct where *w, uint8_t room[WHERE_BYTES])
{
    w->told = w->at;
    for (unsigned i = 0; i < WF_COORDS_DIMS; i++) {
        put(room + 4 * i, (uint32_t) w->at.at_us[i]);
    }
    put(room + 4 * WF_COORDS_DIMS, (uint32_t) w->at.height_us);
    put(room + 4 * WF_COORDS_DIMS + 4, w->at.error);
    return wf_slice_make(room, WHERE_BYTES);
}

/* Between two points; 0: one of them is not sure enough. */
static uint64_t guess_us(const struct wf_coords *a, const struct wf_coords *b)
{
    return a->error <= SURE && b->error <= SURE ? wf_coords_rtt_us(a, b) : 0;
}

uint64_t where_rtt_us(const struct where *w, const struct wf_site_fact *links)
{
    struct wf_coords it;

    return parse(links->coords, &it) ? guess_us(&w->at, &it) : 0;
}

/* What another broker says of itself. */
static int coords_of(const struct core *c, const struct wf_key *key,
                     struct wf_coords *ret)
{
    struct gossip_fact f;
    struct wf_msg msg;

    return gossip_get(c->word.gossip, key, WF_FACT_LINKS, wf_slice_make(NULL, 0), &f) ==
               0 &&
           wf_msg_read(f.body, WF_MSG_site_fact, &msg) == 0 &&
           parse(msg.u.site_fact.coords, ret);
}

uint64_t where_to_us(const struct core *c, const struct wf_key *key)
{
    struct wf_coords it;

    return coords_of(c, key, &it) ? guess_us(&c->word.where.at, &it) : 0;
}

uint64_t where_between_us(const struct core *c, const struct wf_key *a,
                          const struct wf_key *b)
{
    struct wf_coords one, other;

    return coords_of(c, a, &one) && coords_of(c, b, &other) ? guess_us(&one, &other) : 0;
}

static int is_off(const struct where *w)
{
    const uint32_t apart_us = wf_coords_rtt_us(&w->at, &w->told);
    const uint32_t heights_us = (uint32_t) w->at.height_us + (uint32_t) w->told.height_us;
    const uint32_t by_us = apart_us - (uint32_t) wf_min_u64(apart_us, heights_us);

    return by_us >= LEAST_US && by_us >= heights_us / MOVED;
}

/* Who becomes sure says so soon; who only moves, now and then: nobody waits for it. */
static int is_news(struct where *w, uint64_t now_us)
{
    if (w->at.error < w->told.error / 2) {
        return 1;
    }
    if (!is_off(w) || now_us - w->moved_us < MOVED_US) {
        return 0;
    }
    w->moved_us = now_us;
    return 1;
}

int where_look(struct core *c)
{
    struct where *w = &c->word.where;

    for (struct wf_list_node *n = wf_list_first(&c->mesh.neighbours); n != NULL;
         n = wf_list_next(&c->mesh.neighbours, n)) {
        struct neighbour *x = CONTAINER_OF(n, struct neighbour, node);
        struct link_seen seen;
        struct wf_coords it;

        mesh_link_seen(c, x->agent, &seen);
        if (x->agent->session != NULL && seen.at_us > x->where_us &&
            coords_of(c, &x->agent->principal->key, &it)) {
            x->where_us = seen.at_us;
            (void) wf_coords_update(&w->at, &it, seen.rtt_us, &w->rng);
        }
    }
    return is_news(w, c->now_us);
}
