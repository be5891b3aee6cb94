#include "broker/core/place/decisions.h"

#include "common/err.h"
#include "common/mem.h"

#include <string.h>

int decisions_init(struct decisions *d)
{
    *d = (struct decisions){.ring = wf_calloc(DECISIONS_KEPT, sizeof *d->ring)};
    return d->ring != NULL ? 0 : WEFT_ENOMEM;
}

void decisions_fini(struct decisions *d)
{
    wf_free(d->ring);
    d->ring = NULL;
}

struct decision *decisions_next(struct decisions *d)
{
    struct decision *x = &d->ring[d->next++ % DECISIONS_KEPT];

    decision_clear(x);
    return x;
}

void decision_clear(struct decision *d)
{
    memset(d, 0,
           offsetof(struct decision, route) + offsetof(struct route_decision, rows));
}

const struct decision *decisions_of(const struct decisions *d, const struct wf_id *job)
{
    uint64_t n = wf_min_u64(d->next, DECISIONS_KEPT);

    for (uint64_t i = 1; i <= n; i++) {
        const struct decision *x = &d->ring[(d->next - i) % DECISIONS_KEPT];

        if (wf_id_eq(&x->job, job)) {
            return x;
        }
    }
    return NULL;
}

static int comes_before(const struct decision *d, unsigned a, unsigned b)
{
    const struct route_row *x = &d->route.rows[a], *y = &d->route.rows[b];

    if ((int) a == d->route.best || (int) b == d->route.best) {
        return (int) a == d->route.best;
    }
    if (x->filter != y->filter) {
        return x->filter == PLACE_PASSED ||
               (y->filter != PLACE_PASSED && x->filter > y->filter);
    }
    return x->score.total_us < y->score.total_us;
}

unsigned decision_order(const struct decision *d, unsigned ret[ROUTE_ROWS_MAX])
{
    for (unsigned i = 0; i < d->route.nrows; i++) {
        unsigned at = i;

        while (at > 0 && comes_before(d, i, ret[at - 1])) {
            ret[at] = ret[at - 1];
            at--;
        }
        ret[at] = i;
    }
    return d->route.nrows;
}
