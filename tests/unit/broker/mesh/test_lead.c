/* Datasets of other brokers: changed where they are at home, and brought here by a stage.
 */
#include "broker/core/mesh/lead.h"
#include "tests/unit/broker/mesh/world.h"

#define OP 12

/* The neighbour tells where it can be reached. */
static void far_listens(struct world *w)
{
    const struct wf_label_row row = {wf_slice_of("tcp://far.example:7601")};
    struct wf_site_fact m = {.name = wf_slice_of("far"), .site = wf_slice_of("metz")};
    struct wf_buf rows = WF_BUF_INIT(1024), body = WF_BUF_INIT(4096);

    must(wf_rows_add(&rows, &m.endpoints, wf_desc_label_row(), &row) == 0);
    must(wf_msg_encode(&body, WF_MSG_site_fact, &m) == 0);
    must(gossip_say(w->f.g, WF_FACT_SITE, wf_slice_make(NULL, 0),
                    wf_slice_make(body.p, body.len), w->b.now_us, &w->f.fx) == 0);
    wf_buf_fini(&rows);
    wf_buf_fini(&body);
    carry(&w->b, &w->f);
}

/* And that it enrolled an agent. */
static void far_enrols(struct world *w, uint8_t key, const char *name, const char *site)
{
    const struct wf_key k = bed_key(key);
    const struct wf_key_fact m = {.role = WF_ROLE_AGENT,
                                  .name = wf_slice_of(name),
                                  .site = wf_slice_of(site),
                                  .state = WF_KEY_ACTIVE,
                                  .version = 1};
    struct wf_buf body = WF_BUF_INIT(4096);

    must(wf_msg_encode(&body, WF_MSG_key_fact, &m) == 0);
    must(gossip_say(w->f.g, WF_FACT_KEY, wf_slice_make(k.b, sizeof k.b),
                    wf_slice_make(body.p, body.len), w->b.now_us, &w->f.fx) == 0);
    wf_buf_fini(&body);
    carry(&w->b, &w->f);
}

static void listening(struct world *w)
{
    open_world(w);
    far_listens(w);
}

/* Was it told to ask at the neighbour? */
static int led(const struct world *w, uint32_t peer, uint64_t req)
{
    struct wf_broker_row row;
    struct wf_msg m;

    return bed_told(&w->b, peer, WF_MSG_error, 0, &m) && m.u.error.req == req &&
           m.u.error.code == (uint64_t) -WEFT_ENOENT &&
           wf_rows_next(&m.u.error.at, wf_desc_broker_row(), &row) &&
           wf_key_eq(&row.key, &(struct wf_key[]){bed_key(FAR)}[0]) &&
           wf_slice_is(row.name, "far") &&
           wf_slice_is(row.endpoint, "tcp://far.example:7601");
}

static void removes(struct world *w, uint32_t peer, const char *name)
{
    bed_say(&w->b, peer, WF_MSG_dataset_rm,
            &(struct wf_dataset_rm){.req = 7, .dataset = wf_slice_of(name)});
}

static void pins(struct world *w, uint32_t peer, const char *name, const char *node)
{
    bed_say(
        &w->b, peer, WF_MSG_data_pin,
        &(struct wf_data_pin){
            .req = 7, .dataset = wf_slice_of(name), .node = wf_slice_of(node), .on = 1});
}

static void leads_owners(void)
{
    struct wf_msg m;
    struct world w;
    uint32_t op;

    listening(&w);
    removes(&w, w.ann, "hers");
    ok(led(&w, w.ann, 7), "its owner is led to its home");
    removes(&w, w.ann, "open");
    is_int(bed_refusal(&w.b, w.ann), WEFT_EPERM, "nobody else is, whoever may read it");
    removes(&w, w.bob, "hers");
    is_int(bed_refusal(&w.b, w.bob), WEFT_ENOENT, "who may not read it hears of nothing");
    removes(&w, w.ann, "hers.07070707");
    ok(bed_refusal(&w.b, w.ann) == WEFT_ENOENT && !led(&w, w.ann, 7),
       "by the name of a list the dataset is not removed");
    pins(&w, w.ann, "hers", "");
    ok(led(&w, w.ann, 7), "it is pinned there, too");
    bed_enrol(&w.b, OP, WF_ROLE_OPERATOR, "op");
    op = bed_hello(&w.b, OP, WF_ROLE_OPERATOR, 1);
    removes(&w, op, "open");
    ok(bed_told(&w.b, op, WF_MSG_error, 0, &m) && m.u.error.at.count == 0 &&
           m.u.error.code == (uint64_t) -WEFT_EPERM &&
           wf_slice_is(m.u.error.text, "it is at home at the broker far "
                                       "(tcp://far.example:7601): ask there"),
       "an operator is told in words: he is none there");
    close_world(&w);
}

static void says_whom_to_ask(void)
{
    struct wf_msg m;
    struct world w;

    open_world(&w);
    removes(&w, w.ann, "hers");
    ok(bed_told(&w.b, w.ann, WF_MSG_error, 0, &m) && m.u.error.at.count == 0 &&
           m.u.error.code == (uint64_t) -WEFT_EPERM,
       "to a broker whose address nobody knows nobody is led");
    close_world(&w);
}

/* What he has here goes first: the other broker may say what it likes of names. */
static void removes_ours_first(void)
{
    struct world w;

    listening(&w);
    w.b.wall_ms = 1000;
    stock_simple(&w.b, w.ann, "mine", NULL, 2, 1);
    must(bed_refusal(&w.b, w.ann) == 0);
    far_has(&w, 2, ANN, "mine", NULL);
    pins(&w, w.ann, "mine", "");
    ok(!led(&w, w.ann, 7), "with an older one elsewhere what is here is pinned");
    pins(&w, w.ann, "mine", "one");
    ok(!led(&w, w.ann, 7), "at a node as well");
    removes(&w, w.ann, "mine");
    ok(bed_refusal(&w.b, w.ann) == 0 && stock_get(&w.b, "mine", 1) == NULL,
       "and removed");
    removes(&w, w.ann, "mine");
    ok(led(&w, w.ann, 7), "then that of the other broker is meant");
    stock_simple(&w.b, w.bob, "both", NULL, 2, 1);
    must(bed_refusal(&w.b, w.bob) == 0);
    far_has(&w, 3, ANN, "both", NULL);
    removes(&w, w.ann, "both");
    ok(led(&w, w.ann, 7) && stock_get(&w.b, "both", 1) != NULL,
       "somebody else's here is none of his");
    close_world(&w);
}

static void stage(struct world *w, uint32_t peer, const char *name, const char *node)
{
    bed_say(
        &w->b, peer, WF_MSG_stage,
        &(struct wf_stage){
            .req = 8, .dataset = wf_slice_of(name), .node = wf_slice_of(node), .pin = 1});
}

static void stages_here(void)
{
    const struct wf_digest_row row = {stock_digest(1), KIB};
    struct wf_locate q = {.req = 3};
    struct list rows = LIST;
    struct wf_query list;
    struct wf_msg m;
    struct world w;

    listening(&w);
    stage(&w, w.ann, "hers", "one");
    ok(asked(&w, "hers@1", &list) && bed_count(&w.b, w.agent, WF_MSG_fetch) == 0,
       "a stage waits for the list of what it brings");
    tell_list(&w, list.req, 1);
    must(bed_told(&w.b, w.agent, WF_MSG_fetch, 0, &m));
    ok(m.u.fetch.rows.count == 1 && m.u.fetch.pin, "then an agent here is to have it");
    q.ticket = m.u.fetch.req;
    list_blob(&rows, 1, KIB);
    q.rows = rows.rows;
    bed_say(&w.b, w.agent, WF_MSG_locate, &q);
    must(bed_told(&w.b, w.f.peer, WF_MSG_locate, 0, &m));
    ok(wf_slice_is(m.u.locate.dataset, "hers@1") && m.u.locate.reader.b[0] == ANN &&
           m.u.locate.home.b[0] == FAR && m.u.locate.to.b[0] == 1,
       "and its home is asked for the bytes, for who staged it");
    bed_say(&w.b, w.agent, WF_MSG_fetched,
            &(struct wf_fetched){.req = q.ticket, .over = 1, .bytes = row.size});
    ok(bed_told(&w.b, w.ann, WF_MSG_stage_info, 0, &m), "who staged it hears of that");
    pins(&w, w.ann, "hers", "one");
    is_int(bed_refusal(&w.b, w.ann), 0, "what is here can be pinned here");
    list_fini(&rows);
    close_world(&w);
}

static void stages_elsewhere(void)
{
    struct wf_query list;
    struct world w;

    listening(&w);
    far_enrols(&w, 55, "there", "metz");
    stage(&w, w.ann, "hers", "there");
    ok(led(&w, w.ann, 8) && !asked(&w, "hers@1", &list),
       "to a node of another broker that one brings it");
    pins(&w, w.ann, "hers", "there");
    ok(led(&w, w.ann, 7), "which pins there, too");
    pins(&w, w.ann, "hers", "one");
    ok(bed_refusal(&w.b, w.ann) == WEFT_ENOENT && !led(&w, w.ann, 7),
       "what nobody brought here is not pinned here");
    stage(&w, w.ann, "hers", "nowhere");
    ok(!led(&w, w.ann, 8), "of a node that nobody knows nobody is asked");
    close_world(&w);
}

/* With one need, and perhaps another. */
static void stage_needs(struct world *w, uint32_t peer, const char *need,
                        const char *other)
{
    struct list needs = LIST;
    struct wf_stage m = {.req = 8, .dataset = wf_slice_of("mine")};

    list_label(&needs, need);
    if (other != NULL) {
        list_label(&needs, other);
    }
    m.needs = needs.rows;
    bed_say(&w->b, peer, WF_MSG_stage, &m);
    list_fini(&needs);
}

/* Did the stage end with that? */
static int told_over(const struct world *w, uint32_t peer, int code, const char *text)
{
    struct wf_msg m;

    return bed_told(&w->b, peer, WF_MSG_stage_info, 0, &m) && m.u.stage_info.over &&
           m.u.stage_info.code == (uint64_t) -code &&
           wf_slice_is(m.u.stage_info.text, text);
}

#define NOBODY "no agent of this broker meets these needs; see `weft nodes`"

static void needs_lead(void)
{
    struct wf_msg m;
    struct world w;
    uint32_t op;

    listening(&w);
    stock_simple(&w.b, w.ann, "mine", NULL, 2, 1);
    stage_needs(&w, w.ann, "site=metz", NULL);
    ok(led(&w, w.ann, 8), "to the site of another broker that one brings it");
    stage_needs(&w, w.ann, "site=metz", "gpu>=1");
    ok(led(&w, w.ann, 8), "which knows what else its agents have");
    stage_needs(&w, w.ann, "site=toul", NULL);
    ok(told_over(&w, w.ann, WEFT_ENOENT, NOBODY),
       "of a site that nobody tells of there is no agent: nobody waits for it");
    stage_needs(&w, w.ann, "gpu>=1", NULL);
    ok(told_over(&w, w.ann, WEFT_ENOENT, NOBODY), "nor with what is not told of others");
    stage_needs(&w, w.ann, "site=lyon", "gpu>=1");
    ok(told_over(&w, w.ann, WEFT_ENOENT, NOBODY), "nor at a site that is ours");
    far_enrols(&w, 55, "there", "toul");
    stage_needs(&w, w.ann, "site=toul", NULL);
    ok(led(&w, w.ann, 8), "where it enrolled an agent");
    stage_needs(&w, w.ann, "site=lyon", NULL);
    is_int(bed_count(&w.b, w.agent, WF_MSG_fetch), 1, "what is here is brought here");
    bed_say(&w.b, w.ann, WF_MSG_stage, &(struct wf_stage){.req = 8, .end = 1});
    bed_down(&w.b, w.agent);
    stage_needs(&w, w.ann, "site=lyon", NULL);
    ok(bed_told(&w.b, w.ann, WF_MSG_stage_info, 0, &m) && !m.u.stage_info.over &&
           wf_slice_is(m.u.stage_info.text, "waits for one, which is away"),
       "also when that is away: it is waited for");
    bed_enrol(&w.b, OP, WF_ROLE_OPERATOR, "op");
    op = bed_hello(&w.b, OP, WF_ROLE_OPERATOR, 1);
    stage_needs(&w, op, "site=metz", NULL);
    ok(bed_told(&w.b, op, WF_MSG_error, 0, &m) && m.u.error.at.count == 0 &&
           m.u.error.code == (uint64_t) -WEFT_EPERM &&
           wf_slice_is(m.u.error.text,
                       "no agent here meets these needs, but one may of the broker far "
                       "(tcp://far.example:7601): ask there"),
       "an operator is told in words");
    close_world(&w);
}

static void brokers_hold_nothing(void)
{
    struct wf_stage gift = {.req = 9, .mine = 1};
    struct list blobs = LIST, needs = LIST;
    const char *name;
    struct wf_key key;
    struct wf_msg m;
    struct world w;

    listening(&w);
    key = bed_key(FAR);
    name = registry_key(&w.b.c->registry, &key)->name;
    stage(&w, w.ann, "hers", name);
    ok(bed_told(&w.b, w.ann, WF_MSG_error, 0, &m) && m.u.error.req == 8 &&
           m.u.error.code == (uint64_t) -WEFT_ENOENT && m.u.error.at.count == 0 &&
           memcmp(m.u.error.text.p, name, strlen(name)) == 0 &&
           wf_slice_is(wf_slice_make(m.u.error.text.p + strlen(name),
                                     m.u.error.text.len - strlen(name)),
                       " is a broker, not an agent: name one of its, or site=metz"),
       "a broker is no node to bring it to");
    list_blob(&blobs, 3, KIB);
    list_label(&needs, "site=metz");
    gift.rows = blobs.rows;
    gift.needs = needs.rows;
    bed_say(&w.b, w.ann, WF_MSG_stage, &gift);
    ok(told_over(&w, w.ann, WEFT_ENOENT, NOBODY),
       "nor does it meet needs: nobody waits for it with what he gives");
    list_fini(&needs);
    list_fini(&blobs);
    close_world(&w);
}

static void may_be_given_up(void)
{
    struct wf_query list;
    struct world w;

    listening(&w);
    stage(&w, w.ann, "hers", "one");
    must(asked(&w, "hers@1", &list));
    bed_say(&w.b, w.ann, WF_MSG_stage, &(struct wf_stage){.req = 8, .end = 1});
    tell_list(&w, list.req, 1);
    is_int(bed_count(&w.b, w.agent, WF_MSG_fetch), 0,
           "what is not wanted any more when its list comes is not brought");
    stage(&w, w.ann, "open", "one");
    must(asked(&w, "open@1", &list));
    bed_tick(&w.b, 6 * BED_SECOND);
    is_int(bed_count(&w.b, w.ann, WF_MSG_stage_info), 1,
           "when it does not come that is told");
    close_world(&w);
}

int main(void)
{
    leads_owners();
    says_whom_to_ask();
    removes_ours_first();
    stages_here();
    stages_elsewhere();
    needs_lead();
    brokers_hold_nothing();
    may_be_given_up();
    return done();
}
