#include "tests/unit/broker/bed.h"

#include "proto/words.h"

struct scene {
    struct bed b;
    uint32_t op, app, rival, agent;
};

static void open_scene(struct scene *s)
{
    bed_init(&s->b);
    bed_start(&s->b);
    s->op = bed_operator(&s->b, 1);
    s->app = bed_client(&s->b, 2, "app");
    s->rival = bed_client(&s->b, 3, "rival");
    s->agent = bed_agent(&s->b, 4, "edge", 1);
    bed_submit(&s->b, s->app, 0x11);
    bed_submit(&s->b, s->app, 0x12);
    bed_submit(&s->b, s->rival, 0x13);
}

static void ask(struct scene *s, uint32_t peer, unsigned kind, const char *key,
                const char *filter, uint64_t after, uint64_t limit)
{
    const struct wf_query q = {.req = 5,
                               .kind = kind,
                               .key = wf_slice_of(key),
                               .filter = wf_slice_of(filter),
                               .after = after,
                               .limit = limit};

    bed_say(&s->b, peer, WF_MSG_query, &q);
}

static unsigned jobs_seen(struct scene *s, uint32_t peer, const char *filter)
{
    struct wf_msg m;

    ask(s, peer, WF_QUERY_JOBS, "", filter, 0, 0);
    must(bed_told(&s->b, peer, WF_MSG_jobs_page, 0, &m));
    return m.u.jobs_page.rows.count;
}

static void lists_jobs(void)
{
    struct wf_job_row row;
    struct wf_msg m;
    struct scene s;
    uint64_t more;

    open_scene(&s);
    is_int(jobs_seen(&s, s.op, ""), 3, "an operator sees all jobs");
    is_int(jobs_seen(&s, s.app, ""), 2, "a client its own");
    is_int(jobs_seen(&s, s.op, "state=ASSIGNED"), 1, "filtered by state");
    is_int(jobs_seen(&s, s.op, "owner=rival"), 1, "by owner");
    is_int(jobs_seen(&s, s.app, "owner=rival"), 0, "which opens no door");
    is_int(jobs_seen(&s, s.op, "cap=echo,node=edge"), 1, "by capability and node");
    is_int(jobs_seen(&s, s.op, "nonsense"), 0, "by nonsense");
    ask(&s, s.op, WF_QUERY_JOBS, "", "", 0, 2);
    must(bed_told(&s.b, s.op, WF_MSG_jobs_page, 0, &m));
    ok(m.u.jobs_page.rows.count == 2 && m.u.jobs_page.more != 0 &&
           wf_rows_next(&m.u.jobs_page.rows, wf_desc_job_row(), &row) &&
           row.job.b[0] == 0x13,
       "in pages, newest first");
    more = m.u.jobs_page.more;
    ask(&s, s.op, WF_QUERY_JOBS, "", "", more, 2);
    must(bed_told(&s.b, s.op, WF_MSG_jobs_page, 0, &m));
    ok(m.u.jobs_page.rows.count == 1 && m.u.jobs_page.more == 0 &&
           wf_rows_next(&m.u.jobs_page.rows, wf_desc_job_row(), &row) &&
           row.job.b[0] == 0x11,
       "to the last");
    bed_fini(&s.b);
}

static void shows_a_job(void)
{
    struct wf_job_row row;
    struct wf_msg m;
    struct scene s;

    open_scene(&s);
    ask(&s, s.app, WF_QUERY_JOB, "1111", "", 0, 0);
    ok(bed_told(&s.b, s.app, WF_MSG_job_info, 0, &m) && m.u.job_info.tries.count == 1 &&
           wf_rows_next(&m.u.job_info.job, wf_desc_job_row(), &row) &&
           row.job.b[0] == 0x11,
       "a job by its first digits");
    ask(&s, s.rival, WF_QUERY_JOB, "1111", "", 0, 0);
    is_int(bed_refusal(&s.b, s.rival), WEFT_ENOENT, "not to others");
    ask(&s, s.rival, WF_QUERY_JOB, "11111111111111111111111111111111", "", 0, 0);
    is_int(bed_refusal(&s.b, s.rival), WEFT_ENOENT, "who know the whole id");
    ask(&s, s.app, WF_QUERY_JOB, "111", "", 0, 0);
    is_int(bed_refusal(&s.b, s.app), WEFT_ENOENT, "too few digits");
    ask(&s, s.app, WF_QUERY_WHY, "1212", "", 0, 0);
    ok(bed_told(&s.b, s.app, WF_MSG_why_info, 0, &m) && !m.u.why_info.chosen &&
           m.u.why_info.rows.count == 1 && m.u.why_info.text.len != 0,
       "why it waits");
    ask(&s, s.app, WF_QUERY_WHY, "1111", "", 0, 0);
    ok(bed_told(&s.b, s.app, WF_MSG_why_info, 0, &m) && m.u.why_info.chosen &&
           wf_slice_is(m.u.why_info.node, "edge") &&
           m.u.why_info.goal == WF_GOAL_BALANCED,
       "why it went where it is, and for what");
    ask(&s, s.app, WF_QUERY_LOGS, "11111111111111111111111111111111", "", 0, 0);
    is_int(bed_count(&s.b, s.app, WF_MSG_done), 1, "its output, of which there is none");
    ask(&s, s.rival, WF_QUERY_LOGS, "11111111111111111111111111111111", "", 0, 0);
    is_int(bed_refusal(&s.b, s.rival), WEFT_ENOENT, "not to others");
    bed_fini(&s.b);
}

/* Text of a peer that is cut at a limit is still text: a reader's decoder takes no less.
 */
static void keeps_text_whole(void)
{
    struct wf_submit work = bed_work(0x21);
    char reason[WF_TEXT_MAX + 1], key[WF_TEXT_MAX + 1];
    struct wf_result result = {.job = bed_id(0x11), .attempt = 1, .code = 37};
    struct wf_msg m;
    struct scene s;

    open_scene(&s);
    for (size_t i = 0; i + 2 < sizeof reason; i += 2) {
        memcpy(reason + i, "\xc3\xa9", 3);
        memcpy(key + i, "\xc3\xa9", 3);
    }
    result.reason = wf_slice_of(reason);
    bed_say(&s.b, s.agent, WF_MSG_result, &result);
    ask(&s, s.app, WF_QUERY_JOB, "1111", "", 0, 0);
    ok(bed_told(&s.b, s.app, WF_MSG_job_info, 0, &m), "the reason of an attempt");
    ask(&s, s.app, WF_QUERY_WHY, "1111", "", 0, 0);
    ok(bed_told(&s.b, s.app, WF_MSG_why_info, 0, &m), "what a job waits for");
    ask(&s, s.app, WF_QUERY_NODE, key, "", 0, 0);
    ok(bed_told(&s.b, s.app, WF_MSG_error, 0, &m), "a name that is not known");
    ask(&s, s.app, WF_QUERY_NODE, key + 1, "", 0, 0);
    work.node = wf_slice_of("nobody");
    bed_say(&s.b, s.app, WF_MSG_submit, &work);
    ok(bed_told(&s.b, s.app, WF_MSG_error, 0, &m), "also of a submit");
    bed_say(&s.b, s.op, WF_MSG_key_revoke, &(struct wf_key_revoke){9, wf_slice_of(key)});
    ok(bed_told(&s.b, s.op, WF_MSG_done, 0, &m), "also of a revocation");
    bed_fini(&s.b);
}

static void shows_nodes(void)
{
    struct wf_node_row row;
    struct wf_msg m;
    struct scene s;

    open_scene(&s);
    ask(&s, s.app, WF_QUERY_NODES, "", "", 0, 0);
    ok(bed_told(&s.b, s.app, WF_MSG_nodes_page, 0, &m) &&
           m.u.nodes_page.rows.count == 1 &&
           wf_rows_next(&m.u.nodes_page.rows, wf_desc_node_row(), &row) &&
           wf_slice_is(row.name, "edge") && row.state == WF_NODE_UP && row.slots == 1,
       "nodes");
    ask(&s, s.app, WF_QUERY_NODE, "edge", "", 0, 0);
    ok(bed_told(&s.b, s.app, WF_MSG_node_info, 0, &m) && m.u.node_info.caps.count == 1 &&
           m.u.node_info.node.count == 1,
       "one in full");
    ask(&s, s.app, WF_QUERY_NODE, "app", "", 0, 0);
    is_int(bed_refusal(&s.b, s.app), WEFT_ENOENT, "a client is none");
    bed_fini(&s.b);
}

static void shows_itself(void)
{
    struct wf_count_row row;
    struct wf_msg m;
    struct scene s;
    int accepted = 0;

    open_scene(&s);
    ask(&s, s.app, WF_QUERY_STATUS, "", "", 0, 0);
    must(bed_told(&s.b, s.app, WF_MSG_status_info, 0, &m));
    ok(m.u.status_info.agents_up == 1 && m.u.status_info.queued == 2 &&
           m.u.status_info.slots == 1 && m.u.status_info.clients == 3,
       "the broker in numbers");
    while (wf_rows_next(&m.u.status_info.counts, wf_desc_count_row(), &row)) {
        accepted |= wf_slice_is(row.name, "accepted") && row.value == 3;
    }
    ok(accepted, "with all its counters");
    bed_fini(&s.b);
}

static void guards_secrets(void)
{
    struct wf_msg m;
    struct scene s;

    open_scene(&s);
    ask(&s, s.app, WF_QUERY_KEYS, "", "", 0, 0);
    is_int(bed_refusal(&s.b, s.app), WEFT_EPERM, "keys are for operators");
    ask(&s, s.app, WF_QUERY_TOKENS, "", "", 0, 0);
    is_int(bed_refusal(&s.b, s.app), WEFT_EPERM, "so are tokens");
    ask(&s, s.app, WF_QUERY_EVENTS, "follow", "", 0, 5);
    is_int(bed_refusal(&s.b, s.app), WEFT_EPERM, "and events");
    ask(&s, s.op, WF_QUERY_KEYS, "", "", 0, 3);
    ok(bed_told(&s.b, s.op, WF_MSG_keys_page, 0, &m) && m.u.keys_page.rows.count == 3 &&
           m.u.keys_page.more == 3,
       "who gets them in pages");
    ask(&s, s.op, WF_QUERY_EVENTS, "follow", "", 0, 5);
    ok(bed_told(&s.b, s.op, WF_MSG_events_page, 0, &m) && m.u.events_page.rows.count >= 1,
       "what happened");
    bed_down(&s.b, s.agent);
    ok(bed_told(&s.b, s.op, WF_MSG_events_page, 0, &m), "and what happens now");
    ask(&s, s.op, 31, "", "", 0, 5);
    is_int(bed_refusal(&s.b, s.op), WEFT_ESUPPORT, "a query from the future");
    bed_fini(&s.b);
}

int main(void)
{
    lists_jobs();
    shows_a_job();
    keeps_text_whole();
    shows_nodes();
    shows_itself();
    guards_secrets();
    return done();
}
