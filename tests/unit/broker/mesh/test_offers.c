/* What neighbours offered is known after a restart, and what waits for them here is no
 * load of ours. */
#include "broker/core/mesh/offers.h"
#include "tests/unit/broker/shelf.h"

#define SITE 7 /* the other broker's key */

static uint32_t site_up(struct bed *b)
{
    const struct wf_key k = bed_key(SITE);
    uint32_t peer;

    if (registry_key(&b->c->registry, &k) == NULL) {
        bed_enrol(b, SITE, WF_ROLE_BROKER, "site");
        keep_key(b, SITE);
    }
    peer = bed_hello(b, SITE, WF_ROLE_BROKER, 1);
    sync_all(b);
    return peer;
}

static void offers(struct bed *b, uint32_t peer, const char *name)
{
    bed_offer(b, peer, name, 2, 0);
    sync_all(b);
    bed_resync(b, peer);
    sync_all(b);
}

static int submits(struct bed *b, const char *capability, uint8_t id)
{
    struct wf_submit m = durable_work(id);
    const struct wf_key k = bed_key(1);
    uint32_t client = registry_key(&b->c->registry, &k) != NULL
                          ? bed_hello(b, 1, WF_ROLE_CLIENT, 1)
                          : client_of(b, 1, "app");

    m.capability = wf_slice_of(capability);
    m.version = 0;
    bed_say(b, client, WF_MSG_submit, &m);
    return bed_refusal(b, client);
}

static void known_after_a_restart(void)
{
    uint32_t peer;
    struct bed b;

    start(&b);
    peer = site_up(&b);
    offers(&b, peer, "deep");
    restart(&b);
    bed_tick(&b, b.cfg.lease_ms * 2000);
    sync_all(&b);
    is_int(submits(&b, "deep", 1), 0,
           "what only a site offers that is away is accepted after a restart");
    sync_all(&b);
    is_int(bed_state(&b, 1), WF_JOB_QUEUED, "and waits");
    is_int(submits(&b, "nothing", 2), WEFT_ENOCAP, "what nobody ever offered is not");
    peer = site_up(&b);
    offers(&b, peer, "deep");
    is_int(bed_state(&b, 1), WF_JOB_ASSIGNED, "it goes there when the site is back");
    core_check(b.c);
    bed_fini(&b);
}

static void written_when_it_changed(void)
{
    struct wf_agent_info nothing = {.seq = 9};
    uint32_t peer;
    uint64_t lsn;
    struct bed b;

    start(&b);
    peer = site_up(&b);
    offers(&b, peer, "deep");
    lsn = b.c->lsn;
    bed_offer(&b, peer, "deep", 5, 1);
    is_int(b.c->lsn, lsn, "other numbers of the same are not written");
    bed_say(&b, peer, WF_MSG_agent_info, &nothing);
    is_int(b.c->lsn, lsn, "nor is a site that has nothing at present");
    bed_offer(&b, peer, "other", 1, 0);
    ok(b.c->lsn > lsn, "other names are");
    sync_all(&b);
    restart(&b);
    bed_tick(&b, b.cfg.lease_ms * 2000);
    is_int(submits(&b, "deep", 1), WEFT_ENOCAP, "and replace those before");
    is_int(submits(&b, "other", 2), 0, "after a restart, too");
    bed_fini(&b);
}

/* Jobs that the last ping to that neighbour told of; UINT64_MAX: none was sent. */
static uint64_t told_jobs(struct bed *b, uint32_t peer, uint32_t agent)
{
    const struct wf_ping alive = {.seq = 1};
    uint64_t jobs = UINT64_MAX;
    struct wf_msg m;

    for (unsigned i = 0; i < 4; i++) {
        bed_say(b, agent, WF_MSG_ping, &alive);
        bed_say(b, peer, WF_MSG_ping, &alive);
        bed_tick(b, BED_SECOND);
        jobs = bed_told(b, peer, WF_MSG_ping, 0, &m) ? m.u.ping.jobs : jobs;
    }
    return jobs;
}

static void waits_for_others(void)
{
    uint32_t peer, away, agent;
    struct bed b;

    start(&b);
    peer = site_up(&b);
    offers(&b, peer, "near");
    agent = agent_of(&b, 2, "a1", 1);
    bed_enrol(&b, 8, WF_ROLE_BROKER, "far");
    away = bed_hello(&b, 8, WF_ROLE_BROKER, 1);
    offers(&b, away, "deep");
    bed_down(&b, away);
    for (uint8_t id = 1; id <= 20; id++) {
        must(submits(&b, "deep", id) == 0);
        sync_all(&b);
    }
    is_int(b.c->jobs.live, 20, "many jobs wait for a site that is away");
    is_int(told_jobs(&b, peer, agent), 0,
           "a neighbour is told that there is nothing to do here");
    for (uint8_t id = 21; id <= 23; id++) {
        must(submits(&b, "echo", id) == 0);
        sync_all(&b);
    }
    is_int(told_jobs(&b, peer, agent), 3,
           "what runs or waits here for our agents it is told");
    bed_fini(&b);
}

int main(void)
{
    known_after_a_restart();
    written_when_it_changed();
    waits_for_others();
    return done();
}
