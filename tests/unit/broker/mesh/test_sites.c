/* What a site tells of its agents, and what its neighbours make of it: what runs take and
 * cost there, and that it is one candidate among the agents of one's own. */
#include "broker/core/place/routes.h"
#include "tests/unit/broker/bed.h"

#define CHEAP  21 /* keys of neighbours */
#define DEAR   22
#define AGENTS 40u

static const struct price_line book[] = {{.kind = WF_PRICE_NODE,
                                          .from = "plain",
                                          .to = "",
                                          .pusd = 5000,
                                          .paid = PRICE_ON_DEMAND},
                                         {.kind = WF_PRICE_NODE,
                                          .from = "gpu",
                                          .to = "",
                                          .pusd = 90000,
                                          .paid = PRICE_ON_DEMAND}};

static uint32_t broker(struct bed *b, uint8_t key, const char *name)
{
    uint32_t peer;

    bed_enrol(b, key, WF_ROLE_BROKER, name);
    peer = bed_hello(b, key, WF_ROLE_BROKER, 1);
    bed_resync(b, peer);
    return peer;
}

/* `of_it`: what the capability costs there, when that is not the least of all. */
static void offer_one(struct bed *b, uint32_t peer, const char *cap, const char *class_,
                      uint64_t slots, uint64_t speed_pm, uint64_t price_pusd,
                      uint64_t of_it)
{
    const struct wf_cap_row row = {.name = wf_slice_of(cap),
                                   .version = 1,
                                   .slots = slots,
                                   .warm = 1,
                                   .price_pusd = of_it};
    struct wf_buf rows = WF_BUF_INIT(1024);
    struct wf_agent_info m = {.seq = b->now_us,
                              .slots = slots,
                              .class_ = wf_slice_of(class_),
                              .speed_pm = speed_pm,
                              .price_pusd = price_pusd};

    must(wf_rows_add(&rows, &m.caps, wf_desc_cap_row(), &row) == 0);
    bed_say(b, peer, WF_MSG_agent_info, &m);
    wf_buf_fini(&rows);
}

static void offer(struct bed *b, uint32_t peer, const char *class_, uint64_t slots,
                  uint64_t speed_pm, uint64_t price_pusd)
{
    offer_one(b, peer, "echo", class_, slots, speed_pm, price_pusd, 0);
}

static void prices(struct bed *b)
{
    struct broker_event ev = {
        .kind = BROKER_PRICES, .prices = book, .nprices = ARRAY_LEN(book)};

    bed_step(b, &ev);
}

/* What the neighbour was told last. */
static struct wf_agent_info told(struct bed *b, uint32_t peer)
{
    struct wf_msg m;

    if (!bed_told(b, peer, WF_MSG_agent_info, 0, &m)) {
        bed_tick(b, BED_SECOND / 4);
        must(bed_told(b, peer, WF_MSG_agent_info, 0, &m));
    }
    return m.u.agent_info;
}

static void tells_classes_and_prices(void)
{
    struct wf_agent_info m;
    uint32_t home, one, two;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    prices(&b);
    home = broker(&b, 7, "home");
    one = bed_agent(&b, 1, "a1", 1);
    two = bed_agent(&b, 2, "a2", 1);
    bed_tick(&b, BED_SECOND / 4);
    offer(&b, one, "gpu", 1, 3000, 0);
    bed_tick(&b, BED_SECOND / 4);
    offer(&b, two, "gpu", 3, 1000, 7);
    m = told(&b, home);
    ok(wf_slice_is(m.class_, "gpu"), "agents of one class: so is the site");
    is_int(m.speed_pm, 1500, "their speed is that of all slots in the mean");
    is_int(m.price_pusd, 90000,
           "their price is that of the book, whatever an agent says");
    bed_tick(&b, BED_SECOND / 4);
    offer(&b, two, "plain", 3, 1000, 0);
    m = told(&b, home);
    ok(m.class_.len == 0, "agents of several: of none");
    is_int(m.price_pusd, 5000, "and the price is that of the cheapest");
    bed_fini(&b);
}

static uint64_t price_of(const struct wf_agent_info *m, const char *cap)
{
    struct wf_rows rows = m->caps;
    struct wf_cap_row row;

    while (wf_rows_next(&rows, wf_desc_cap_row(), &row)) {
        if (wf_slice_is(row.name, cap)) {
            return row.price_pusd;
        }
    }
    return UINT64_MAX;
}

/* A site has cheap nodes and dear ones, which do not run the same. */
static void tells_what_each_costs(void)
{
    struct wf_agent_info m;
    uint32_t home, one, two;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    prices(&b);
    home = broker(&b, 7, "home");
    one = bed_agent(&b, 1, "a1", 1);
    two = bed_agent(&b, 2, "a2", 1);
    bed_tick(&b, BED_SECOND / 4);
    offer_one(&b, one, "echo", "gpu", 1, 1000, 0, 3);
    bed_tick(&b, BED_SECOND / 4);
    offer_one(&b, two, "sort", "plain", 1, 1000, 0, 0);
    m = told(&b, home);
    is_int(m.price_pusd, 5000, "of two capabilities one is cheap");
    is_int(price_of(&m, "sort"), 5000, "which it tells");
    is_int(price_of(&m, "echo"), 90000, "and that the other is not, by its own book");
    bed_fini(&b);
}

static void goes_by_what_it_costs(void)
{
    struct wf_submit s = bed_work(1);
    uint32_t mixed, plain, client;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    prices(&b);
    mixed = broker(&b, DEAR, "mixed");
    plain = broker(&b, CHEAP, "plain");
    offer_one(&b, mixed, "echo", "", 4, 1000, 300, 90000000);
    offer(&b, plain, "plain", 4, 1000, 9000000);
    client = bed_client(&b, 2, "c");
    s.goal = WF_GOAL_COST;
    bed_say(&b, client, WF_MSG_submit, &s);
    is_int(bed_count(&b, plain, WF_MSG_assign), 1,
           "what else is cheap at a site makes this no cheaper");
    offer_one(&b, mixed, "echo", "", 4, 1000, 300, 300);
    s = bed_work(2);
    s.goal = WF_GOAL_COST;
    bed_say(&b, client, WF_MSG_submit, &s);
    is_int(bed_count(&b, mixed, WF_MSG_assign), 1, "until it is cheap there, too");
    bed_fini(&b);
}

static void goes_where_it_is_cheap(void)
{
    struct wf_submit s = bed_work(1);
    struct wf_result r = {.attempt = 1, .run_us = 2000000, .cost_pusd = 700};
    uint32_t cheap, dear, client;
    struct wf_msg m;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    prices(&b);
    dear = broker(&b, DEAR, "dear");
    cheap = broker(&b, CHEAP, "cheap");
    offer(&b, dear, "plain", 4, 1500, 90000000);
    offer(&b, cheap, "plain", 4, 1000, 300);
    client = bed_client(&b, 2, "c");
    s.goal = WF_GOAL_LATENCY;
    bed_say(&b, client, WF_MSG_submit, &s);
    is_int(bed_count(&b, dear, WF_MSG_assign), 1,
           "who is in a hurry takes the fast site");
    s = bed_work(2);
    s.goal = WF_GOAL_COST;
    bed_say(&b, client, WF_MSG_submit, &s);
    is_int(bed_count(&b, cheap, WF_MSG_assign), 1, "who pays takes the cheap one");
    r.job = s.job;
    bed_say(&b, cheap, WF_MSG_result, &r);
    ok(bed_told(&b, client, WF_MSG_outcome, 0, &m), "its outcome comes home");
    is_int(m.u.outcome.cost_pusd, 700, "and costs what it cost there, not twice");
    bed_fini(&b);
}

/* A large neighbour must not take the places of one's own agents. */
static void sees_its_own(void)
{
    const struct wf_id id = bed_id(1);
    const struct decision *d;
    unsigned own = 0;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    for (uint8_t i = 0; i < AGENTS; i++) {
        char name[8];

        (void) snprintf(name, sizeof name, "a%u", i);
        (void) bed_agent(&b, (uint8_t) (40 + i), name, 1);
    }
    for (uint8_t i = 0; i < 3; i++) {
        char name[8];

        (void) snprintf(name, sizeof name, "b%u", i);
        offer(&b, broker(&b, (uint8_t) (20 + i), name), "plain", 4000, 1000, 0);
    }
    bed_submit(&b, bed_client(&b, 2, "c"), 1);
    d = decisions_of(&b.c->decisions, &id);
    must(d != NULL);
    for (uint32_t i = 0; i < d->route.nrows; i++) {
        own += routes_agent(b.c, d->route.rows[i].node)->neighbour == NULL;
    }
    ok(own >= 10, "ten candidates at least are agents of one's own: %u", own);
    bed_fini(&b);
}

/* What its heartbeat says of the way between us. */
static void ping(struct bed *b, uint32_t peer, uint64_t rtt_us)
{
    const struct wf_ping m = {.seq = 1, .time_us = b->now_us, .rtt_us = rtt_us};

    bed_say(b, peer, WF_MSG_ping, &m);
}

static void tells_how_far_agents_are(void)
{
    uint32_t home, agents[3];
    uint64_t hop_us = 0;
    struct wf_msg m;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    home = broker(&b, 7, "home");
    for (uint8_t i = 0; i < 3; i++) {
        char name[8];

        (void) snprintf(name, sizeof name, "a%u", i);
        agents[i] = bed_agent(&b, (uint8_t) (40 + i), name, 1);
    }
    for (unsigned i = 0; i < 3; i++) {
        bed_tick(&b, 2 * BED_SECOND);
        if (bed_told(&b, home, WF_MSG_agent_info, 0, &m)) {
            hop_us = m.u.agent_info.hop_us;
        }
        ping(&b, home, 100);
        for (unsigned k = 0; k < 3; k++) {
            ping(&b, agents[k], 1000 + k * 4000);
        }
    }
    ok(hop_us > 4500 && hop_us < 5500, "the median round trip to its agents: %u us",
       (unsigned) hop_us);
    bed_fini(&b);
}

/* A site that is near, but whose agents are not. */
static void goes_where_agents_are_near(void)
{
    const struct wf_cap_row row = {
        .name = wf_slice_of("echo"), .version = 1, .slots = 4, .warm = 1};
    struct wf_buf rows = WF_BUF_INIT(1024);
    struct wf_agent_info m = {.slots = 4, .hop_us = 20000};
    uint32_t near, far;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    near = broker(&b, CHEAP, "near");
    far = broker(&b, DEAR, "far");
    ping(&b, near, 2000);
    ping(&b, far, 5000);
    must(wf_rows_add(&rows, &m.caps, wf_desc_cap_row(), &row) == 0);
    bed_say(&b, near, WF_MSG_agent_info, &m);
    m.hop_us = 1000;
    bed_say(&b, far, WF_MSG_agent_info, &m);
    bed_submit(&b, bed_client(&b, 2, "c"), 1);
    is_int(bed_count(&b, far, WF_MSG_assign), 1, "agents count, not their broker");
    m.hop_us = UINT64_MAX;
    bed_say(&b, far, WF_MSG_agent_info, &m);
    bed_submit(&b, bed_client(&b, 3, "d"), 2);
    is_int(bed_count(&b, near, WF_MSG_assign), 1, "and what is absurd is far away");
    wf_buf_fini(&rows);
    bed_fini(&b);
}

int main(void)
{
    tells_classes_and_prices();
    tells_what_each_costs();
    goes_where_it_is_cheap();
    goes_by_what_it_costs();
    sees_its_own();
    tells_how_far_agents_are();
    goes_where_agents_are_near();
    return done();
}
