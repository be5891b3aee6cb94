#include "cli/view/why.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tool/fmt.h"
#include "cli/tool/table.h"
#include "cli/tool/text.h"
#include "cli/view/flip.h"
#include "cli/view/job.h"
#include "cli/view/why_int.h"

/* -- the head -------------------------------------------------------------------------
 */

/* "detect@3  OK on fra-op-07  attempt 1". */
static void print_job(struct out *out, const struct weft_why *why)
{
    const struct weft_scored *winner = why->chosen ? why_nth(why, 0) : NULL;
    char *capability = text_clean(job_capability(why->capability, why->version).s);
    char *node = text_clean(!why->plan       ? job_place(why->state, why->node)
                            : winner != NULL ? winner->node
                                             : "");

    if (why->plan) {
        out_print(out, TINT_BOLD, "plan");
        fprintf(out->f, "  %s  ", capability);
        out_print(out, winner != NULL ? TINT_NONE : TINT_WARN, "%s%s",
                  winner != NULL ? "would go to " : "would wait", node);
    } else {
        out_print(out, TINT_BOLD, "job %s", job_id8(&why->id).s);
        fprintf(out->f, "  %s  ", capability);
        out_print(out, job_tint(why->state), "%s", weft_state_name(why->state));
        fprintf(out->f, "%s%s  attempt %u", *node != '\0' ? " on " : "", node,
                why->attempt);
    }
    fputc('\n', out->f);
    free(capability);
    free(node);
}

/* "decided 3 s ago by br-fra in 1.7 us; balanced: 1 s is worth $0.0001". */
static void print_decided(struct out *out, const struct weft_why *why)
{
    char ago[48] = "", in[32] = "", goal[80] = "", left[48] = "";

    if (!why->plan) {
        snprintf(ago, sizeof(ago), " %s ago", fmt_ms(why->age_ms).s);
    }
    if (why->decided_ns > 0) {
        snprintf(in, sizeof(in), " in %" PRIu64 ".%" PRIu64 " us", why->decided_ns / 1000,
                 why->decided_ns % 1000 / 100);
    }
    if (why->second_pusd > 0) {
        snprintf(goal, sizeof(goal), "; %s: 1 s is worth %s",
                 why->goal != WEFT_GOAL_NONE ? weft_goal_name(why->goal) : "by its own",
                 fmt_usd(why->second_pusd).s);
    }
    if (why->deadline_left_ms > 0) {
        snprintf(left, sizeof(left), "; %s left", fmt_ms(why->deadline_left_ms).s);
    }
    out_line(out, "%s%s%s%s%s%s%s", why->chosen || why->plan ? "decided" : "looked at",
             ago, *why->broker != '\0' ? " by " : "", why->broker, in, goal, left);
}

/* Who is full is capable all the same. */
static int excludes(const struct weft_count *filter)
{
    return filter->value > 0 && strcmp(filter->name, "full") != 0;
}

static uint64_t full(const struct weft_why *why)
{
    for (size_t i = 0; i < why->nfilters; i++) {
        if (strcmp(why->filters[i].name, "full") == 0) {
            return why->filters[i].value;
        }
    }
    return 0;
}

/* "12 agents known: -9 capability, -1 draining = 2 capable, 1 of them full; 2 scored". */
static void print_filters(struct out *out, const struct weft_why *why)
{
    char *text = NULL;
    size_t len = 0, shown = 0;
    FILE *f = open_memstream(&text, &len);

    if (f == NULL) {
        return;
    }
    fprintf(f, "%" PRIu64 " agent%s known:", why->known, why->known == 1 ? "" : "s");
    for (size_t i = 0; i < why->nfilters; i++) {
        if (excludes(&why->filters[i])) {
            fprintf(f, "%s -%" PRIu64 " %s", shown++ > 0 ? "," : "",
                    why->filters[i].value, why->filters[i].name);
        }
    }
    fprintf(f, "%s %" PRIu64 " capable", shown > 0 ? " =" : " none excluded,",
            why->capable);
    if (full(why) > 0) {
        fprintf(f, ", %" PRIu64 " of them full", full(why));
    }
    fprintf(f, "; %" PRIu64 " scored", why->scored);
    fclose(f);
    out_line(out, "%s", text);
    free(text);
}

/* -- the candidates -------------------------------------------------------------------
 */

/* Which columns say something: terms that are not 0 for everyone, money if there is any.
 */
struct shown {
    int terms[FLIP_TERMS];
    int cost, bytes, site;
};

static struct shown what_to_show(const struct weft_why *why, int all)
{
    struct shown shown = {.cost = all, .bytes = all, .site = all};

    for (enum flip_term t = FLIP_LINK; t < FLIP_TERMS; t++) {
        shown.terms[t] = all || t == FLIP_LINK || t == FLIP_WAIT || t == FLIP_RUN;
    }
    for (size_t i = 0; i < why->nrows; i++) {
        const struct weft_scored *row = &why->rows[i];

        for (enum flip_term t = FLIP_LINK; t < FLIP_TERMS; t++) {
            shown.terms[t] |= flip_value(row, t) > 0;
        }
        shown.cost |= row->cost_pusd > 0;
        shown.bytes |= row->fetch_bytes > 0;
        shown.site |= *row->site != '\0';
    }
    return shown;
}

/* What sets a candidate apart from the winner: the worst first, which is what is left of
 * it on a narrow terminal, then the best there is to say. */
static void note_other(struct table *table, const struct weft_why *why,
                       const struct weft_scored *winner, const struct weft_scored *row)
{
    uint64_t more = 0, less = 0;
    enum flip_term worst = flip_worst(winner, row, &more);
    enum flip_term best = flip_best(winner, row, &less);
    char plus[64] = "", minus[64] = "";

    if (row->score_us == winner->score_us) {
        table_cell(table, TINT_NONE, "equal; the tie goes by id");
        return;
    }
    if (worst != FLIP_TERMS) {
        snprintf(plus, sizeof(plus), "%s +%s", flip_name(worst), fmt_us(more).s);
    }
    if (why->data_bytes > 0 && row->fetch_bytes == 0 && winner->fetch_bytes > 0) {
        snprintf(minus, sizeof(minus), "has the data");
    } else if (best != FLIP_TERMS) {
        snprintf(minus, sizeof(minus), "%s -%s", flip_name(best), fmt_us(less).s);
    }
    table_cell(table, TINT_NONE, "%s%s%s", plus,
               *plus != '\0' && *minus != '\0' ? ", " : "", minus);
}

static void note_row(struct table *table, const struct weft_why *why,
                     const struct weft_scored *winner, const struct weft_scored *row)
{
    if (row->filter != 0) {
        table_cell(table, TINT_BAD, "%s",
                   *row->refused != '\0' ? row->refused : "refused");
    } else if (row == winner) {
        table_cell(table, TINT_GOOD, "%s", why->chosen ? "chosen" : "next in line");
    } else {
        note_other(table, why, winner, row);
    }
}

/* What a filter refused before it was scored has no terms. */
static int has_terms(const struct weft_scored *row)
{
    return row->filter == 0 || row->score_us > 0;
}

static struct fmt number(uint64_t n)
{
    struct fmt text;

    snprintf(text.s, sizeof(text.s), "%" PRIu64, n);
    return text;
}

static void print_row(struct table *table, const struct weft_why *why,
                      const struct shown *shown, const struct weft_scored *winner,
                      const struct weft_scored *row)
{
    int terms = has_terms(row);

    table_cell(table, TINT_GOOD, "%s", row == winner ? ">" : "");
    table_cell(table, row == winner ? TINT_BOLD : TINT_NONE, "%s", row->node);
    for (enum flip_term t = FLIP_LINK; t < FLIP_TERMS; t++) {
        if (shown->terms[t]) {
            table_cell(table, TINT_NONE, "%s", terms ? fmt_us(flip_value(row, t)).s : "");
        }
    }
    table_cell(table, TINT_BOLD, "%s", terms ? fmt_us(row->score_us).s : "");
    if (shown->cost) {
        table_cell(table, TINT_NONE, "%s", terms ? fmt_usd(row->cost_pusd).s : "");
    }
    table_cell(table, TINT_NONE, "%s", terms ? number(row->ahead).s : "");
    if (shown->bytes) {
        table_cell(table, TINT_NONE, "%s", terms ? fmt_size(row->fetch_bytes).s : "");
    }
    table_cell(table, TINT_NONE, "%s", terms ? fmt_ms(row->report_ms).s : "");
    if (shown->site) {
        table_cell(table, TINT_NONE, "%s", row->site);
    }
    note_row(table, why, winner, row);
}

static size_t columns(const struct shown *shown, struct col *cols)
{
    static const char *const heads[FLIP_TERMS] = {"LINK", "WAIT", "DATA",  "WARM",
                                                  "RUN",  "RISK", "MONEY", "REST"};
    size_t n = 0;

    cols[n++] = (struct col){"", 0};
    cols[n++] = (struct col){"AGENT", COL_SHRINK};
    for (enum flip_term t = FLIP_LINK; t < FLIP_TERMS; t++) {
        /* The cost tells of the money where there is no room for both. */
        int optional =
            t == FLIP_RISK || t == FLIP_REST || (t == FLIP_MONEY && shown->cost);

        if (shown->terms[t]) {
            cols[n++] = (struct col){heads[t], COL_RIGHT | (optional ? COL_OPTIONAL : 0)};
        }
    }
    cols[n++] = (struct col){"SCORE", COL_RIGHT};
    if (shown->cost) {
        cols[n++] = (struct col){"COST", COL_RIGHT};
    }
    cols[n++] = (struct col){"AHEAD", COL_RIGHT | COL_OPTIONAL};
    if (shown->bytes) {
        cols[n++] = (struct col){"MOVES", COL_RIGHT | COL_OPTIONAL};
    }
    cols[n++] = (struct col){"REPORT", COL_RIGHT | COL_OPTIONAL};
    if (shown->site) {
        cols[n++] = (struct col){"SITE", COL_SHRINK | COL_OPTIONAL};
    }
    cols[n++] = (struct col){"", COL_SHRINK};
    return n;
}

/* Those that passed, best first, then those that did not. */
static void print_rows(struct out *out, const struct weft_why *why)
{
    struct col cols[FLIP_TERMS + 9];
    struct shown shown = what_to_show(why, !out->tty);
    const struct weft_scored *winner = why_nth(why, 0);
    struct table *table = table_new(cols, columns(&shown, cols));

    for (int refused = 0; refused < 2; refused++) {
        for (size_t i = 0; i < why->nrows; i++) {
            if ((why->rows[i].filter != 0) == refused) {
                print_row(table, why, &shown, winner, &why->rows[i]);
            }
        }
    }
    table_print(table, out, 0, 0);
    table_free(table);
}

/* -- what would flip it ----------------------------------------------------------------
 */

static void print_flip(struct out *out, const struct weft_why *why,
                       const struct weft_scored *winner)
{
    const struct weft_scored *second = why_nth(why, 1);
    struct flip flip;
    char term[200] = "";

    if (second == NULL) {
        out_line(out, "chosen: the only candidate");
        return;
    }
    flip = flip_compute(winner, second);
    if (flip.margin_us == 0) {
        out_line(
            out,
            "chosen by a tie with %s, which goes by id: any difference would flip it",
            second->node);
        return;
    }
    if (flip.single) {
        snprintf(term, sizeof(term), "%.64s's %s were more than %s below its %s, or if ",
                 second->node, flip_name(flip.term), fmt_us(flip.margin_us).s,
                 fmt_us(flip_value(second, flip.term)).s);
    }
    out_line(out,
             "chosen by %s over %s. It would go there if %s%s had a wait above %s (it "
             "has %s).",
             fmt_us(flip.margin_us).s, second->node, term, winner->node,
             fmt_us(flip.wait_us).s, fmt_us(winner->wait_us).s);
}

/* The other way to win: another exchange rate between a second and a dollar. */
static void print_money(struct out *out, const struct weft_why *why,
                        const struct weft_scored *winner)
{
    struct flip_money money = flip_money(winner, why->rows, why->nrows);

    if (money.dearer != NULL) {
        out_line(out, "It would go to %s if 1 s were worth more than %s.",
                 money.dearer->node, fmt_usd(money.above_pusd).s);
    }
    if (money.cheaper != NULL) {
        out_line(out, "It would go to %s if 1 s were worth less than %s.",
                 money.cheaper->node, fmt_usd(money.below_pusd).s);
    }
}

/* -- expected and actual ---------------------------------------------------------------
 */

static uint64_t max3(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t ab = a > b ? a : b;

    return ab > c ? ab : c;
}

/* Without risk and money, which are no time that passes. */
static uint64_t expected_us(const struct weft_scored *row)
{
    return row->link_us + max3(row->wait_us, row->fetch_us, row->warm_us) + row->run_us;
}

static void print_took(struct table *table, const char *what, uint64_t wait_us,
                       uint64_t run_us, uint64_t total_us, uint64_t bytes, uint64_t pusd)
{
    table_cell(table, TINT_BOLD, "%s", what);
    table_cell(table, TINT_NONE, "%s", fmt_us(wait_us).s);
    table_cell(table, TINT_NONE, "%s", run_us > 0 ? fmt_us(run_us).s : "");
    table_cell(table, TINT_NONE, "%s", total_us > 0 ? fmt_us(total_us).s : "");
    table_cell(table, TINT_NONE, "%s", fmt_size(bytes).s);
    table_cell(table, TINT_NONE, "%s", fmt_usd(pusd).s);
}

/* What the winner was expected to cost in time, bytes and money, and what it took. */
static void print_truth(struct out *out, const struct weft_why *why)
{
    static const struct col cols[] = {{"", 0},
                                      {"LINK+WAIT", COL_RIGHT},
                                      {"RUN", COL_RIGHT},
                                      {"TOTAL", COL_RIGHT},
                                      {"MOVED", COL_RIGHT},
                                      {"COST", COL_RIGHT}};
    const struct weft_scored *winner = why->chosen ? why_nth(why, 0) : NULL;
    struct table *table = table_new(cols, sizeof(cols) / sizeof(cols[0]));

    if (winner != NULL) {
        print_took(table, "expected", expected_us(winner) - winner->run_us,
                   winner->run_us, expected_us(winner), winner->fetch_bytes,
                   winner->cost_pusd);
    }
    if (why->took_wait_us > 0 || why->took_run_us > 0 || why->took_us > 0) {
        print_took(table, "took", why->took_wait_us, why->took_run_us, why->took_us,
                   why->took_fetched, why->took_cost_pusd);
    }
    table_print(table, out, 0, 0);
    table_free(table);
}

void why_print(struct cli *cli, const struct weft_why *why)
{
    struct out *out = &cli->out;
    const struct weft_scored *winner = why->chosen ? why_nth(why, 0) : NULL;

    print_job(out, why);
    if (why->known > 0) {
        print_decided(out, why);
        print_filters(out, why);
    }
    if (why->nrows > 0) {
        print_rows(out, why);
    }
    if (why->text != NULL && *why->text != '\0') {
        out_line(out, "%s", why->text);
    }
    if (winner != NULL) {
        print_flip(out, why, winner);
        print_money(out, why, winner);
    }
    print_truth(out, why);
}
