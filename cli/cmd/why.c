/* why.c - weft why: why a job is where it is */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/cmd.h"
#include "cli/tool/fmt.h"
#include "cli/tool/table.h"
#include "cli/tool/text.h"
#include "cli/view/flip.h"
#include "cli/view/job.h"

static void json_row(struct json *json, const struct weft_scored *row)
{
    json_object(json, NULL);
    json_text(json, "node", row->node);
    json_uint(json, "link_us", row->link_us);
    json_uint(json, "wait_us", row->wait_us);
    json_uint(json, "fetch_us", row->fetch_us);
    json_uint(json, "warm_us", row->warm_us);
    json_uint(json, "run_us", row->run_us);
    json_uint(json, "risk_us", row->risk_us);
    json_uint(json, "money_us", row->money_us);
    json_uint(json, "score_us", row->score_us);
    json_uint(json, "ahead", row->ahead);
    json_uint(json, "report_ms", row->report_ms);
    json_close_object(json);
}

static void json_flip(struct json *json, const struct weft_why *why)
{
    struct flip flip = flip_compute(&why->rows[0], &why->rows[1]);

    json_object(json, "flip");
    json_text(json, "runner_up", why->rows[1].node);
    json_uint(json, "margin_us", flip.margin_us);
    json_uint(json, "winner_wait_above_us", flip.wait_us);
    if (flip.single) {
        json_text(json, "term", flip_name(flip.term));
        json_uint(json, "below_us", flip.below_us);
    }
    json_close_object(json);
}

static void print_json(struct cli *cli, const struct weft_why *why)
{
    struct json json;

    json_begin(&json, cli->out.f, "why");
    json_text(&json, "id", job_id(&why->id).s);
    json_text(&json, "state", weft_state_name(why->state));
    json_text(&json, "capability", why->capability);
    json_uint(&json, "version", why->version);
    json_uint(&json, "attempt", why->attempt);
    json_text(&json, "node", why->node);
    json_text(&json, "text", why->text);
    json_uint(&json, "age_ms", why->age_ms);
    json_uint(&json, "known", why->known);
    json_uint(&json, "capable", why->capable);
    json_uint(&json, "scored", why->scored);
    json_bool(&json, "chosen", why->chosen);
    json_uint(&json, "took_wait_us", why->took_wait_us);
    json_uint(&json, "took_run_us", why->took_run_us);
    json_array(&json, "filters");
    for (size_t i = 0; i < why->nfilters; i++) {
        json_object(&json, NULL);
        json_text(&json, "name", why->filters[i].name);
        json_uint(&json, "count", why->filters[i].value);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_array(&json, "candidates");
    for (size_t i = 0; i < why->nrows; i++) {
        json_row(&json, &why->rows[i]);
    }
    json_close_array(&json);
    if (why->chosen && why->nrows > 1) {
        json_flip(&json, why);
    }
    json_end(&json);
}

/* Which terms are worth a column: those that are not 0 for everyone. */
static void used_terms(const struct weft_why *why, int all, int used[FLIP_TERMS])
{
    for (enum flip_term t = FLIP_LINK; t < FLIP_TERMS; t++) {
        used[t] = all || t == FLIP_LINK || t == FLIP_WAIT || t == FLIP_RUN;
        for (size_t i = 0; i < why->nrows; i++) {
            used[t] |= flip_value(&why->rows[i], t) > 0;
        }
    }
}

/* What sets a candidate apart from the winner. */
static void note_row(struct table *table, const struct weft_scored *winner,
                     const struct weft_scored *row, int chosen)
{
    uint64_t more = 0, less = 0;
    enum flip_term worst = flip_worst(winner, row, &more);
    enum flip_term best = flip_best(winner, row, &less);
    char plus[64] = "", minus[64] = "";

    if (row == winner) {
        table_cell(table, TINT_GOOD, "%s", chosen ? "chosen" : "next in line");
        return;
    }
    if (worst != FLIP_TERMS) {
        snprintf(plus, sizeof(plus), ": %s +%s", flip_name(worst), fmt_us(more).s);
    }
    if (best != FLIP_TERMS) {
        snprintf(minus, sizeof(minus), "%s%s -%s", worst != FLIP_TERMS ? ", " : ": ",
                 flip_name(best), fmt_us(less).s);
    }
    if (row->score_us == winner->score_us) {
        table_cell(table, TINT_NONE, "equal; the tie goes by id");
    } else {
        table_cell(table, TINT_NONE, "+%s%s%s",
                   fmt_us(row->score_us - winner->score_us).s, plus, minus);
    }
}

static void print_rows(struct out *out, const struct weft_why *why)
{
    static const char *const heads[FLIP_TERMS] = {"LINK", "WAIT", "DATA", "WARM",
                                                  "RUN",  "RISK", "MONEY"};
    struct col cols[FLIP_TERMS + 6] = {{"", 0}, {"AGENT", COL_SHRINK}};
    int used[FLIP_TERMS];
    size_t n = 2;
    struct table *table;

    used_terms(why, !out->tty, used);
    for (enum flip_term t = FLIP_LINK; t < FLIP_TERMS; t++) {
        if (used[t]) {
            cols[n++] = (struct col){heads[t], COL_RIGHT};
        }
    }
    cols[n++] = (struct col){"SCORE", COL_RIGHT};
    cols[n++] = (struct col){"AHEAD", COL_RIGHT};
    cols[n++] = (struct col){"REPORT", COL_RIGHT | COL_OPTIONAL};
    cols[n++] = (struct col){"", COL_SHRINK};
    table = table_new(cols, n);
    for (size_t i = 0; i < why->nrows; i++) {
        const struct weft_scored *row = &why->rows[i];

        table_cell(table, TINT_GOOD, "%s", i == 0 ? ">" : "");
        table_cell(table, i == 0 ? TINT_BOLD : TINT_NONE, "%s", row->node);
        for (enum flip_term t = FLIP_LINK; t < FLIP_TERMS; t++) {
            if (used[t]) {
                table_cell(table, TINT_NONE, "%s", fmt_us(flip_value(row, t)).s);
            }
        }
        table_cell(table, TINT_BOLD, "%s", fmt_us(row->score_us).s);
        table_cell(table, TINT_NONE, "%" PRIu64, row->ahead);
        table_cell(table, TINT_NONE, "%s", fmt_ms(row->report_ms).s);
        note_row(table, &why->rows[0], row, why->chosen);
    }
    table_print(table, out, 0, 0);
    table_free(table);
}

static void print_head(struct out *out, const struct weft_why *why)
{
    out_print(out, TINT_BOLD, "job %s", job_id8(&why->id).s);
    fprintf(out->f, "  %s  ", job_capability(why->capability, why->version).s);
    out_print(out, job_tint(why->state), "%s", weft_state_name(why->state));
    if (*job_place(why->state, why->node) != '\0') {
        fprintf(out->f, " on %s", why->node);
    }
    fprintf(out->f, "  attempt %u  ", why->attempt);
    if (why->known > 0) {
        out_print(out, TINT_DIM, "%s %s ago", why->chosen ? "decided" : "looked at",
                  fmt_ms(why->age_ms).s);
    }
    fputc('\n', out->f);
}

/* "12 agents known: -9 capability, -1 drained = 2 capable, 2 scored". */
static void print_filters(struct out *out, const struct weft_why *why)
{
    size_t shown = 0;

    fprintf(out->f, "%" PRIu64 " agent%s known:", why->known, why->known == 1 ? "" : "s");
    for (size_t i = 0; i < why->nfilters; i++) {
        if (why->filters[i].value > 0) {
            char *name = text_clean(why->filters[i].name);

            fprintf(out->f, "%s -%" PRIu64 " %s", shown > 0 ? "," : "",
                    why->filters[i].value, name);
            free(name);
            shown++;
        }
    }
    fprintf(out->f, "%s %" PRIu64 " capable; %" PRIu64 " scored\n",
            shown > 0 ? " =" : " none excluded,", why->capable, why->scored);
}

/* Why it was chosen and what would have changed that. */
static void print_flip(struct out *out, const struct weft_why *why)
{
    const struct weft_scored *first = &why->rows[0], *second = &why->rows[1];
    struct flip flip;

    if (why->nrows < 2) {
        fprintf(out->f, "chosen: the only candidate\n");
        return;
    }
    flip = flip_compute(first, second);
    if (flip.margin_us == 0) {
        fprintf(out->f,
                "chosen by a tie with %s, which goes by id: any difference would "
                "flip it\n",
                second->node);
        return;
    }
    fprintf(out->f, "chosen by %s over %s.  It would go there if ",
            fmt_us(flip.margin_us).s, second->node);
    if (flip.single) {
        fprintf(out->f, "%s's %s were more than %s below its %s, or if ", second->node,
                flip_name(flip.term), fmt_us(flip.margin_us).s,
                fmt_us(flip_value(second, flip.term)).s);
    }
    fprintf(out->f, "%s had a wait above %s (it has %s)\n", first->node,
            fmt_us(flip.wait_us).s, fmt_us(first->wait_us).s);
}

static void print_truth(struct out *out, const struct weft_why *why)
{
    const struct weft_scored *first = why->nrows > 0 ? &why->rows[0] : NULL;

    if (why->took_wait_us == 0 && why->took_run_us == 0) {
        return;
    }
    fprintf(out->f, "what happened: waited %s", fmt_us(why->took_wait_us).s);
    if (first != NULL && why->chosen) {
        fprintf(out->f, " (expected %s)", fmt_us(first->wait_us).s);
    }
    if (why->took_run_us > 0) {
        fprintf(out->f, ", ran %s", fmt_us(why->took_run_us).s);
        if (first != NULL && why->chosen) {
            fprintf(out->f, " (expected %s)", fmt_us(first->run_us).s);
        }
    }
    fputc('\n', out->f);
}

/* What the job asks for, when that keeps it waiting. */
static void print_needs(struct cli *cli, const struct weft_why *why)
{
    struct weft_job_full *job = NULL;

    if (why->chosen ||
        weft_job_show(cli->client, job_id(&why->id).s, cli_wait_ms(cli), &job) < 0) {
        return;
    }
    for (size_t i = 0; i < job->nneeds; i++) {
        char *need = text_clean(job->needs[i]);

        fprintf(cli->out.f, "%s%s%s", i == 0 ? "needs " : ", ", need,
                i + 1 == job->nneeds ? "\n" : "");
        free(need);
    }
    weft_free(job);
}

static void print(struct cli *cli, const struct weft_why *why)
{
    struct out *out = &cli->out;
    struct job_id_text id = job_id8(&why->id);

    print_head(out, why);
    print_needs(cli, why);
    if (why->known > 0) {
        print_filters(out, why);
    }
    if (why->nrows > 0) {
        print_rows(out, why);
    }
    if (why->text != NULL && *why->text != '\0') {
        char *text = text_clean(why->text);

        fprintf(out->f, "%s\n", text);
        free(text);
    }
    if (why->chosen && why->nrows > 0) {
        print_flip(out, why);
    }
    print_truth(out, why);
    cli_footer(cli, "%s", "");
    if (!job_is_over(why->state) && why->nrows > 0) {
        cli_hint(cli, "`weft job show %s`, `weft node show %s`", id.s, why->rows[0].node);
    } else {
        cli_hint(cli, "`weft job show %s`%s", id.s,
                 why->known > 0 && why->capable == 0 ? ", `weft nodes --caps`" : "");
    }
}

static int run(struct cli *cli, const void *args, int n, char **operands)
{
    struct weft_why *why = NULL;
    int rc = cli_connect(cli);

    (void) args;
    (void) n;
    if (rc != CLI_OK) {
        return rc;
    }
    rc = weft_job_why(cli->client, operands[0], cli_wait_ms(cli), &why);
    if (rc < 0) {
        return job_fail(cli, rc, operands[0]);
    }
    if (cli->json) {
        print_json(cli, why);
    } else {
        print(cli, why);
    }
    weft_free(why);
    return CLI_OK;
}

const struct cmd cmd_why = {
    .name = "why",
    .group = "Work",
    .operands = "ID",
    .summary = "Explain why a job is where it is, and what would flip it",
    .details =
        "Which agents were left out and by what, then each candidate term by term:\n"
        "score = link + max(wait, data, warm-up) + run + risk + money, lower wins.\n"
        "AHEAD is the jobs before it there, REPORT the age of the agent's report.\n",
    .min = 1,
    .max = 1,
    .operand = CMD_JOB,
    .run = run,
};
