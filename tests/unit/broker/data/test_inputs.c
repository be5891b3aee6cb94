/* What jobs need: resolved once, the same ever after. */
#include "tests/unit/broker/data/stock.h"
#include "tests/unit/broker/shelf.h"

#define ANN 10
#define BOB 11

/* Room for the text of a digest. */
static const char *hex(unsigned n)
{
    static char text[WF_DIGEST_TEXT];
    const struct wf_digest d = stock_digest(n);

    return wf_digest_text(&d, text);
}

/* The i-th input of a job as it was resolved. */
static struct wf_need_row need(const struct bed *b, uint8_t id, unsigned i)
{
    struct wf_rows rows = bed_job(b, id)->inputs;
    struct wf_need_row row = {{0}};

    do {
        must(wf_rows_next(&rows, wf_desc_need_row(), &row));
    } while (i-- > 0);
    return row;
}

static void put_pics(struct bed *b, uint32_t peer, const char *label)
{
    struct list files = LIST;

    list_file(&files, "a/one", 1, KIB);
    list_file(&files, "a/two", 2, 2 * KIB);
    list_file(&files, "three", 3, 3 * KIB);
    stock_put(b, peer, "pics", UINT32_MAX, label, &files);
    must(bed_refusal(b, peer) == 0);
    list_fini(&files);
}

static void resolves(void)
{
    const struct wf_digest one = stock_digest(1);
    struct wf_need_row row;
    uint32_t ann, agent;
    struct wf_msg m;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = stock_agent(&b, 1, "one", NULL);
    ann = bed_client(&b, ANN, "ann");
    put_pics(&b, ann, NULL);
    put_pics(&b, ann, NULL);
    stock_submit(&b, ann, 1, "in", "pics");
    row = need(&b, 1, 0);
    ok(wf_slice_is(row.ref, "pics@2") && row.files == 3 && row.size == 6 * KIB &&
           wf_digest_is_zero(&row.digest) && wf_slice_is(row.name, "in"),
       "a dataset is its newest version");
    ok(bed_told(&b, agent, WF_MSG_assign, 0, &m) && m.u.assign.inputs.count == 1,
       "which the agent is told");
    is_int(bed_job(&b, 1)->data_bytes, 6 * KIB, "so many bytes");
    stock_submit(&b, ann, 2, "in", "pics@1/a");
    row = need(&b, 2, 0);
    ok(wf_slice_is(row.ref, "pics@1/a") && row.files == 2 && row.size == 3 * KIB,
       "a folder of an older one");
    stock_submit(&b, ann, 3, "in", "pics/a/one");
    row = need(&b, 3, 0);
    ok(wf_slice_is(row.ref, "pics@2/a/one") && row.files == 1 &&
           wf_digest_eq(&row.digest, &one),
       "a file by its digest");
    stock_submit(&b, ann, 4, "in", hex(3));
    row = need(&b, 4, 0);
    ok(row.ref.len == 0 && row.size == 3 * KIB, "a blob");
    put_pics(&b, ann, NULL);
    ok(wf_slice_is(need(&b, 1, 0).ref, "pics@2"), "a later version changes nothing");
    bed_fini(&b);
}

static int refusal(struct bed *b, uint32_t peer, const char *name, const char *ref)
{
    stock_submit(b, peer, 99, name, ref);
    must(bed_job(b, 99) == NULL);
    return bed_refusal(b, peer);
}

static void refuses(void)
{
    struct list inputs = LIST;
    struct wf_submit m = bed_work(1);
    char wide[3 * 70 + 1] = "";
    uint32_t ann, bob;
    struct wf_msg told;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    (void) stock_agent(&b, 1, "one", NULL);
    ann = bed_client(&b, ANN, "ann");
    bob = bed_client(&b, BOB, "bob");
    put_pics(&b, ann, NULL);
    is_int(refusal(&b, ann, "in", "nope"), WEFT_ENOENT, "no such dataset");
    is_int(refusal(&b, ann, "in", "pics@7"), WEFT_ENOENT, "no such version");
    is_int(refusal(&b, ann, "in", "pics/b"), WEFT_ENOENT, "no such folder");
    is_int(refusal(&b, ann, "In!", "pics"), WEFT_EINVAL, "a name that is none");
    is_int(refusal(&b, ann, "in", "pics/../x"), WEFT_EINVAL, "a path that leads out");
    is_int(refusal(&b, bob, "in", "pics"), WEFT_ENOENT, "somebody else's is not there");
    is_int(refusal(&b, bob, "in", hex(1)), WEFT_ENOENT, "nor are its blobs");
    is_int(refusal(&b, ann, "in", hex(77)), WEFT_EBUSY,
           "an unknown blob may be at an agent that comes back after the start");
    ok(bed_told(&b, ann, WF_MSG_error, 0, &told) && told.u.error.again,
       "and offered again by who sent it");
    bed_tick(&b, 5 * BED_SECOND);
    ann = bed_hello(&b, ANN, WF_ROLE_CLIENT, 9);
    (void) stock_agent(&b, 1, "one", NULL);
    is_int(refusal(&b, ann, "in", hex(77)), WEFT_ENOENT, "later it is not known");
    for (unsigned i = 0; i < 70; i++) {
        memcpy(wide + 3 * i, "\xe2\x82\xac", 4);
    }
    is_int(refusal(&b, ann, "in", wide), WEFT_EINVAL, "a wide text is cut at a letter");
    list_input(&inputs, "in", "pics");
    list_input(&inputs, "in", "pics/a");
    m.inputs = inputs.rows;
    bed_say(&b, ann, WF_MSG_submit, &m);
    is_int(bed_refusal(&b, ann), WEFT_EINVAL, "two of one name");
    list_fini(&inputs);
    bed_fini(&b);
}

static void payloads(void)
{
    struct wf_submit m = bed_work(1);
    uint32_t ann, bob, agent;
    struct wf_msg told;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = stock_agent(&b, 1, "one", NULL);
    ann = bed_client(&b, ANN, "ann");
    bob = bed_client(&b, BOB, "bob");
    put_pics(&b, ann, "residency=eu");
    stock_has(&b, agent, 5);
    m.payload = wf_slice_of("");
    m.payload_blob = stock_digest(5);
    m.payload_size = 4 * KIB;
    bed_say(&b, bob, WF_MSG_submit, &m);
    is_int(bed_refusal(&b, bob), WEFT_EINVAL, "a payload of another size");
    m.payload_size = 5 * KIB;
    bed_say(&b, bob, WF_MSG_submit, &m);
    ok(bed_told(&b, agent, WF_MSG_assign, 0, &told) &&
           told.u.assign.payload_size == 5 * KIB,
       "a payload that is a blob");
    m.job = bed_id(2);
    m.payload_blob = stock_digest(1);
    m.payload_size = KIB;
    bed_say(&b, bob, WF_MSG_submit, &m);
    is_int(bed_refusal(&b, bob), WEFT_ENOENT, "but not of somebody else's dataset");
    m.deadline_ms = 1000;
    bed_say(&b, ann, WF_MSG_submit, &m);
    ok(bed_job(&b, 2) != NULL && strcmp(bed_job(&b, 2)->residency, "eu") == 0,
       "of one's own, with its residency");
    bed_fini(&b);
}

static void residency(void)
{
    struct list inputs = LIST;
    struct wf_submit m = bed_work(1);
    uint32_t ann;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    (void) stock_agent(&b, 1, "one", "residency=ch");
    ann = bed_client(&b, ANN, "ann");
    stock_simple(&b, ann, "wide", "residency=eu+ch", 1, 2);
    stock_simple(&b, ann, "swiss", "residency=ch+us", 3, 2);
    stock_simple(&b, ann, "mars", "residency=mars", 5, 2);
    stock_simple(&b, ann, "free", NULL, 7, 2);
    list_input(&inputs, "a", "wide");
    list_input(&inputs, "b", "swiss");
    list_input(&inputs, "c", "free");
    m.inputs = inputs.rows;
    bed_say(&b, ann, WF_MSG_submit, &m);
    is_str(bed_job(&b, 1)->residency, "ch", "what all inputs allow");
    is_int(bed_state(&b, 1), WF_JOB_ASSIGNED, "is where it runs");
    list_input(&inputs, "d", "mars");
    m.inputs = inputs.rows;
    m.job = bed_id(2);
    bed_say(&b, ann, WF_MSG_submit, &m);
    is_int(bed_refusal(&b, ann), WEFT_EINVAL, "nothing in common");
    list_fini(&inputs);
    bed_fini(&b);
}

static void same_job(void)
{
    uint32_t ann;
    struct wf_msg m;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    (void) stock_agent(&b, 1, "one", NULL);
    ann = bed_client(&b, ANN, "ann");
    put_pics(&b, ann, NULL);
    stock_submit(&b, ann, 1, "in", "pics");
    put_pics(&b, ann, NULL);
    stock_submit(&b, ann, 1, "in", "pics");
    ok(bed_told(&b, ann, WF_MSG_accepted, 0, &m) && m.u.accepted.known,
       "the same again is the same job, whatever is the newest");
    stock_submit(&b, ann, 1, "in", "pics@1");
    ok(bed_told(&b, ann, WF_MSG_accepted, 0, &m), "as is its version");
    stock_submit(&b, ann, 1, "in", "pics@2");
    is_int(bed_refusal(&b, ann), WEFT_ECONFLICT, "another version is not");
    stock_submit(&b, ann, 1, "in", "pics/a");
    is_int(bed_refusal(&b, ann), WEFT_ECONFLICT, "nor a folder");
    stock_submit(&b, ann, 1, "on", "pics");
    is_int(bed_refusal(&b, ann), WEFT_ECONFLICT, "nor another name");
    bed_submit(&b, ann, 1);
    is_int(bed_refusal(&b, ann), WEFT_ECONFLICT, "nor none");
    stock_rm(&b, ann, "pics");
    stock_submit(&b, ann, 1, "in", "pics");
    ok(bed_told(&b, ann, WF_MSG_accepted, 0, &m) && m.u.accepted.known,
       "it is the same when its data is gone");
    bed_fini(&b);
}

static void retries(void)
{
    const struct wf_job_retry m = {1, bed_id(1), bed_id(2)};
    uint32_t ann, agent;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = stock_agent(&b, 1, "one", "residency=eu");
    ann = bed_client(&b, ANN, "ann");
    put_pics(&b, ann, "residency=eu");
    stock_submit(&b, ann, 1, "in", "pics");
    bed_result(&b, agent, 1, 1, 0);
    put_pics(&b, ann, "residency=eu");
    bed_say(&b, ann, WF_MSG_job_retry, &m);
    ok(bed_job(&b, 2) != NULL && wf_slice_is(need(&b, 2, 0).ref, "pics@1"),
       "repeated it gets the same data");
    is_str(bed_job(&b, 2)->residency, "eu", "which may be at the same places");
    is_int(bed_state(&b, 2), WF_JOB_ASSIGNED, "and runs");
    bed_fini(&b);
}

static void submit_reusable(struct bed *b, uint32_t peer, uint8_t id, const char *ref)
{
    struct list inputs = LIST;
    struct wf_submit m = bed_work(id);

    list_input(&inputs, "in", ref);
    m.inputs = inputs.rows;
    m.reuse_ms = 60000;
    bed_say(b, peer, WF_MSG_submit, &m);
    list_fini(&inputs);
}

/* Two jobs have one result, a blob: it stays while one of them does. */
static void reuse(void)
{
    struct wf_result r = {.job = bed_id(1), .attempt = 1, .blob_size = 9 * KIB};
    uint32_t ann, agent;
    struct wf_msg m;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = stock_agent(&b, 1, "one", NULL);
    ann = bed_client(&b, ANN, "ann");
    put_pics(&b, ann, NULL);
    submit_reusable(&b, ann, 1, "pics");
    r.blob = stock_digest(9);
    stock_has(&b, agent, 9);
    bed_say(&b, agent, WF_MSG_result, &r);
    submit_reusable(&b, ann, 2, "pics@1");
    ok(bed_told(&b, ann, WF_MSG_outcome, 0, &m) && m.u.outcome.blob_size == 9 * KIB &&
           wf_digest_eq(&m.u.outcome.blob, &r.blob),
       "the same work on the same data has the same result");
    submit_reusable(&b, ann, 3, "pics/a");
    is_int(bed_state(&b, 3), WF_JOB_ASSIGNED, "other data is other work");
    put_pics(&b, ann, NULL);
    submit_reusable(&b, ann, 4, "pics");
    is_int(bed_state(&b, 4), WF_JOB_ASSIGNED, "a new version as well");
    b.c->cfg.retain_jobs = 1;
    bed_tick(&b, BED_SECOND);
    ok(bed_job(&b, 1) == NULL && bed_job(&b, 2) != NULL, "the first job is forgotten");
    ok(!stock_kept(&b, agent, WF_KEEP_DROP, 9), "its result is still the other's");
    b.c->cfg.retain_jobs = 0;
    bed_tick(&b, BED_SECOND);
    ok(bed_job(&b, 2) == NULL && stock_kept(&b, agent, WF_KEEP_DROP, 9),
       "and may go with that");
    bed_fini(&b);
}

static void bad_result(void)
{
    struct wf_result r = {.job = bed_id(1), .attempt = 1, .blob_size = 7};
    uint32_t ann, agent;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = stock_agent(&b, 1, "one", NULL);
    ann = bed_client(&b, ANN, "ann");
    put_pics(&b, ann, NULL);
    bed_submit(&b, ann, 1);
    r.blob = stock_digest(1);
    bed_say(&b, agent, WF_MSG_result, &r);
    is_int(bed_state(&b, 1), WF_JOB_QUEUED, "a result of a size that it cannot have");
    bed_fini(&b);
}

/* Of an attempt that does not count any more. */
static void late_result(void)
{
    struct wf_result r = {.job = bed_id(1), .attempt = 1, .blob_size = 9 * KIB};
    uint32_t ann, agent;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = stock_agent(&b, 1, "one", NULL);
    ann = bed_client(&b, ANN, "ann");
    stock_has(&b, agent, 9);
    bed_submit(&b, ann, 1);
    bed_say(&b, ann, WF_MSG_cancel, &(struct wf_cancel){1, bed_id(1)});
    r.blob = stock_digest(9);
    bed_say(&b, agent, WF_MSG_result, &r);
    ok(stock_kept(&b, agent, WF_KEEP_UNPIN, 9), "nobody needs what comes too late");
    bed_submit(&b, ann, 2);
    r.job = bed_id(2);
    bed_say(&b, agent, WF_MSG_result, &r);
    ok(bed_state(&b, 2) == WF_JOB_OK && bed_count(&b, agent, WF_MSG_keep) == 0,
       "what comes in time stays");
    r.job = bed_id(1);
    bed_say(&b, agent, WF_MSG_result, &r);
    is_int(bed_count(&b, agent, WF_MSG_keep), 0, "also when others have the same");
    bed_fini(&b);
}

/* Numbers of brokers that share a store do not tell which came first. */
static void put_elsewhere(void)
{
    const struct wf_dataset_rec rec = {
        .owner = bed_key(ANN), .name = wf_slice_of("pics"), .version = 1};
    uint8_t record[256] = {0x7f};
    struct wf_buf room = {record, 8, sizeof record, sizeof record, 0};
    struct broker_event ev = {.kind = BROKER_RECORD, .table = LEDGER_DATASETS};
    uint32_t ann;
    struct bed b;

    for (int shared = 1; shared >= 0; shared--) {
        start(&b);
        b.c->cfg.shared = shared;
        ann = client_of(&b, ANN, "ann");
        (void) stock_agent(&b, 1, "one", NULL);
        room.len = 8;
        must(wf_msg_encode(&room, WF_MSG_dataset_rec, &rec) == 0);
        ev.record = wf_slice_make(record, room.len);
        bed_step(&b, &ev);
        stock_submit(&b, ann, 1, "in", "pics");
        sync_all(&b);
        is_int(bed_state(&b, 1), shared ? WF_JOB_ASSIGNED : WF_JOB_DEAD,
               shared ? "another broker's dataset may have a higher number"
                      : "with one broker it was put later");
        bed_fini(&b);
    }
}

/* The dataset goes while the job waits. */
static void removed(void)
{
    struct wf_result r = {
        .job = bed_id(1), .attempt = 1, .code = (uint64_t) -WEFT_ENOENT};
    uint32_t ann, agent;
    struct wf_msg m;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = stock_agent(&b, 1, "one", NULL);
    stock_info(&b, agent, NULL, 1, 1000 * MIB);
    ann = bed_client(&b, ANN, "ann");
    put_pics(&b, ann, NULL);
    stock_submit(&b, ann, 1, "in", "pics");
    stock_submit(&b, ann, 2, "in", "pics/three");
    stock_rm(&b, ann, "pics");
    is_int(bed_refusal(&b, ann), 0, "a dataset that jobs need is removed");
    put_pics(&b, ann, NULL);
    r.reason = wf_slice_of("no such dataset");
    bed_say(&b, agent, WF_MSG_result, &r);
    is_int(bed_state(&b, 2), WF_JOB_DEAD, "the one that waits ends when its turn comes");
    is_str(bed_job(&b, 2)->reason, "its input pics@1/three was removed", "and says why");
    bed_tick(&b, 10 * BED_MS);
    for (unsigned i = 0; i < 5 && !wf_job_is_final(bed_state(&b, 1)); i++) {
        bed_tick(&b, 300 * BED_MS);
        bed_say(&b, agent, WF_MSG_ping, &(struct wf_ping){1, 0, 0, 0});
    }
    is_int(bed_state(&b, 1), WF_JOB_DEAD, "that which was there ends, too");
    is_str(bed_job(&b, 1)->reason, "its input pics@1 was removed",
           "although another one has its name and version");
    stock_submit(&b, ann, 3, "in", "pics");
    ok(bed_told(&b, agent, WF_MSG_assign, 0, &m), "which serves new jobs");
    bed_fini(&b);
}

static void refuse_1(struct bed *b, uint32_t agent, int code, const char *text)
{
    const struct wf_refuse m = {.job = bed_id(1),
                                .attempt = bed_job(b, 1)->attempt,
                                .code = (uint64_t) -code,
                                .text = wf_slice_of(text)};

    bed_say(b, agent, WF_MSG_refuse, &m);
}

/* Time for the next try, with agents that are alive. */
static void wait_for_a_try(struct bed *b, const uint32_t *agents, unsigned n)
{
    for (unsigned i = 0; i < 40; i++) {
        for (unsigned k = 0; k < n; k++) {
            bed_say(b, agents[k], WF_MSG_ping, &(struct wf_ping){1, 0, 0, 0});
        }
        bed_tick(b, 300 * BED_MS);
    }
}

/* The owner narrows where the data may be once the job is on its way. */
static void narrowed(void)
{
    uint32_t agents[2], ann;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agents[0] = stock_agent(&b, 1, "one", NULL);
    ann = bed_client(&b, ANN, "ann");
    stock_simple(&b, ann, "all", NULL, 1, 1);
    stock_submit(&b, ann, 1, "in", "all");
    must(bed_state(&b, 1) == WF_JOB_ASSIGNED);
    stock_simple(&b, ann, "all", "residency=eu", 1, 1);
    refuse_1(&b, agents[0], WEFT_EPERM, "their residency forbids them there");
    wait_for_a_try(&b, agents, 1);
    ok(bed_state(&b, 1) == WF_JOB_QUEUED && bed_job(&b, 1)->attempt == 1,
       "a job whose data may not be there any more waits, and is not tried there again");
    is_int(bed_job(&b, 1)->tries, 0, "which counts as no attempt");
    agents[1] = stock_agent(&b, 2, "two", "residency=eu");
    wait_for_a_try(&b, agents, 2);
    ok(bed_state(&b, 1) == WF_JOB_ASSIGNED &&
           bed_job(&b, 1)->agent->session->peer == agents[1],
       "it goes where its data may be");
    bed_fini(&b);
}

/* Data that nobody who can be reached has is no failure of the job. */
static void in_vain(void)
{
    uint32_t agents[2], ann;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agents[0] = stock_agent(&b, 1, "one", NULL);
    agents[1] = stock_agent(&b, 2, "two", NULL);
    ann = bed_client(&b, ANN, "ann");
    stock_simple(&b, ann, "all", NULL, 1, 1);
    stock_submit(&b, ann, 1, "in", "all");
    for (unsigned i = 1; i < 12; i++) {
        uint32_t at = bed_job(&b, 1)->agent->session->peer;

        must(bed_state(&b, 1) == WF_JOB_ASSIGNED);
        refuse_1(&b, at, WEFT_EUNREACH, "nobody who can be reached has it");
        for (unsigned k = 0; k < 5 && bed_state(&b, 1) == WF_JOB_QUEUED; k++) {
            wait_for_a_try(&b, agents, 2);
        }
        if (i == 1) {
            ok(bed_job(&b, 1)->agent != NULL &&
                   bed_job(&b, 1)->agent->session->peer != at,
               "another agent may reach more");
        }
    }
    ok(bed_state(&b, 1) == WF_JOB_ASSIGNED && bed_job(&b, 1)->tries == 0,
       "it is tried again for as long as it takes");
    is_str(bed_job(&b, 1)->history[0].reason, "nobody who can be reached has it",
           "and why is kept");
    bed_fini(&b);
}

static void tells_how_it_comes(void)
{
    struct wf_fetching f = {.job = bed_id(1),
                            .attempt = 1,
                            .bytes = 10,
                            .total = 100,
                            .stands = WF_STAND_DAY,
                            .resume_ms = 3600000};
    const struct wf_query q = {.req = 5,
                               .kind = WF_QUERY_JOB,
                               .key = wf_slice_of("01010101010101010101010101010101")};
    uint32_t agent, ann;
    struct wf_msg m;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = stock_agent(&b, 1, "one", NULL);
    stock_has(&b, agent, 1);
    ann = bed_client(&b, ANN, "ann");
    stock_simple(&b, ann, "all", NULL, 1, 1);
    stock_submit(&b, ann, 1, "in", "all");
    must(bed_state(&b, 1) == WF_JOB_ASSIGNED);
    bed_say(&b, agent, WF_MSG_fetching, &f);
    bed_tick(&b, BED_SECOND);
    bed_say(&b, ann, WF_MSG_query, &q);
    ok(bed_told(&b, ann, WF_MSG_job_info, 0, &m) && m.u.job_info.fetch_done == 10 &&
           m.u.job_info.fetch_stands == WF_STAND_DAY &&
           m.u.job_info.fetch_resume_ms > 3590000 &&
           m.u.job_info.fetch_resume_ms < 3600000,
       "why nothing comes is told, and until when");
    f.stands = 255;
    f.resume_ms = UINT64_MAX;
    bed_say(&b, agent, WF_MSG_fetching, &f);
    bed_say(&b, ann, WF_MSG_query, &q);
    ok(bed_told(&b, ann, WF_MSG_job_info, 0, &m) && m.u.job_info.fetch_stands == 255,
       "also a reason that is not known here");
    f.stands = f.resume_ms = 0;
    bed_say(&b, agent, WF_MSG_fetching, &f);
    bed_say(&b, ann, WF_MSG_query, &q);
    ok(bed_told(&b, ann, WF_MSG_job_info, 0, &m) && m.u.job_info.fetch_stands == 0 &&
           m.u.job_info.fetch_resume_ms == 0,
       "until it goes on");
    bed_fini(&b);
}

static void after_restart(void)
{
    struct list inputs = LIST;
    struct wf_submit m = durable_work(1);
    struct wf_msg told;
    uint32_t ann, agent;
    struct bed b;

    start(&b);
    ann = client_of(&b, ANN, "ann");
    agent = agent_of(&b, 1, "one", 1);
    stock_info(&b, agent, "residency=eu", 1, 1000 * MIB);
    put_pics(&b, ann, "residency=eu");
    sync_all(&b);
    list_input(&inputs, "in", "pics/a");
    m.inputs = inputs.rows;
    bed_say(&b, ann, WF_MSG_submit, &m);
    sync_all(&b);
    m.job = bed_id(2);
    bed_say(&b, ann, WF_MSG_submit, &m);
    sync_all(&b);
    restart(&b);
    ok(wf_slice_is(need(&b, 1, 0).ref, "pics@1/a") &&
           strcmp(bed_job(&b, 1)->residency, "eu") == 0,
       "a job comes back with its inputs");
    is_int(bed_job(&b, 1)->data_bytes, 3 * KIB, "and their bytes");
    agent = agent_again(&b, 1, 1, 1, 1, WF_RUN_RUNNING);
    bed_result(&b, agent, 1, 1, 0);
    sync_all(&b);
    stock_info(&b, agent, "residency=eu", 1, 1000 * MIB);
    ok(bed_state(&b, 2) == WF_JOB_ASSIGNED ||
           bed_told(&b, agent, WF_MSG_assign, 0, &told),
       "one that waited is placed");
    ann = bed_hello(&b, ANN, WF_ROLE_CLIENT, 2);
    bed_say(&b, ann, WF_MSG_submit, &m);
    ok(bed_told(&b, ann, WF_MSG_accepted, 0, &told) && told.u.accepted.known,
       "and is the same job still");
    list_fini(&inputs);
    bed_fini(&b);
}

int main(void)
{
    resolves();
    refuses();
    payloads();
    residency();
    same_job();
    retries();
    reuse();
    bad_result();
    late_result();
    put_elsewhere();
    removed();
    narrowed();
    in_vain();
    tells_how_it_comes();
    after_restart();
    return done();
}
