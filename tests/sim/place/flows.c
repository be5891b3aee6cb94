#include "tests/sim/place/flows.h"

#include "client/include/weft/error.h"
#include "common/mem.h"

#include <math.h>

#define RTT_LEAST_S 1e-3 /* a window never counts as more than this many a second */

int flows_init(struct flows *fl, const struct scenario *sc, struct events *ev,
               void (*over)(void *world, struct event *e))
{
    *fl = (struct flows){.sc = sc, .ev = ev, .over = over};
    fl->up = wf_calloc(sc->nnodes, sizeof *fl->up);
    fl->down = wf_calloc(sc->nnodes, sizeof *fl->down);
    if (fl->up == NULL || fl->down == NULL) {
        flows_fini(fl);
        return WEFT_ENOMEM;
    }
    for (uint32_t i = 0; i < sc->nnodes; i++) {
        wf_list_init(&fl->up[i].flows);
        wf_list_init(&fl->down[i].flows);
    }
    return 0;
}

void flows_fini(struct flows *fl)
{
    wf_free(fl->up);
    wf_free(fl->down);
    fl->up = fl->down = NULL;
}

static double window_rate(const struct scenario *sc, uint32_t from, uint32_t to)
{
    return FLOW_WINDOW / fmax(scenario_rtt_us(sc, from, to) / 1e6, RTT_LEAST_S);
}

static double share(double rate, uint32_t flows)
{
    return rate > 0 ? rate / flows : INFINITY;
}

/* Without a division: it is asked for every pair of candidate and holder. */
double flows_time_s(const struct scenario *sc, uint32_t from, uint32_t to, uint32_t up,
                    uint32_t down, double bytes)
{
    const double rtt_s = 1e-6 * scenario_rtt_us(sc, from, to);
    double window_s = (rtt_s > RTT_LEAST_S ? rtt_s : RTT_LEAST_S) * (1 / FLOW_WINDOW);
    double up_s = sc->nodes[from].up_s * (up + 1);
    double down_s = sc->nodes[to].down_s * (down + 1);
    double worst = up_s > down_s ? up_s : down_s;

    return bytes * (worst > window_s ? worst : window_s);
}

/* Count what came since, and go on at the rate of now. */
static void refresh(struct flows *fl, struct flow *f)
{
    const uint64_t now = fl->ev->now_ns;
    double rate = fmin(fmin(share(fl->sc->nodes[f->from].up, fl->up[f->from].n),
                            share(fl->sc->nodes[f->to].down, fl->down[f->to].n)),
                       f->most);

    f->left = fmax(0, f->left - f->rate * (double) (now - f->seen_ns) / 1e9);
    f->seen_ns = now;
    if (rate < f->rate || rate > f->rate) {
        f->rate = rate;
        events_set(fl->ev, &f->event, now + (uint64_t) ceil(f->left / rate * 1e9),
                   fl->over);
    }
}

/* A flow between the same ends stands in both lists; the second look changes nothing. */
static void refresh_ends(struct flows *fl, uint32_t from, uint32_t to)
{
    struct wf_list_node *head = &fl->up[from].flows;

    for (struct wf_list_node *n = wf_list_first(head); n != NULL;
         n = wf_list_next(head, n)) {
        refresh(fl, CONTAINER_OF(n, struct flow, up_peers));
    }
    head = &fl->down[to].flows;
    for (struct wf_list_node *n = wf_list_first(head); n != NULL;
         n = wf_list_next(head, n)) {
        refresh(fl, CONTAINER_OF(n, struct flow, down_peers));
    }
}

void flows_begin(struct flows *fl, struct flow *f)
{
    f->began_ns = f->seen_ns = fl->ev->now_ns;
    f->left = f->bytes;
    f->rate = 0;
    f->most = window_rate(fl->sc, f->from, f->to);
    wf_list_push_back(&fl->up[f->from].flows, &f->up_peers);
    wf_list_push_back(&fl->down[f->to].flows, &f->down_peers);
    fl->up[f->from].n++;
    fl->down[f->to].n++;
    refresh_ends(fl, f->from, f->to);
}

void flows_end(struct flows *fl, struct flow *f)
{
    wf_list_remove(&f->up_peers);
    wf_list_remove(&f->down_peers);
    fl->up[f->from].n--;
    fl->down[f->to].n--;
    events_unset(fl->ev, &f->event);
    refresh_ends(fl, f->from, f->to);
}
