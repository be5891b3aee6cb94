#include "broker/core/place/place.h"

#include "tests/unit/broker/bed.h"

static const struct decision *decision_of(const struct bed *b, uint8_t id)
{
    const struct wf_id key = bed_id(id);

    return decisions_of(&b->c->decisions, &key);
}

/* Where a job went, or "-". */
static const char *node_of(const struct bed *b, uint8_t id)
{
    const struct job *j = bed_job(b, id);

    return j != NULL && j->agent != NULL ? j->agent->principal->name : "-";
}

static void measure(struct bed *b, uint32_t peer, uint64_t rtt_us)
{
    const struct wf_ping m = {.seq = 1, .rtt_us = rtt_us};

    bed_say(b, peer, WF_MSG_ping, &m);
}

static void chooses_the_nearest(void)
{
    uint32_t client, far, near;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    client = bed_client(&b, 9, "app");
    far = bed_agent(&b, 1, "far", 2);
    near = bed_agent(&b, 2, "near", 2);
    measure(&b, far, 40000);
    measure(&b, near, 2000);
    bed_submit(&b, client, 1);
    is_str(node_of(&b, 1), "near", "the nearest with a free slot");
    ok(decision_of(&b, 1)->route.nrows == 2 && decision_of(&b, 1)->attempt == 1,
       "both are in the record");
    bed_submit(&b, client, 2);
    is_str(node_of(&b, 2), "near", "as long as it has one");
    bed_submit(&b, client, 3);
    is_str(node_of(&b, 3), "far", "then the next");
    bed_submit(&b, client, 4);
    bed_submit(&b, client, 5);
    is_str(node_of(&b, 5), "-", "then it waits");
    is_int(decision_of(&b, 5)->filtered[PLACE_FULL], 2, "because both are full");
    bed_result(&b, near, 1, 1, 0);
    is_str(node_of(&b, 5), "near", "until a slot is free");
    bed_fini(&b);
}

static void filters(void)
{
    struct wf_submit m = bed_work(1);
    struct wf_buf rows = WF_BUF_INIT(1024);
    const struct wf_label_row need = {wf_slice_of("tier=cloud")};
    uint32_t client, one;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    client = bed_client(&b, 9, "app");
    one = bed_agent(&b, 1, "one", 1);
    m.version = 2;
    m.deadline_ms = 1000;
    bed_say(&b, client, WF_MSG_submit, &m);
    is_int(decision_of(&b, 1)->filtered[PLACE_VERSION], 1, "another version");
    m = bed_work(2);
    must(wf_rows_add(&rows, &m.needs, wf_desc_label_row(), &need) == 0);
    bed_say(&b, client, WF_MSG_submit, &m);
    is_int(decision_of(&b, 2)->filtered[PLACE_NEEDS], 1, "a need that it does not meet");
    wf_buf_fini(&rows);
    m = bed_work(3);
    m.node = wf_slice_of("app");
    bed_say(&b, client, WF_MSG_submit, &m);
    is_int(decision_of(&b, 3)->filtered[PLACE_PINNED], 1, "another node");
    bed_say(&b, one, WF_MSG_drain, &(struct wf_drain){1});
    bed_submit(&b, client, 4);
    is_int(decision_of(&b, 4)->filtered[PLACE_DRAINING], 1, "draining");
    bed_tick(&b, 3 * BED_SECOND);
    bed_submit(&b, client, 5);
    is_int(decision_of(&b, 5)->filtered[PLACE_SILENT], 1, "silent");
    bed_down(&b, one);
    bed_submit(&b, client, 6);
    is_int(decision_of(&b, 6)->filtered[PLACE_OFFLINE], 1, "gone");
    bed_fini(&b);
}

static void retries_elsewhere(void)
{
    struct wf_submit m = bed_work(1);
    uint32_t client, near, far;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    client = bed_client(&b, 9, "app");
    near = bed_agent(&b, 1, "near", 4);
    far = bed_agent(&b, 2, "far", 4);
    measure(&b, near, 1000);
    measure(&b, far, 90000);
    m.max_attempts = 3;
    bed_say(&b, client, WF_MSG_submit, &m);
    bed_result(&b, near, 1, 1, WEFT_EFAILED);
    bed_tick(&b, 500 * BED_MS);
    is_str(node_of(&b, 1), "far", "the next attempt goes to another");
    is_int(bed_job(&b, 1)->attempt, 2, "as attempt 2");
    is_int(decision_of(&b, 1)->filtered[PLACE_AVOIDED], 1, "and the record says why");
    bed_result(&b, far, 1, 2, WEFT_EFAILED);
    bed_tick(&b, 1000 * BED_MS);
    is_str(node_of(&b, 1), "near", "then back");
    bed_fini(&b);
}

/* With more agents than are looked at, a slot that comes free still gets what waits. */
static void finds_the_free_one(void)
{
    uint32_t client, agents[60];
    unsigned stuck = 0;
    struct bed b;

    bed_init(&b);
    b.cfg.max_jobs = 500;
    bed_start(&b);
    client = bed_client(&b, 200, "app");
    for (unsigned i = 0; i < 60; i++) {
        char name[16];

        (void) snprintf(name, sizeof name, "a%u", i);
        agents[i] = bed_agent(&b, (uint8_t) (1 + i), name, 1);
    }
    for (unsigned i = 0; i < 60; i++) {
        bed_submit(&b, client, (uint8_t) (1 + i));
    }
    for (unsigned i = 0; i < 60; i++) {
        stuck += bed_state(&b, (uint8_t) (1 + i)) == WF_JOB_QUEUED;
    }
    is_int(stuck, 0, "sixty jobs, sixty slots");
    bed_submit(&b, client, 100);
    is_int(bed_state(&b, 100), WF_JOB_QUEUED, "one more waits");
    for (unsigned i = 0; stuck == 0 && i < 60; i++) {
        const struct job *j = bed_job(&b, (uint8_t) (1 + i));

        if (strcmp(j->agent->principal->name, "a59") == 0) {
            bed_result(&b, agents[59], (uint8_t) (1 + i), 1, 0);
            break;
        }
    }
    is_str(node_of(&b, 100), "a59", "and goes to the one that has a slot");
    bed_fini(&b);
}

int main(void)
{
    chooses_the_nearest();
    filters();
    retries_elsewhere();
    finds_the_free_one();
    return done();
}
