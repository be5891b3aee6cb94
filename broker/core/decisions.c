#include "broker/core/decisions.h"

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

    memset(x, 0, offsetof(struct decision, rows));
    return x;
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

void decision_add(struct decision *d, const struct decision_row *row)
{
    unsigned at = d->nrows;

    /* Those with room come before those without, whatever their score. */
    while (at > 0 && (d->rows[at - 1].full > row->full ||
                      (d->rows[at - 1].full == row->full &&
                       d->rows[at - 1].score.total_us > row->score.total_us))) {
        if (at < WF_SCORED_MAX) {
            d->rows[at] = d->rows[at - 1];
        }
        at--;
    }
    if (at < WF_SCORED_MAX) {
        d->rows[at] = *row;
        d->nrows += d->nrows < WF_SCORED_MAX;
    }
}

const char *place_filter_name(unsigned filter)
{
    static const char *const names[] = {
#define F(name, text) text,
        PLACE_FILTERS(F)
#undef F
    };

    return filter < ARRAY_LEN(names) ? names[filter] : "?";
}
