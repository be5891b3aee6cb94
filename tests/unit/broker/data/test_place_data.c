/* Placement that knows where the data is. */
#include "broker/core/place/place.h"
#include "tests/unit/broker/data/stock.h"

#define ANN 10

static const struct decision *decision_of(const struct bed *b, uint8_t id)
{
    const struct wf_id key = bed_id(id);

    return decisions_of(&b->c->decisions, &key);
}

static const char *node_of(const struct bed *b, uint8_t id)
{
    const struct job *j = bed_job(b, id);

    return j != NULL && j->agent != NULL ? j->agent->principal->name : "-";
}

static void measure(struct bed *b, uint32_t peer, uint64_t rtt_us)
{
    bed_say(b, peer, WF_MSG_ping, &(struct wf_ping){.seq = 1, .rtt_us = rtt_us});
}

/* "pics" is file a, blob 1 of 100 MiB, and b/x, blob 2 of 1 MiB. */
static void put_pics(struct bed *b, uint32_t ann)
{
    struct list files = LIST;

    list_file(&files, "a", 1, 100 * MIB);
    list_file(&files, "b/x", 2, MIB);
    stock_put(b, ann, "pics", UINT32_MAX, NULL, &files);
    must(bed_refusal(b, ann) == 0);
    list_fini(&files);
}

static void holds(struct bed *b, uint32_t peer, unsigned n, uint64_t size, uint64_t have)
{
    struct list l = LIST;

    list_hold(&l, n, size, have, 0);
    stock_holds(b, peer, 0, &l, 1000 * MIB);
    list_fini(&l);
}

/* The term of the data of a node in the last decision, as `weft why` shows it. */
static uint64_t fetch_us(struct bed *b, uint32_t peer, const char *id, const char *node)
{
    const struct wf_query q = {.req = 1, .kind = WF_QUERY_WHY, .key = wf_slice_of(id)};
    struct wf_scored_row row;
    struct wf_msg m;

    bed_say(b, peer, WF_MSG_query, &q);
    must(bed_told(b, peer, WF_MSG_why_info, 0, &m));
    while (wf_rows_next(&m.u.why_info.rows, wf_desc_scored_row(), &row)) {
        if (wf_slice_is(row.node, node)) {
            return row.fetch_us;
        }
    }
    return UINT64_MAX;
}

static void holder_wins(void)
{
    uint32_t ann, near, far;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    ann = bed_client(&b, ANN, "ann");
    near = stock_agent(&b, 1, "near", NULL);
    far = stock_agent(&b, 2, "far", NULL);
    measure(&b, near, 1000);
    measure(&b, far, 90000);
    put_pics(&b, ann);
    stock_submit(&b, ann, 1, "in", "pics/a");
    is_str(node_of(&b, 1), "near", "as long as nobody has it the nearest");
    holds(&b, far, 1, 100 * MIB, 100 * MIB);
    stock_submit(&b, ann, 2, "in", "pics/a");
    is_str(node_of(&b, 2), "far", "then who has it");
    is_int(fetch_us(&b, ann, "02020202", "far"), 0, "which has nothing to fetch");
    ok(fetch_us(&b, ann, "02020202", "near") >= 100 * MIB * 1000000 / 50000000,
       "while the other would wait so long");
    stock_submit(&b, ann, 3, "in", "pics");
    is_str(node_of(&b, 3), "far", "or most of it");
    is_int(fetch_us(&b, ann, "03030303", "far"), MIB * 1000000 / 50000000, "as told");
    stock_submit(&b, ann, 4, "in", "pics/b");
    is_str(node_of(&b, 4), "near", "of another folder it has nothing");
    holds(&b, near, 1, 100 * MIB, 99 * MIB);
    stock_submit(&b, ann, 5, "in", "pics/a");
    is_str(node_of(&b, 5), "near", "a part counts as a part");
    bed_fini(&b);
}

static void rates(void)
{
    struct wf_result r = {
        .job = bed_id(1), .attempt = 1, .fetched = 100 * MIB, .fetch_us = 1000000};
    uint32_t ann, one;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    ann = bed_client(&b, ANN, "ann");
    one = stock_agent(&b, 1, "one", NULL);
    put_pics(&b, ann);
    stock_submit(&b, ann, 1, "in", "pics/a");
    bed_say(&b, one, WF_MSG_result, &r);
    stock_submit(&b, ann, 2, "in", "pics/a");
    is_int(fetch_us(&b, ann, "02020202", "one"), 1000000,
           "what moving costs is learned from what was moved");
    bed_fini(&b);
}

static void full_holder(void)
{
    uint32_t ann, far;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    ann = bed_client(&b, ANN, "ann");
    (void) stock_agent(&b, 1, "near", NULL);
    far = stock_agent(&b, 2, "far", NULL);
    put_pics(&b, ann);
    holds(&b, far, 1, 100 * MIB, 100 * MIB);
    for (uint8_t id = 1; id <= 4; id++) {
        stock_submit(&b, ann, id, "in", "pics/a");
    }
    is_str(node_of(&b, 4), "far", "the holder has them all");
    stock_submit(&b, ann, 5, "in", "pics/a");
    is_str(node_of(&b, 5), "near", "until it is full");
    bed_down(&b, far);
    stock_submit(&b, ann, 6, "in", "pics/a");
    is_str(node_of(&b, 6), "near", "or gone");
    bed_fini(&b);
}

static void filters(void)
{
    uint32_t ann, one;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    ann = bed_client(&b, ANN, "ann");
    one = stock_agent(&b, 1, "one", NULL);
    (void) stock_agent(&b, 2, "two", "residency=us");
    stock_simple(&b, ann, "eu", "residency=eu", 7, 1);
    put_pics(&b, ann);
    stock_submit(&b, ann, 1, "in", "eu");
    is_str(node_of(&b, 1), "-", "nowhere that it may be");
    is_int(decision_of(&b, 1)->filtered[PLACE_RESIDENCY], 2, "which is counted");
    stock_info(&b, one, NULL, 4, 50 * MIB);
    stock_info(&b, b.last_peer, NULL, 4, 0);
    stock_submit(&b, ann, 2, "in", "pics");
    is_str(node_of(&b, 2), "-", "nowhere that has the disk");
    is_int(decision_of(&b, 2)->filtered[PLACE_DATA], 2, "which is counted");
    stock_info(&b, one, "residency=eu", 4, 1000 * MIB);
    is_str(node_of(&b, 2), "one", "until one has");
    is_str(node_of(&b, 1), "one", "and may");
    bed_fini(&b);
}

/* More agents than are looked at, one of which has the data. */
static void found_among_many(void)
{
    uint32_t ann, last = 0;
    unsigned wrong = 0;
    struct bed b;

    bed_init(&b);
    b.cfg.max_nodes = 1000;
    bed_start(&b);
    ann = bed_client(&b, 255, "ann");
    for (unsigned i = 1; i <= 200; i++) {
        char name[8];

        (void) snprintf(name, sizeof name, "a%u", i);
        last = stock_agent(&b, (uint8_t) i, name, NULL);
    }
    stock_info(&b, last, NULL, 40, 1000 * MIB);
    put_pics(&b, ann);
    holds(&b, last, 1, 100 * MIB, 100 * MIB);
    for (uint8_t id = 1; id <= 30; id++) {
        stock_submit(&b, ann, id, "in", "pics/a");
        wrong += strcmp(node_of(&b, id), "a200") != 0;
    }
    is_int(wrong, 0, "the holder is looked at in any case");
    bed_fini(&b);
}

/* A folder of many files is judged by some of them. */
static void large_folder(void)
{
    struct list files = LIST, l = LIST;
    uint32_t ann, one;
    uint64_t half;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    ann = bed_client(&b, ANN, "ann");
    one = stock_agent(&b, 1, "one", NULL);
    (void) stock_agent(&b, 2, "two", NULL);
    list_file(&files, "other", 9999, MIB);
    for (unsigned i = 0; i < 1000; i++) {
        char path[16];

        (void) snprintf(path, sizeof path, "d/%04u", i);
        list_file(&files, path, i + 1, 100 * KIB);
        if (i % 2 == 0) {
            list_hold(&l, i + 1, 100 * KIB, 100 * KIB, 0);
        }
    }
    stock_put(&b, ann, "pics", 0, NULL, &files);
    stock_holds(&b, one, 0, &l, 1000 * MIB);
    stock_submit(&b, ann, 1, "in", "pics/d");
    is_str(node_of(&b, 1), "one", "who has half of it");
    half = fetch_us(&b, ann, "01010101", "one");
    ok(half > 0 && half <= 1000 * 100 * KIB * 1000000 / 50000000, "has to fetch some");
    is_int(fetch_us(&b, ann, "01010101", "two"), 1000 * 100 * KIB / 50,
           "who has nothing has to fetch all");
    list_fini(&l);
    for (unsigned i = 0; i < 1000; i++) {
        list_hold(&l, i + 1, 100 * KIB, 100 * KIB, 0);
    }
    stock_holds(&b, one, 0, &l, 1000 * MIB);
    stock_submit(&b, ann, 2, "in", "pics/d");
    is_int(fetch_us(&b, ann, "02020202", "one"), 0, "who has all, nothing");
    list_fini(&l);
    list_fini(&files);
    bed_fini(&b);
}

/* Sums that do not fit are large, not small. */
static void absurd_sizes(void)
{
    struct list files = LIST, inputs = LIST;
    struct wf_submit m = bed_work(1);
    uint32_t ann;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    ann = bed_client(&b, ANN, "ann");
    (void) stock_agent(&b, 1, "one", NULL);
    stock_info(&b, b.last_peer, NULL, 4, UINT64_MAX);
    for (unsigned i = 0; i < 1000; i++) {
        char path[16];

        (void) snprintf(path, sizeof path, "%u", i);
        list_file(&files, path, i, WF_BLOB_MAX);
    }
    stock_put(&b, ann, "huge", 0, NULL, &files);
    for (unsigned i = 0; i < 16; i++) {
        char name[4];

        (void) snprintf(name, sizeof name, "i%u", i);
        list_input(&inputs, name, "huge");
    }
    m.inputs = inputs.rows;
    bed_say(&b, ann, WF_MSG_submit, &m);
    is_int(bed_job(&b, 1)->data_bytes, 16000 * WF_BLOB_MAX, "petabytes are counted");
    ok(fetch_us(&b, ann, "01010101", "one") > UINT64_C(1) << 40, "and take their time");
    list_fini(&inputs);
    list_fini(&files);
    bed_fini(&b);
}

/* What is assigned to an agent is bounded by the bytes of its messages, inputs among
 * them. */
static void long_lists(void)
{
    struct list inputs = LIST;
    struct wf_submit m = bed_work(1);
    uint64_t bytes = 0;
    char path[WF_PATH_MAX + 1], ref[WF_REF_MAX + 1];
    struct list files = LIST;
    uint32_t ann, one;
    struct bed b;

    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    (void) snprintf(ref, sizeof ref, "pics/%s", path);
    bed_init(&b);
    b.cfg.max_jobs = 9000;
    bed_start(&b);
    ann = bed_client(&b, ANN, "ann");
    one = stock_agent(&b, 1, "one", NULL);
    stock_info(&b, one, NULL, 8192, 1000 * MIB);
    list_file(&files, path, 1, KIB);
    stock_put(&b, ann, "pics", 0, NULL, &files);
    for (unsigned i = 0; i < 16; i++) {
        char name[4];

        (void) snprintf(name, sizeof name, "i%u", i);
        list_input(&inputs, name, ref);
    }
    m.inputs = inputs.rows;
    for (unsigned i = 0; i < 4000; i++) {
        struct wf_msg msg = {.type = WF_MSG_submit};
        struct broker_event ev = {.kind = BROKER_MSG, .peer = ann, .msg = &msg};
        struct wf_msg told;

        memcpy(m.job.b, &i, sizeof i);
        m.job.b[15] = 1;
        msg.u.submit = m;
        ev.now_us = b.now_us;
        wf_effects_clear(&b.fx);
        core_step(b.c, &ev, &b.fx);
        if (bed_told(&b, one, WF_MSG_assign, 0, &told)) {
            bytes += told.u.assign.inputs.len;
        }
    }
    core_check(b.c);
    ok(bytes <= 16 * MIB, "%" PRIu64 " bytes of inputs are with one agent", bytes);
    list_fini(&inputs);
    list_fini(&files);
    bed_fini(&b);
}

/* What was narrowed since is known once for all agents that are asked. */
static void narrowed_since(void)
{
    char now[WF_LABEL_MAX + 1];
    uint32_t ann;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    (void) stock_agent(&b, 1, "here", "residency=ch");
    (void) stock_agent(&b, 2, "there", "residency=eu");
    ann = bed_client(&b, ANN, "ann");
    stock_simple(&b, ann, "all", NULL, 1, 2);
    stock_submit(&b, ann, 1, "in", "all");
    must(bed_state(&b, 1) == WF_JOB_ASSIGNED);
    inputs_residency(b.c, bed_job(&b, 1), now);
    is_str(now, "", "it may be anywhere");
    stock_simple(&b, ann, "some", "residency=eu+ch", 1, 1);
    stock_simple(&b, ann, "more", "residency=eu", 2, 1);
    inputs_residency(b.c, bed_job(&b, 1), now);
    is_str(now, "eu", "until two of its files are narrowed: where both may be");
    ok(!inputs_allow(b.c, bed_job(&b, 1), stock_agent_of(&b, 1)) &&
           inputs_allow(b.c, bed_job(&b, 1), stock_agent_of(&b, 2)),
       "which one agent is, and the other is not");
    stock_rm(&b, ann, "more");
    inputs_residency(b.c, bed_job(&b, 1), now);
    is_str(now, "eu+ch", "what is removed narrows no more");
    bed_fini(&b);
}

/* What an agent was refused is looked at again when a dataset comes or goes, and only
 * then. */
static void forbidden_until(void)
{
    struct wf_refuse no = {.job = bed_id(1),
                           .attempt = 1,
                           .code = (uint64_t) -WEFT_EPERM,
                           .text = wf_slice_of("residency forbids it")};
    const struct offer *o;
    const struct job *j;
    uint32_t agent, ann;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = stock_agent(&b, 1, "here", "residency=ch");
    ann = bed_client(&b, ANN, "ann");
    stock_simple(&b, ann, "all", NULL, 1, 2);
    stock_submit(&b, ann, 1, "in", "all");
    j = bed_job(&b, 1);
    o = agent_offer(j->agent, j->capability, j->ran_version);
    must(j->state == WF_JOB_ASSIGNED && o != NULL);
    stock_simple(&b, ann, "more", "residency=eu", 2, 1);
    is_int(place_filter(b.c, j, o), PLACE_PASSED, "nobody was refused it yet");
    bed_say(&b, agent, WF_MSG_refuse, &no);
    is_int(place_filter(b.c, j, o), PLACE_RESIDENCY,
           "where it was refused it is not put");
    ok(j->forbidden != NULL && j->forbidden->changes == b.c->data.catalogue.changes,
       "what was found out is kept");
    stock_rm(&b, ann, "more");
    is_int(place_filter(b.c, j, o), PLACE_PASSED, "what is removed forbids it no more");
    bed_fini(&b);
}

/* What forbids it stands so far behind in the folder that placement does not see it. */
static void forbidden_unseen(void)
{
    uint32_t agent, ann;
    unsigned tries = 0;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = stock_agent(&b, 1, "one", NULL);
    ann = bed_client(&b, ANN, "ann");
    stock_simple(&b, ann, "many", NULL, 1, 300);
    stock_submit(&b, ann, 1, "in", "many");
    must(bed_state(&b, 1) == WF_JOB_ASSIGNED);
    stock_simple(&b, ann, "late", "residency=eu", 99, 1); /* "f99" is the last by name */
    for (unsigned i = 0; i < 2000 && !wf_job_is_final(bed_state(&b, 1)); i++) {
        const struct wf_refuse m = {.job = bed_id(1),
                                    .attempt = bed_job(&b, 1)->attempt,
                                    .code = (uint64_t) -WEFT_EPERM,
                                    .text = wf_slice_of("residency forbids it")};

        if (bed_state(&b, 1) == WF_JOB_ASSIGNED) {
            bed_say(&b, agent, WF_MSG_refuse, &m);
            tries++;
        }
        bed_say(&b, agent, WF_MSG_ping, &(struct wf_ping){1, 0, 0, 0});
        bed_tick(&b, 300 * BED_MS);
    }
    is_int(bed_state(&b, 1), WF_JOB_DEAD, "a job that is forbidden again and again ends");
    is_int(tries, bed_job(&b, 1)->max_tries, "after as many attempts as it may have");
    is_str(bed_job(&b, 1)->reason, "residency forbids it", "and says why");
    bed_fini(&b);
}

/* What inputs are resolved to takes room as well. */
static void too_large(void)
{
    struct bed b;
    uint32_t ann;

    bed_init(&b);
    b.cfg.max_bytes = 40;
    bed_start(&b);
    ann = bed_client(&b, ANN, "ann");
    stock_has(&b, stock_agent(&b, 1, "one", NULL), 1);
    stock_simple(&b, ann, "pics", NULL, 1, 1);
    bed_submit(&b, ann, 1);
    must(bed_job(&b, 1) != NULL);
    stock_submit(&b, ann, 2, "in", "pics");
    is_int(bed_refusal(&b, ann), WEFT_ETOOBIG,
           "what never fits is not told to come again");
    bed_fini(&b);
}

int main(void)
{
    too_large();
    holder_wins();
    rates();
    full_holder();
    filters();
    found_among_many();
    large_folder();
    absurd_sizes();
    long_lists();
    narrowed_since();
    forbidden_until();
    forbidden_unseen();
    return done();
}
