/* Where another site is and what its agents meet, as it tells: what is shown of it, which
 * needs lead there, and how often it is asked for what it refused. */
#include "broker/core/mesh/told.h"

#include "broker/core/mesh/guests.h"
#include "tests/unit/broker/mesh/far.h"

static void say(struct bed *b, struct far *f, unsigned kind, struct wf_slice key,
                enum wf_type type, const void *m)
{
    struct wf_buf body = WF_BUF_INIT(4096);

    must(wf_msg_encode(&body, type, m) == 0);
    must(gossip_say(f->g, kind, key, wf_slice_make(body.p, body.len), b->now_us,
                    &f->fx) == 0);
    wf_buf_fini(&body);
    carry(b, f);
}

static void says_site(struct bed *b, struct far *f, const char *site)
{
    const struct wf_site_fact m = {.name = wf_slice_of("far"), .site = wf_slice_of(site)};

    say(b, f, WF_FACT_SITE, wf_slice_make(NULL, 0), WF_MSG_site_fact, &m);
}

static void says_agent(struct bed *b, struct far *f, uint8_t key, const char *site,
                       unsigned tier)
{
    const struct wf_key k = bed_key(key);
    const struct wf_key_fact m = {.role = WF_ROLE_AGENT,
                                  .name = wf_slice_of("theirs"),
                                  .site = wf_slice_of(site),
                                  .tier = tier,
                                  .state = WF_KEY_ACTIVE,
                                  .version = 1};

    say(b, f, WF_FACT_KEY, wf_slice_make(k.b, sizeof k.b), WF_MSG_key_fact, &m);
}

static void start(struct bed *b, struct far *f)
{
    bed_init(b);
    b->cfg.key = bed_key(200);
    b->cfg.boot = 1;
    b->cfg.lease_ms = 3600000;
    bed_start(b);
    far_init(b, f);
    bed_resync(b, f->peer);
    bed_offer(b, f->peer, "echo", 4, 0);
}

static const struct agent *far_agent(const struct bed *b)
{
    const struct wf_key k = bed_key(FAR);

    return registry_key(&b->c->registry, &k)->agent;
}

/* Submit with one need; how many assignments the other broker gets at once. */
static unsigned goes_far(struct bed *b, struct far *f, uint32_t client, uint8_t id,
                         const char *need)
{
    const struct wf_label_row row = {wf_slice_of(need)};
    struct wf_buf rows = WF_BUF_INIT(256);
    struct wf_submit s = bed_work(id);

    must(wf_rows_add(&rows, &s.needs, wf_desc_label_row(), &row) == 0);
    bed_say(b, client, WF_MSG_submit, &s);
    wf_buf_fini(&rows);
    return bed_count(b, f->peer, WF_MSG_assign);
}

static void has_the_site_it_tells(void)
{
    uint32_t client;
    struct far f;
    struct bed b;

    start(&b, &f);
    client = bed_client(&b, 9, "app");
    is_str(far_agent(&b)->principal->site, "lyon", "enrolled here without a site: ours");
    is_int(goes_far(&b, &f, client, 1, "site=metz"), 1,
           "of a broker that told nothing any site may be true");
    says_site(&b, &f, "metz");
    is_str(far_agent(&b)->principal->site, "metz", "what it tells of itself counts");
    is_int(goes_far(&b, &f, client, 2, "site=lyon"), 0, "what needs ours is kept here");
    is_int(goes_far(&b, &f, client, 3, "site=metz"), 1, "what needs its site goes there");
    is_int(goes_far(&b, &f, client, 4, "site!=lyon"), 1, "or not ours");
    is_int(goes_far(&b, &f, client, 5, "sitee=lyon"), 1,
           "of other labels gossip tells nothing: it is asked");
    says_site(&b, &f, "toul");
    is_str(far_agent(&b)->principal->site, "toul", "it moved");
    says_site(&b, &f, "No Name");
    is_str(far_agent(&b)->principal->site, "toul", "what is no name is none");
    far_fini(&f);
    bed_fini(&b);
}

static void has_what_its_agents_have(void)
{
    uint32_t client;
    struct far f;
    struct bed b;

    start(&b, &f);
    client = bed_client(&b, 9, "app");
    says_site(&b, &f, "metz");
    is_int(goes_far(&b, &f, client, 1, "site=paris"), 0, "nobody told of is at paris");
    is_int(goes_far(&b, &f, client, 2, "tier=cloud"), 0, "or in the cloud");
    says_agent(&b, &f, 30, "paris", WF_TIER_CLOUD);
    is_int(goes_far(&b, &f, client, 3, "site=paris"), 1,
           "an agent that is not here may be reached there");
    is_int(goes_far(&b, &f, client, 4, "tier=cloud"), 1, "by its tier as well");
    (void) bed_hello(&b, 30, WF_ROLE_AGENT, 1);
    bed_tick(&b, 2 * TOLD_US);
    is_int(goes_far(&b, &f, client, 5, "site=paris"), 0, "one that is here may not");
    far_fini(&f);
    bed_fini(&b);
}

static void refuses_it(struct bed *b, struct far *f, uint8_t id)
{
    const struct wf_refuse r = {
        .job = bed_id(id), .attempt = bed_job(b, id)->attempt, .code = -WEFT_ENOCAP};

    bed_say(b, f->peer, WF_MSG_refuse, &r);
}

/* Seconds until it is asked again, `most` when it is not. */
static unsigned asked_after(struct bed *b, struct far *f, unsigned most)
{
    const struct wf_ping alive = {.seq = 1};
    unsigned s = 0;

    while (s < most) {
        bed_tick(b, BED_SECOND);
        s++;
        if (bed_count(b, f->peer, WF_MSG_assign) != 0) {
            return s;
        }
        bed_say(b, f->peer, WF_MSG_ping, &alive);
        if (bed_count(b, f->peer, WF_MSG_assign) != 0) {
            return s;
        }
    }
    return s;
}

static void is_asked_less_and_less(void)
{
    unsigned first, second;
    uint32_t client;
    struct far f;
    struct bed b;

    start(&b, &f);
    client = bed_client(&b, 9, "app");
    must(goes_far(&b, &f, client, 1, "sitee=lyon") == 1);
    refuses_it(&b, &f, 1);
    first = asked_after(&b, &f, 100);
    ok(first >= 15 && first < 100, "who cannot run it is not asked again at once");
    refuses_it(&b, &f, 1);
    second = asked_after(&b, &f, 200);
    ok(second > first && second < 200, "then later still");
    refuses_it(&b, &f, 1);
    is_int(bed_job(&b, 1)->tries, 0, "and none of that counts as an attempt");
    is_int(asked_after(&b, &f, 12), 12, "it waits");
    bed_offer(&b, f.peer, "echo", 5, 0);
    is_int(bed_count(&b, f.peer, WF_MSG_assign), 1,
           "when it offers something else it is asked at once");
    far_fini(&f);
    bed_fini(&b);
}

static struct wf_job_info shown(struct bed *b, uint32_t client, uint8_t id)
{
    const struct wf_id job = bed_id(id);
    char hex[WF_ID_TEXT];
    const struct wf_query q = {
        .req = 3, .kind = WF_QUERY_JOB, .key = wf_slice_of(wf_id_text(&job, hex))};
    struct wf_msg m;

    bed_say(b, client, WF_MSG_query, &q);
    must(bed_told(b, client, WF_MSG_job_info, 0, &m));
    return m.u.job_info;
}

/* What a plan for work with that need says in words. */
static const char *planned(struct bed *b, uint32_t client, const char *need,
                           char text[WF_TEXT_MAX + 1])
{
    const struct wf_label_row row = {wf_slice_of(need)};
    struct wf_buf rows = WF_BUF_INIT(256), bytes = WF_BUF_INIT(4096);
    struct wf_submit s = bed_work(40);
    struct wf_plan p = {.req = 7};
    struct wf_msg m;

    must(wf_rows_add(&rows, &s.needs, wf_desc_label_row(), &row) == 0);
    must(wf_msg_encode(&bytes, WF_MSG_submit, &s) == 0);
    p.submit = wf_slice_make(bytes.p, bytes.len);
    bed_say(b, client, WF_MSG_plan, &p);
    wf_buf_fini(&rows);
    wf_buf_fini(&bytes);
    must(bed_told(b, client, WF_MSG_why_info, 0, &m));
    return wf_slice_str(m.u.why_info.text, text, WF_TEXT_MAX + 1);
}

static void says_which(void)
{
    char text[WF_TEXT_MAX + 1];
    struct wf_job_info m;
    uint32_t client;
    struct far f;
    struct bed b;

    start(&b, &f);
    says_site(&b, &f, "metz");
    (void) bed_agent(&b, 1, "a1", 1);
    client = bed_client(&b, 9, "app");
    is_str(planned(&b, client, "site=lyon", text), "", "a need that is met here");
    is_str(planned(&b, client, "site=paris", text),
           "it would wait: no agent that is known meets site=paris",
           "one that nobody meets");
    is_str(planned(&b, client, "sitee=lyon", text),
           "no agent here meets sitee=lyon: far would be asked for one",
           "one that another site may meet");
    must(goes_far(&b, &f, client, 1, "sitee=lyon") == 1);
    is_int(shown(&b, client, 1).uncounted, 0, "an attempt is under way");
    refuses_it(&b, &f, 1);
    m = shown(&b, client, 1);
    is_str(wf_slice_str(m.reason, text, sizeof text),
           "it waits: no agent that is known meets sitee=lyon", "what it waits for");
    is_int(m.uncounted, 1, "a refusal is an attempt that does not count");
    must(goes_far(&b, &f, client, 2, "cpus>=banana") == 0);
    ok(bed_job(&b, 2) == NULL, "what is no number is refused");
    far_fini(&f);
    bed_fini(&b);
}

static void says_what_it_is_called_there(void)
{
    const struct wf_started begun = {.job = bed_id(1), .attempt = 1};
    const struct wf_key home = bed_key(200);
    const struct wf_id job = bed_id(1), there = guest_id(&home, &job, 1);
    struct wf_submit s = bed_work(1);
    struct wf_job_info m;
    uint32_t client;
    struct far f;
    struct bed b;

    start(&b, &f);
    client = bed_client(&b, 9, "app");
    s.disconnect = WF_KEEP;
    bed_say(&b, client, WF_MSG_submit, &s);
    bed_say(&b, f.peer, WF_MSG_started, &begun);
    m = shown(&b, client, 1);
    is_int(m.job.count, 1, "a job at another broker");
    ok(wf_id_eq(&m.there, &there), "its home tells what it is called there");
    ok(wf_id_is_zero(&m.of), "it is nobody else's");
    ok(m.silent_ms == 0 && !m.cut_off, "and can be seen");
    bed_tick(&b, 300 * BED_SECOND);
    m = shown(&b, client, 1);
    ok(m.silent_ms >= 300000 && !m.cut_off, "until the other broker is silent");
    bed_down(&b, f.peer);
    bed_tick(&b, 5 * BED_SECOND);
    m = shown(&b, client, 1);
    ok(m.silent_ms >= 305000 && m.cut_off, "then cut off");
    ok(wf_id_eq(&m.there, &there), "which does not change its name");
    far_fini(&f);
    bed_fini(&b);
}

static void is_nowhere_while_it_waits(void)
{
    struct wf_job_info m;
    uint32_t client;
    struct far f;
    struct bed b;

    start(&b, &f);
    client = bed_client(&b, 9, "app");
    bed_submit(&b, client, 1);
    m = shown(&b, client, 1);
    ok(!wf_id_is_zero(&m.there), "a job went to another broker");
    refuses_it(&b, &f, 1);
    m = shown(&b, client, 1);
    ok(wf_id_is_zero(&m.there), "one that was refused there has no name there");
    (void) bed_agent(&b, 1, "a1", 1);
    bed_tick(&b, BED_SECOND);
    m = shown(&b, client, 1);
    ok(bed_state(&b, 1) == WF_JOB_ASSIGNED && wf_id_is_zero(&m.there),
       "nor has one that an agent has");
    far_fini(&f);
    bed_fini(&b);
}

int main(void)
{
    has_the_site_it_tells();
    has_what_its_agents_have();
    is_asked_less_and_less();
    says_which();
    says_what_it_is_called_there();
    is_nowhere_while_it_waits();
    return done();
}
