#include "broker/core/data/tickets.h"

#include "common/err.h"
#include "common/mem.h"

int tickets_init(struct tickets *t, struct wf_rng *rng, uint64_t seed)
{
    *t = (struct tickets){.by_number = wf_map_new(TICKETS_MAX, seed), .rng = rng};
    return t->by_number != NULL ? 0 : WEFT_ENOMEM;
}

void ticket_drop(struct tickets *t, struct ticket *x)
{
    (void) wf_map_take(t->by_number, &x->number, sizeof x->number);
    wf_list_remove(&x->of_fetcher);
    wf_list_remove(&x->of_holder);
    wf_free(x);
}

void tickets_fini(struct tickets *t)
{
    struct ticket *x;
    size_t it = 0;

    while (t->by_number != NULL && (x = wf_map_next(t->by_number, &it)) != NULL) {
        ticket_drop(t, x);
    }
    wf_map_free(t->by_number);
    *t = (struct tickets){0};
}

static struct ticket *find(const struct session *fetcher, const struct wf_key *to,
                           const struct session *holder, unsigned *ret_n)
{
    struct ticket *found = NULL;

    *ret_n = 0;
    for (struct wf_list_node *n = wf_list_first(&fetcher->fetches); n != NULL;
         n = wf_list_next(&fetcher->fetches, n)) {
        struct ticket *x = CONTAINER_OF(n, struct ticket, of_fetcher);

        ++*ret_n;
        if (x->holder == holder && wf_key_eq(&x->to, to) && !x->adopted) {
            found = x;
        }
    }
    return found;
}

static int make(struct tickets *t, uint64_t number, struct session *fetcher,
                const struct wf_key *to, struct session *holder,
                struct ticket **ret_ticket)
{
    struct ticket *x = wf_calloc(1, sizeof *x);
    int rc;

    if (x == NULL) {
        return WEFT_ENOMEM;
    }
    x->number = number;
    rc = wf_map_put(t->by_number, &x->number, sizeof x->number, x);
    if (rc != 0) {
        wf_free(x);
        return rc;
    }
    x->fetcher = fetcher;
    x->to = *to;
    x->holder = holder;
    wf_list_init(&x->asks);
    wf_list_init(&x->in_busy);
    wf_list_push_back(&fetcher->fetches, &x->of_fetcher);
    wf_list_push_back(&holder->gives, &x->of_holder);
    *ret_ticket = x;
    return 0;
}

int ticket_need(struct tickets *t, struct session *fetcher, const struct wf_key *to,
                struct session *holder, uint64_t now_us, struct ticket **ret_ticket)
{
    unsigned n;
    struct ticket *x = find(fetcher, to, holder, &n);
    int rc;

    if (x == NULL) {
        rc = n >= TICKETS_OF_MAX
                 ? WEFT_EFULL
                 : make(t, wf_rng_next(t->rng) | 1, fetcher, to, holder, &x);
        if (rc != 0) {
            return rc;
        }
    }
    x->expires_us = now_us + TICKET_TTL_MS * UINT64_C(1000);
    *ret_ticket = x;
    return 0;
}

int ticket_adopt(struct tickets *t, uint64_t number, struct session *fetcher,
                 const struct wf_key *to, struct session *holder, uint64_t until_us)
{
    struct ticket *x = ticket_get(t, number);
    unsigned n;
    int rc;

    if (x != NULL && (!x->adopted || x->fetcher != fetcher || x->holder != holder ||
                      !wf_key_eq(&x->to, to))) {
        return WEFT_ECONFLICT;
    }
    if (x == NULL) {
        (void) find(fetcher, to, holder, &n);
        rc = n >= TICKETS_OF_MAX ? WEFT_EFULL : make(t, number, fetcher, to, holder, &x);
        if (rc != 0) {
            return rc;
        }
        x->adopted = 1;
    }
    x->expires_us = until_us;
    return 0;
}

struct ticket *ticket_get(const struct tickets *t, uint64_t number)
{
    return wf_map_get(t->by_number, &number, sizeof number);
}
