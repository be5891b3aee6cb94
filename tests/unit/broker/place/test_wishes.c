#include "broker/core/place/wishes.h"

#include "tests/unit/broker/bed.h"

/* Where a job went, or "-". */
static const char *node_of(const struct bed *b, uint8_t id)
{
    const struct job *j = bed_job(b, id);

    return j != NULL && j->agent != NULL ? j->agent->principal->name : "-";
}

struct scene {
    struct bed b;
    uint32_t client, near, far;
};

static void open_scene(struct scene *s)
{
    const struct wf_ping near = {.seq = 1, .rtt_us = 1000};
    const struct wf_ping far = {.seq = 1, .rtt_us = 90000};

    bed_init(&s->b);
    bed_start(&s->b);
    s->client = bed_client(&s->b, 9, "app");
    s->near = bed_agent(&s->b, 1, "near", 8);
    s->far = bed_agent(&s->b, 2, "far", 8);
    bed_say(&s->b, s->near, WF_MSG_ping, &near);
    bed_say(&s->b, s->far, WF_MSG_ping, &far);
}

static void prefer(struct scene *s, uint8_t id, const char *need, uint64_t ms)
{
    const struct wf_weight_row row = {wf_slice_of(need), ms};
    struct wf_buf rows = WF_BUF_INIT(256);
    struct wf_submit m = bed_work(id);

    must(wf_rows_add(&rows, &m.prefers, wf_desc_weight_row(), &row) == 0);
    bed_say(&s->b, s->client, WF_MSG_submit, &m);
    wf_buf_fini(&rows);
}

static void be_near(struct scene *s, uint8_t id, unsigned kind, const char *what,
                    uint64_t ms)
{
    const struct wf_near_row row = {kind, wf_slice_of(what), ms};
    struct wf_buf rows = WF_BUF_INIT(256);
    struct wf_submit m = bed_work(id);

    must(wf_rows_add(&rows, &m.nears, wf_desc_near_row(), &row) == 0);
    bed_say(&s->b, s->client, WF_MSG_submit, &m);
    wf_buf_fini(&rows);
}

static void preferences(void)
{
    struct scene s;

    open_scene(&s);
    prefer(&s, 1, "name=far", 20);
    is_str(node_of(&s.b, 1), "near", "a wish that is worth less than the way");
    prefer(&s, 2, "name=far", 200);
    is_str(node_of(&s.b, 2), "far", "and one that is worth more");
    prefer(&s, 3, "name=mars", 100000);
    is_str(node_of(&s.b, 3), "near", "what nobody meets changes nothing");
    prefer(&s, 4, "no need", 1);
    is_int(bed_refusal(&s.b, s.client), WEFT_EINVAL, "what is no need is refused");
    bed_fini(&s.b);
}

static void affinity(void)
{
    struct wf_submit m = bed_work(1);
    struct scene s;

    open_scene(&s);
    m.node = wf_slice_of("far");
    m.name = wf_slice_of("first");
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    be_near(&s, 2, WF_NEAR_JOB, "01010101010101010101010101010101", 0);
    is_str(node_of(&s.b, 2), "far", "where another job is, by its id");
    be_near(&s, 3, WF_NEAR_JOB, "first", 500);
    is_str(node_of(&s.b, 3), "far", "or by its name, if that is worth enough");
    be_near(&s, 4, WF_NEAR_JOB, "first", 10);
    is_str(node_of(&s.b, 4), "near", "or not");
    be_near(&s, 5, WF_NEAR_JOB, "nobody", 0);
    is_str(node_of(&s.b, 5), "-", "a must that nobody meets waits");
    m = bed_work(6);
    m.node = wf_slice_of("near");
    m.name = wf_slice_of("shy");
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    be_near(&s, 7, WF_FAR_JOB, "shy", 0);
    is_str(node_of(&s.b, 7), "far", "away from another");
    be_near(&s, 8, WF_NEAR_NONE, "x", 0);
    is_int(bed_refusal(&s.b, s.client), WEFT_EINVAL, "of no kind: refused");
    bed_fini(&s.b);
}

static void spreads(void)
{
    struct wf_submit m = bed_work(1);
    struct scene s;

    open_scene(&s);
    m.spread = WF_SPREAD;
    m.group = wf_slice_of("web");
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    m.job = bed_id(2);
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    ok(strcmp(node_of(&s.b, 1), "near") == 0 && strcmp(node_of(&s.b, 2), "far") == 0,
       "a group that spreads");
    m.job = bed_id(3);
    m.spread = WF_PACK;
    m.group = wf_slice_of("db");
    m.node = wf_slice_of("far");
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    m.job = bed_id(4);
    m.node = wf_slice_of("");
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    is_str(node_of(&s.b, 4), "far", "and one that packs");
    bed_fini(&s.b);
}

static void without_memory(void)
{
    struct wf_submit m = bed_work(1);
    struct wishes *w;

    ok(wishes_new(&m, &w) == 0 && w == NULL && wishes_size(&m) == 0,
       "most jobs wish for nothing");
    m.max_cost_pusd = 5;
    (void) wf_mem_fail_after(0);
    is_int(wishes_new(&m, &w), WEFT_ENOMEM, "no memory for wishes");
    (void) wf_mem_fail_after(-1);
    must(wishes_new(&m, &w) == 0 && w != NULL);
    m = (struct wf_submit){0};
    wishes_put(w, &m);
    is_int(m.max_cost_pusd, 5, "and they are told again");
    wf_free(w);
}

int main(void)
{
    preferences();
    affinity();
    spreads();
    without_memory();
    return done();
}
