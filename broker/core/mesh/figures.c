#include "broker/core/mesh/figures.h"

#include "broker/core/core_int.h"
#include "broker/core/mesh/gossip/gossip.h"
#include "broker/core/place/routes.h"

#define ROWS_MAX  32u
#define SECOND_US UINT64_C(1000000)
#define LOAD_US                                                                          \
    (15 * SECOND_US) /* figures are said at least so often: a sign of life               \
                      */
#define LOAD_GAP_US  (2 * SECOND_US) /* and what is not urgent at most, */
#define LOAD_BYTES   180u            /* of a fact, as it goes out, */
#define LOAD_RATE    16384u          /* of which all brokers may say so many a second */
#define LINKS_GAP_US (10 * SECOND_US)
#define LINKS_BYTES  600u
#define LINKS_RATE   8192u

static void add_links(const struct core *c, struct wf_site_fact *m, struct wf_buf *rows)
{
    for (const struct wf_list_node *n = wf_list_first(&c->mesh.neighbours);
         n != NULL && m->links.count < ROWS_MAX;
         n = wf_list_next(&c->mesh.neighbours, n)) {
        const struct agent *a = CONTAINER_OF(n, struct neighbour, node)->agent;
        struct wf_link_row row = {.peer = a->principal->key,
                                  .name = wf_slice_of(a->principal->name),
                                  .site = wf_slice_of(a->principal->site),
                                  .age_ms = (c->now_us - a->since_us) / 1000};
        struct link_seen seen;

        if (a->session != NULL) {
            mesh_link_seen(c, a, &seen);
            row.rtt_us = seen.rtt_us;
            row.jitter_us = seen.jitter_us;
            row.loss_pm = wf_min_u64(seen.loss_pm, 1000);
            row.up = seen.up;
            row.down = seen.down;
            row.samples = seen.samples;
            (void) wf_rows_add(rows, &m->links, wf_desc_link_row(), &row);
        }
    }
}

void figures_now(const struct core *c, struct wf_site_fact *m)
{
    const struct capability *cap;
    size_t it = 0;

    *m = (struct wf_site_fact){{0}};
    for (const struct wf_list_node *n = wf_list_first(&c->agents.all); n != NULL;
         n = wf_list_next(&c->agents.all, n)) {
        const struct agent *a = CONTAINER_OF(n, struct agent, in_all);

        if (a->neighbour == NULL && agent_closed(a) == PLACE_PASSED) {
            m->agents++;
            m->slots += a->slots;
            m->free += a->slots - wf_min_u64(a->assigned, a->slots);
        }
    }
    while ((cap = wf_map_next(c->capabilities.by_name, &it)) != NULL) {
        m->queued += cap->nready;
    }
    m->live = c->jobs.live;
    m->wait_us = m->slots != 0 ? m->queued * wf_ewma_mean(&c->mesh.run_us) / m->slots : 0;
}

static uint64_t gap_us(const struct core *c, uint64_t least_us, uint64_t bytes,
                       uint64_t rate)
{
    struct gossip_stats s;

    gossip_stats(c->word.gossip, &s);
    return wf_max_u64(least_us, s.origins * bytes * SECOND_US / rate);
}

/* 1 when `now` is another figure than `was`: by a quarter, or from or to nothing. */
static int is_news(uint64_t was, uint64_t now)
{
    return (was == 0) != (now == 0) || now > was + was / 4 || now < was - was / 4;
}

/* Half of all room came or went, or so much more or less waits. */
static int is_urgent(const struct figures *f, const struct wf_site_fact *m)
{
    const uint64_t much = m->slots / 2 + 1;

    return m->free >= f->free_ + much || m->free + much <= f->free_ ||
           m->queued >= 2 * f->queued + much || 2 * m->queued + much <= f->queued;
}

static void say_load(struct core *c, struct wf_effects *out)
{
    struct figures *f = &c->word.figures;
    const uint64_t since_us = c->now_us - f->said_us;
    struct wf_site_fact m;

    figures_now(c, &m);
    if (f->said_us != 0 && since_us < LOAD_US && !is_urgent(f, &m) &&
        !((is_news(f->free_, m.free) || is_news(f->queued, m.queued)) &&
          since_us >= gap_us(c, LOAD_GAP_US, LOAD_BYTES, LOAD_RATE))) {
        return;
    }
    f->said_us = c->now_us;
    f->free_ = m.free;
    f->queued = m.queued;
    word_say(c, WF_FACT_LOAD, wf_slice_make(NULL, 0), WF_MSG_site_fact, &m, out);
}

static void say_links(struct core *c, struct wf_effects *out)
{
    struct figures *f = &c->word.figures;
    struct wf_site_fact m = {{0}};
    uint8_t room[WHERE_BYTES];

    if (f->links == LINKS_TOLD ||
        (f->links == LINKS_MEASURED &&
         c->now_us - f->links_us < gap_us(c, LINKS_GAP_US, LINKS_BYTES, LINKS_RATE))) {
        return;
    }
    f->links = LINKS_TOLD;
    f->links_us = c->now_us;
    add_links(c, &m, core_rows(c, 3));
    m.coords = where_tell(&c->word.where, room);
    word_say(c, WF_FACT_LINKS, wf_slice_make(NULL, 0), WF_MSG_site_fact, &m, out);
}

void figures_say(struct core *c, struct wf_effects *out)
{
    say_load(c, out);
    say_links(c, out);
}
