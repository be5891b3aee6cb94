/* Tickets: one for each pair, as long as both sessions last. */
#include "tests/unit/broker/data/stock.h"

static const struct wf_key own = {{1}};

static void session_init(struct session *s)
{
    memset(s, 0, sizeof *s);
    wf_list_init(&s->fetches);
    wf_list_init(&s->gives);
}

static void pairs(void)
{
    struct session a, b, c;
    struct wf_rng rng = {1};
    const struct wf_key other = {{2}};
    struct ticket *ab, *again, *ba, *ac, *behind;
    struct tickets t;

    session_init(&a);
    session_init(&b);
    session_init(&c);
    must(tickets_init(&t, &rng, 1) == 0);
    must(ticket_need(&t, &a, &own, &b, 1000, &ab) == 0);
    must(ticket_need(&t, &b, &own, &a, 1000, &ba) == 0);
    must(ticket_need(&t, &a, &own, &c, 1000, &ac) == 0);
    ok(ab->number != ba->number && ab->number != ac->number && ab->number != 0,
       "each pair has its own");
    must(ticket_need(&t, &a, &own, &b, 2000, &again) == 0);
    ok(again == ab && ab->expires_us == 2000 + TICKET_TTL_MS * UINT64_C(1000),
       "asked for again it is renewed");
    must(ticket_need(&t, &a, &other, &b, 2000, &behind) == 0);
    ok(behind != ab, "a node behind the fetcher has one of its own");
    ticket_drop(&t, behind);
    ok(ticket_get(&t, ab->number) == ab && ticket_get(&t, 12345) == NULL,
       "it is known by its number");
    ok(ticket_is_live(ab, ab->expires_us - 1) && !ticket_is_live(ab, ab->expires_us),
       "until it is over");
    ticket_drop(&t, ab);
    ok(wf_map_len(t.by_number) == 2 && wf_list_first(&b.gives) == NULL, "or dropped");
    tickets_fini(&t);
    ok(wf_list_empty(&a.fetches) && wf_list_empty(&a.gives) && wf_list_empty(&c.gives),
       "with all of them the sessions have none");
}

static void limits(void)
{
    static struct session holders[TICKETS_OF_MAX + 1];
    struct session a;
    struct wf_rng rng = {1};
    struct ticket *x;
    struct tickets t;

    session_init(&a);
    must(tickets_init(&t, &rng, 1) == 0);
    for (size_t i = 0; i < TICKETS_OF_MAX; i++) {
        session_init(&holders[i]);
        must(ticket_need(&t, &a, &own, &holders[i], 0, &x) == 0);
    }
    session_init(&holders[TICKETS_OF_MAX]);
    is_int(ticket_need(&t, &a, &own, &holders[TICKETS_OF_MAX], 0, &x), WEFT_EFULL,
           "a fetcher has so many");
    is_int(ticket_need(&t, &a, &own, &holders[0], 0, &x), 0, "but may renew them");
    tickets_fini(&t);
}

/* A fetcher that located from ever others: those that are over make room. */
static void expired(void)
{
    struct wf_locate m = {.req = 1};
    struct list l = LIST;
    uint32_t ann, one;
    struct wf_msg told;
    struct bed b;

    bed_init(&b);
    b.cfg.lease_ms = 3600000;
    b.cfg.heartbeat_ms = 1800000;
    bed_start(&b);
    ann = bed_client(&b, 10, "ann");
    one = stock_agent(&b, 1, "one", NULL);
    stock_has(&b, one, 5);
    list_blob(&l, 5, 5 * KIB);
    m.rows = l.rows;
    bed_say(&b, ann, WF_MSG_locate, &m);
    is_int(wf_map_len(b.c->data.tickets.by_number), 1, "a ticket");
    bed_tick(&b, TICKET_TTL_MS * UINT64_C(1000) + 1);
    stock_holds(&b, one, 1, NULL, MIB);
    bed_say(&b, ann, WF_MSG_locate, &m);
    is_int(wf_map_len(b.c->data.tickets.by_number), 0, "is dropped when it is over");
    stock_has(&b, one, 5);
    bed_say(&b, ann, WF_MSG_locate, &m);
    is_int(wf_map_len(b.c->data.tickets.by_number), 1, "another one");
    bed_down(&b, ann);
    ok(bed_told(&b, one, WF_MSG_grant, 0, &told) && told.u.grant.end,
       "the holder is told that the fetcher went");
    is_int(wf_map_len(b.c->data.tickets.by_number), 0, "and it is gone");
    list_fini(&l);
    bed_fini(&b);
}

int main(void)
{
    pairs();
    limits();
    expired();
    return done();
}
