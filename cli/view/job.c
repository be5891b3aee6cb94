#include "cli/view/job.h"

#include <string.h>

#include "cli/tool/fmt.h"
#include "cli/tool/table.h"

#define JOB_PREFIX_MIN 4 /* digits that name a job */

struct job_id_text job_id(const weft_id *id)
{
    struct job_id_text text;

    weft_id_text(id, text.s);
    return text;
}

struct job_id_text job_id8(const weft_id *id)
{
    struct job_id_text text = job_id(id);

    text.s[8] = '\0';
    return text;
}

int job_is_none(const weft_id *id)
{
    static const weft_id none;

    return memcmp(id, &none, sizeof(none)) == 0;
}

void json_id(struct json *json, const char *name, const weft_id *id)
{
    json_text(json, name, job_is_none(id) ? NULL : job_id(id).s);
}

int job_is_over(enum weft_state state)
{
    return state >= WEFT_JOB_OK;
}

const char *job_place(enum weft_state state, const char *node)
{
    return state == WEFT_ACCEPTED || state == WEFT_QUEUED ? "" : node;
}

enum tint job_tint(enum weft_state state)
{
    switch (state) {
    case WEFT_RUNNING:
        return TINT_NOTE;
    case WEFT_JOB_OK:
        return TINT_GOOD;
    case WEFT_JOB_FAILED:
    case WEFT_JOB_DEAD:
        return TINT_BAD;
    case WEFT_JOB_CANCELLED:
    case WEFT_JOB_EXPIRED:
        return TINT_WARN;
    default:
        return TINT_NONE;
    }
}

struct job_capability job_capability(const char *name, uint32_t version)
{
    struct job_capability text;

    snprintf(text.s, sizeof(text.s), version > 0 ? "%.63s@%u" : "%.63s", name, version);
    return text;
}

const char *job_code(int code)
{
    return code == 0 ? "" : weft_errname(code > 0 ? -code : code);
}

void job_json(struct json *json, const struct weft_job_row *row)
{
    json_text(json, "id", job_id(&row->id).s);
    json_text(json, "capability", row->capability);
    json_uint(json, "version", row->version);
    json_text(json, "state", weft_state_name(row->state));
    json_text(json, "class", weft_class_name(row->job_class));
    json_uint(json, "priority", row->priority);
    json_uint(json, "attempt", row->attempt);
    json_text(json, "node", row->node);
    json_text(json, "owner", row->owner);
    json_text(json, "name", row->name);
    json_uint(json, "age_ms", row->age_ms);
    json_uint(json, "run_us", row->run_us);
    json_text(json, "code", row->code != 0 ? job_code(row->code) : NULL);
    json_text(json, "reason", row->reason);
}

/* 1 when there is nothing but jobs that ended badly: then the reasons are what counts. */
static int all_ended_badly(const struct weft_job_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!job_is_over(rows[i].state) || rows[i].state == WEFT_JOB_OK) {
            return 0;
        }
    }
    return n > 0;
}

void job_table(struct out *out, const struct weft_job_row *rows, size_t n, size_t max)
{
    const struct col cols[] = {
        {"ID", 0},
        {"STATE", 0},
        {"CAPABILITY", COL_SHRINK},
        {"NODE", COL_SHRINK},
        {"RUN", COL_RIGHT},
        {"AGE", COL_RIGHT},
        {"TRY", COL_RIGHT | COL_OPTIONAL},
        {"PRI", COL_RIGHT | COL_OPTIONAL},
        {"OWNER", COL_SHRINK | COL_OPTIONAL},
        {"NAME", COL_SHRINK | COL_OPTIONAL},
        {"CODE", COL_OPTIONAL},
        {"REASON", all_ended_badly(rows, n) ? COL_SHRINK : COL_SHRINK | COL_OPTIONAL},
    };
    struct table *table = table_new(cols, sizeof(cols) / sizeof(cols[0]));

    for (size_t i = 0; i < n; i++) {
        const struct weft_job_row *row = &rows[i];

        table_cell(table, TINT_NONE, "%s", job_id8(&row->id).s);
        table_cell(table, job_tint(row->state), "%s", weft_state_name(row->state));
        table_cell(table, TINT_NONE, "%s",
                   job_capability(row->capability, row->version).s);
        table_cell(table, TINT_NONE, "%s", job_place(row->state, row->node));
        table_cell(table, TINT_NONE, "%s", row->run_us > 0 ? fmt_us(row->run_us).s : "");
        table_cell(table, TINT_NONE, "%s", fmt_ms(row->age_ms).s);
        table_cell(table, row->attempt > 1 ? TINT_WARN : TINT_NONE, "%u", row->attempt);
        table_cell(table, TINT_NONE, "%u", row->priority);
        table_cell(table, TINT_NONE, "%s", row->owner);
        table_cell(table, TINT_NONE, "%s", row->name);
        table_cell(table, TINT_BAD, "%s", job_code(row->code));
        table_cell(table, TINT_NONE, "%s", row->reason);
    }
    table_print(table, out, 0, max);
    table_free(table);
}

int job_exit(enum weft_state state)
{
    switch (state) {
    case WEFT_JOB_FAILED:
    case WEFT_JOB_DEAD:
        return CLI_FAILED;
    case WEFT_JOB_CANCELLED:
    case WEFT_JOB_EXPIRED:
        return CLI_CANCELLED;
    default:
        return CLI_OK;
    }
}

/* Whether the broker looks for jobs by it. */
static int is_prefix(const char *text)
{
    size_t len = strlen(text);

    return len >= JOB_PREFIX_MIN && len == strspn(text, "0123456789abcdefABCDEF");
}

int job_fail(struct cli *cli, int rc, const char *prefix)
{
    char why[256];

    if (rc == WEFT_ENOENT && !is_prefix(prefix)) {
        return cli_fail_next(cli, rc, "`weft jobs` lists them",
                             "`%s` is no job id: give at least %d hex digits of it",
                             prefix, JOB_PREFIX_MIN);
    }
    if (rc == WEFT_EINVAL) {
        return cli_fail_next(cli, rc, "give more digits: `weft jobs` lists them",
                             "`%s` is no job id, or more than one job starts with it",
                             prefix);
    }
    if (rc == WEFT_ENOENT) {
        return cli_fail_next(cli, rc, "`weft jobs` lists them", "job %s", prefix);
    }
    if (weft_failed_text(cli->client, why, sizeof(why)) == 0) {
        return cli_fail(cli, rc, "job %s", prefix);
    }
    return cli_fail(cli, rc, "job %s: %s", prefix, why);
}

int job_refused(struct cli *cli, int rc, const char *id, weft_future *future)
{
    const char *text = future != NULL ? weft_future_text(future) : "";

    if (*text == '\0' && rc == WEFT_ETIMEOUT) {
        text = "no answer, or the broker that has it cannot be reached";
    }
    return cli_fail(cli, rc, "job %s%s%s", id, *text != '\0' ? ": " : "", text);
}

int job_resolve(struct cli *cli, const char *prefix, weft_id *ret_id)
{
    struct weft_job_full *job = NULL;
    int rc;

    if (weft_id_parse(prefix, ret_id) == 0) {
        return CLI_OK;
    }
    rc = weft_job_show(cli->client, prefix, cli_wait_ms(cli), &job);
    if (rc < 0) {
        return job_fail(cli, rc, prefix);
    }
    *ret_id = job->job.id;
    weft_free(job);
    return CLI_OK;
}
