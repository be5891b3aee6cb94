/* show.c - weft job show */
#include <inttypes.h>

#include "cli/cmd.h"
#include "cli/tool/clock.h"
#include "cli/tool/fmt.h"
#include "cli/tool/table.h"
#include "cli/view/data.h"
#include "cli/view/disconnect.h"
#include "cli/view/job.h"

static void print_json_data(struct json *json, const struct weft_job_full *job)
{
    json_array(json, "inputs");
    for (size_t i = 0; i < job->ninputs; i++) {
        const struct weft_need *need = &job->inputs[i];

        json_object(json, NULL);
        json_text(json, "name", need->name);
        json_text(json, "ref", *need->ref != '\0' ? need->ref : NULL);
        json_digest(json, "digest", &need->digest);
        json_uint(json, "size", need->size);
        json_uint(json, "files", need->files);
        json_close_object(json);
    }
    json_close_array(json);
    json_uint(json, "fetch_done", job->fetch_done);
    json_uint(json, "fetch_total", job->fetch_total);
    json_uint(json, "fetch_left_ms", job->fetch_left_ms);
    json_text(json, "fetch_from", *job->fetch_from != '\0' ? job->fetch_from : NULL);
    json_text(json, "fetch_stands",
              job->fetch_stands != WEFT_STAND_NONE ? weft_stand_name(job->fetch_stands)
                                                   : NULL);
    json_uint(json, "fetch_resume_ms", job->fetch_resume_ms);
    json_digest(json, "result_blob", &job->result_blob);
    json_uint(json, "fetched", job->fetched);
}

static void print_json_money(struct json *json, const struct weft_job_full *job)
{
    json_text(json, "goal",
              job->goal != WEFT_GOAL_NONE ? weft_goal_name(job->goal) : NULL);
    json_uint(json, "second_worth_pusd", job->second_pusd);
    json_uint(json, "max_cost_pusd", job->max_cost_pusd);
    json_uint(json, "cost_pusd", job->cost_pusd);
    json_uint(json, "hedged", job->hedged);
    json_uint(json, "preempted", job->preempted);
}

static void print_json(struct cli *cli, const struct weft_job_full *job)
{
    struct weft_job_row row = job->job;
    struct json json;

    row.reason = job->reason;
    json_begin(&json, cli->out.f, "job");
    job_json(&json, &row);
    json_int(&json, "exit_code", job->exit_code);
    json_int(&json, "signal", job->term_signal);
    json_uint(&json, "payload_len", job->payload_len);
    json_uint(&json, "result_len", job->result_len);
    json_uint(&json, "log_len", job->log_len);
    json_uint(&json, "cut", job->cut);
    json_uint(&json, "max_attempts", job->max_attempts);
    json_uint(&json, "uncounted", job->uncounted);
    json_uint(&json, "wait_us", job->wait_us);
    json_uint(&json, "retry_in_ms", job->retry_in_ms);
    json_uint(&json, "deadline_left_ms", job->deadline_left_ms);
    json_uint(&json, "superseded", job->superseded);
    json_bool(&json, "stored", job->stored);
    json_text(&json, "disconnect", weft_disconnect_name(job->disconnect));
    json_uint(&json, "disconnect_ms", job->disconnect_ms);
    json_id(&json, "retry_of", &job->retry_of);
    json_id(&json, "reused", &job->reused);
    json_id(&json, "there", &job->there);
    json_id(&json, "of", &job->of);
    json_uint(&json, "silent_ms", job->silent_ms);
    json_bool(&json, "cut_off", job->cut_off);
    json_uint(&json, "crashes", job->crashes);
    json_uint(&json, "lost", job->lost);
    print_json_data(&json, job);
    print_json_money(&json, job);
    json_array(&json, "needs");
    for (size_t i = 0; i < job->nneeds; i++) {
        json_text(&json, NULL, job->needs[i]);
    }
    json_close_array(&json);
    json_array(&json, "attempts");
    for (size_t i = 0; i < job->ntries; i++) {
        const struct weft_try *try = &job->tries[i];

        json_object(&json, NULL);
        json_uint(&json, "attempt", try->attempt);
        json_text(&json, "node", try->node);
        json_text(&json, "code", try->code != 0 ? job_code(try->code) : NULL);
        json_text(&json, "reason", try->reason);
        json_uint(&json, "start_ms", try->start_ms);
        json_uint(&json, "run_us", try->run_us);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_end(&json);
}

static void print_tries(struct out *out, const struct weft_job_full *job)
{
    static const struct col cols[] = {
        {"ATTEMPT", COL_RIGHT}, {"NODE", COL_SHRINK}, {"STARTED AFTER", COL_RIGHT},
        {"RUN", COL_RIGHT},     {"CODE", 0},          {"REASON", COL_SHRINK}};
    struct table *table = table_new(cols, sizeof(cols) / sizeof(cols[0]));

    for (size_t i = 0; i < job->ntries; i++) {
        const struct weft_try *try = &job->tries[i];

        table_cell(table, TINT_NONE, "%u", try->attempt);
        table_cell(table, TINT_NONE, "%s", try->node);
        table_cell(table, TINT_NONE, "%s", fmt_ms(try->start_ms).s);
        table_cell(table, TINT_NONE, "%s", try->run_us > 0 ? fmt_us(try->run_us).s : "");
        table_cell(table, TINT_BAD, "%s", job_code(try->code));
        table_cell(table, TINT_NONE, "%s", try->reason);
    }
    table_print(table, out, 0, 0);
    table_free(table);
}

/* What ACCEPTED, and what is told here, is worth. */
static const char *kept(const struct weft_job_full *job)
{
    if (job->job.job_class == WEFT_CLASS_FAST) {
        return "in the broker's memory";
    }
    return job->stored ? "on stable storage" : "not on stable storage yet";
}

/* Its relations to other jobs, and what went wrong with its attempts. */
static void print_history(struct out *out, const struct weft_job_full *job)
{
    if (!job_is_none(&job->retry_of)) {
        out_pair(out, "repeats", TINT_NONE, "job %s", job_id8(&job->retry_of).s);
    }
    if (!job_is_none(&job->reused)) {
        out_pair(out, "reuses", TINT_NOTE, "the outcome of job %s, which is alike",
                 job_id8(&job->reused).s);
    }
    if (job->crashes > 0) {
        out_pair(out, "crashes", TINT_BAD,
                 "%" PRIu64 " attempts took their process or agent with them",
                 job->crashes);
    }
    if (job->lost > 0) {
        out_pair(out, "lost", TINT_WARN, "%" PRIu64 " attempts with their agent or link",
                 job->lost);
    }
}

/* Why it stands still, in words. */
static const char *stand_text(enum weft_stand stand)
{
    static const char *const texts[] = {
        [WEFT_STAND_FORBIDDEN] = "the broker does not let it be fetched there",
        [WEFT_STAND_NOWHERE] = "nobody who has it can be reached",
        [WEFT_STAND_DAY] = "the day's bytes are used up",
        [WEFT_STAND_STORE] = "the agent's store makes room",
        [WEFT_STAND_SILENT] = "who has it does not answer"};
    const char *text =
        (size_t) stand < sizeof(texts) / sizeof(texts[0]) ? texts[stand] : NULL;

    return text != NULL ? text : "for a reason that this version does not know";
}

/* "fetching 43% from nvr-02, 12 s left", or ", the day's bytes are used up until 18:20".
 */
static void print_fetching(struct out *out, const struct weft_job_full *job)
{
    uint64_t pm =
        (uint64_t) ((double) job->fetch_done * 1000 / (double) job->fetch_total);
    char left[128] = "";

    if (job->fetch_stands != WEFT_STAND_NONE) {
        const int known = job->fetch_resume_ms > 0;
        const uint64_t now = clock_wall_ms();

        snprintf(left, sizeof(left), ", %s%s%s", stand_text(job->fetch_stands),
                 known ? " until " : "",
                 known ? fmt_wall(now + job->fetch_resume_ms, now).s : "");
    } else if (job->fetch_left_ms > 0) {
        snprintf(left, sizeof(left), ", %s left", fmt_ms(job->fetch_left_ms).s);
    }
    out_pair(out, "data", TINT_WARN, "fetching %s of %s%s%s%s", fmt_permille(pm).s,
             fmt_size(job->fetch_total).s, *job->fetch_from != '\0' ? " from " : "",
             job->fetch_from, left);
}

static void print_data(struct out *out, const struct weft_job_full *job)
{
    for (size_t i = 0; i < job->ninputs; i++) {
        const struct weft_need *need = &job->inputs[i];

        out_pair(out, "input", TINT_NONE, "%s: %s, %" PRIu64 " file%s, %s", need->name,
                 *need->ref != '\0' ? need->ref : data_digest12(&need->digest).s,
                 need->files, need->files == 1 ? "" : "s", fmt_size(need->size).s);
    }
    if (job->fetch_total > 0) {
        print_fetching(out, job);
    }
    if (job->fetched > 0) {
        out_pair(out, "data moved", TINT_NONE, "%s", fmt_size(job->fetched).s);
    }
    if (!data_is_none(&job->result_blob)) {
        out_pair(out, "result blob", TINT_NONE, "%s", data_digest(&job->result_blob).s);
    }
}

/* What it is placed for, and what it cost. */
static void print_money(struct out *out, const struct weft_job_full *job)
{
    if (job->goal != WEFT_GOAL_NONE) {
        out_pair(out, "goal", TINT_NONE, "%s", weft_goal_name(job->goal));
    }
    if (job->second_pusd > 0) {
        out_pair(out, "1 s is worth", TINT_NONE, "%s", fmt_usd(job->second_pusd).s);
    }
    if (job->max_cost_pusd > 0) {
        out_pair(out, "may cost", TINT_NONE, "%s", fmt_usd(job->max_cost_pusd).s);
    }
    if (job->cost_pusd > 0) {
        out_pair(out, "cost", TINT_NONE, "%s%s", fmt_usd(job->cost_pusd).s,
                 job_is_over(job->job.state) ? "" : " so far");
    }
    if (job->hedged > 0) {
        out_pair(out, "hedged", TINT_NONE, "%" PRIu64 " second copies", job->hedged);
    }
    if (job->preempted > 0) {
        out_pair(out, "preempted", TINT_WARN, "made way %" PRIu64 " times for others",
                 job->preempted);
    }
}

/* What there is to say only of some jobs. */
static void print_rest(struct out *out, const struct weft_job_full *job)
{
    if (*job->job.name != '\0') {
        out_pair(out, "name", TINT_NONE, "%s", job->job.name);
    }
    for (size_t i = 0; i < job->nneeds; i++) {
        out_pair(out, "needs", TINT_NONE, "%s", job->needs[i]);
    }
    if (job->retry_in_ms > 0) {
        out_pair(out, "next try", TINT_WARN, "in %s", fmt_ms(job->retry_in_ms).s);
    }
    if (job->deadline_left_ms > 0) {
        out_pair(out, "deadline", TINT_NONE, "in %s", fmt_ms(job->deadline_left_ms).s);
    }
    if (job->cut > 0) {
        out_pair(out, "dropped", TINT_WARN, "%s of output, at a limit",
                 fmt_size(job->cut).s);
    }
    if (job->superseded > 0) {
        out_pair(out, "superseded", TINT_NONE,
                 "%" PRIu64 " late results of older attempts, not used", job->superseded);
    }
    if (job->term_signal != 0) {
        out_pair(out, "signal", TINT_BAD, "%d", job->term_signal);
    } else if (job_is_over(job->job.state) && job->job.state != WEFT_JOB_CANCELLED) {
        out_pair(out, "exit code", TINT_NONE, "%d", job->exit_code);
    }
    if (job->reason != NULL && *job->reason != '\0') {
        out_pair(out, "reason", TINT_NONE, "%s", job->reason);
    }
}

/* Those that no agent took take nothing from what the job may have. */
static void print_attempt(struct out *out, const struct weft_job_full *job)
{
    const uint64_t attempt = job->job.attempt;
    const uint64_t none = job->uncounted < attempt ? job->uncounted : attempt;

    if (none == 0) {
        out_pair(out, "attempt", attempt > 1 ? TINT_WARN : TINT_NONE, "%" PRIu64 " of %u",
                 attempt, job->max_attempts);
        return;
    }
    out_pair(out, "attempt", TINT_WARN,
             "%" PRIu64 " of %u, beside %" PRIu64 " that no agent took", attempt - none,
             job->max_attempts, none);
}

/* Where it is, whether that can be seen now, and what the brokers beside call it. */
static void print_where(struct out *out, const struct weft_job_full *job)
{
    const struct weft_job_row *row = &job->job;
    const char *node = job_place(row->state, row->node);
    char unseen[96] = "";

    if (job->silent_ms > 0) {
        snprintf(unseen, sizeof(unseen), ", which is %s: last heard %s ago",
                 job->cut_off ? "cut off" : "silent", fmt_ms(job->silent_ms).s);
    }
    out_pair(out, "state", *unseen != '\0' ? TINT_WARN : job_tint(row->state), "%s%s%s%s",
             weft_state_name(row->state), *node != '\0' ? " on " : "", node,
             *node != '\0' ? unseen : "");
    if (!job_is_none(&job->there)) {
        out_pair(out, "there", TINT_NONE, "%s at %s", job_id8(&job->there).s, row->node);
    }
    if (!job_is_none(&job->of)) {
        out_pair(out, "of", TINT_NONE, "%s's job %s", row->owner, job_id8(&job->of).s);
    }
}

static void print(struct cli *cli, const struct weft_job_full *job)
{
    struct out *out = &cli->out;
    const struct weft_job_row *row = &job->job;

    out_pair(out, "id", TINT_NONE, "%s", job_id(&row->id).s);
    out_pair(out, "capability", TINT_NONE, "%s",
             job_capability(row->capability, row->version).s);
    print_where(out, job);
    if (row->code != 0) {
        out_pair(out, "code", TINT_BAD, "%s: %s", job_code(row->code),
                 weft_strerror(row->code > 0 ? -row->code : row->code));
    }
    out_pair(out, "accepted", TINT_NONE, "%s ago, from %s", fmt_ms(row->age_ms).s,
             row->owner);
    out_pair(out, "class", TINT_NONE, "%s, %s", weft_class_name(row->job_class),
             kept(job));
    out_pair(out, "priority", TINT_NONE, "%u", row->priority);
    out_pair(out, "if cut off", TINT_NONE, "%s",
             disconnect_text(job->disconnect, job->disconnect_ms).s);
    print_attempt(out, job);
    out_pair(out, "waited", TINT_NONE, "%s", fmt_us(job->wait_us).s);
    out_pair(out, "ran", TINT_NONE, "%s", fmt_us(row->run_us).s);
    out_pair(out, "payload", TINT_NONE, "%s", fmt_size(job->payload_len).s);
    out_pair(out, "result", TINT_NONE, "%s", fmt_size(job->result_len).s);
    out_pair(out, "output kept", TINT_NONE, "%s", fmt_size(job->log_len).s);
    print_data(out, job);
    print_money(out, job);
    print_rest(out, job);
    print_history(out, job);
    if (job->ntries > 0) {
        fputc('\n', out->f);
        print_tries(out, job);
    }
    cli_footer(cli, "%s", "");
    if (!job_is_over(row->state)) {
        cli_hint(cli,
                 "`weft why %s` says why it is there, `weft job logs -f %s` "
                 "follows it",
                 job_id8(&row->id).s, job_id8(&row->id).s);
    } else if (job_exit(row->state) == CLI_FAILED) {
        cli_hint(cli, "`weft job retry %s` runs it again", job_id8(&row->id).s);
    }
}

static int run(struct cli *cli, const void *args, int n, char **operands)
{
    int rc = cli_connect(cli);

    (void) args;
    for (int i = 0; rc == CLI_OK && i < n; i++) {
        struct weft_job_full *job = NULL;

        rc = weft_job_show(cli->client, operands[i], cli_wait_ms(cli), &job);
        if (rc < 0) {
            return job_fail(cli, rc, operands[i]);
        }
        if (cli->json) {
            print_json(cli, job);
        } else {
            fputs(i > 0 ? "\n" : "", cli->out.f);
            print(cli, job);
        }
        weft_free(job);
    }
    return rc;
}

const struct cmd cmd_job_show = {
    .name = "job show",
    .group = "Work",
    .operands = "ID...",
    .summary = "Show one job and its attempts",
    .min = 1,
    .max = -1,
    .operand = CMD_JOB,
    .run = run,
};
