#include "cli/view/flip.h"
#include "cli/view/job.h"
#include "cli/view/why.h"
#include "cli/view/why_int.h"

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
    json_uint(json, "rest_us", flip_value(row, FLIP_REST));
    json_uint(json, "score_us", row->score_us);
    json_uint(json, "ahead", row->ahead);
    json_uint(json, "report_ms", row->report_ms);
    json_uint(json, "cost_pusd", row->cost_pusd);
    json_uint(json, "fetch_bytes", row->fetch_bytes);
    json_uint(json, "free", row->free_slots);
    json_text(json, "refused", row->filter != 0 ? row->refused : NULL);
    json_text(json, "site", row->site);
    json_text(json, "tier", row->tier);
    json_close_object(json);
}

static void json_money(struct json *json, const struct weft_scored *winner,
                       const struct weft_why *why)
{
    struct flip_money money = flip_money(winner, why->rows, why->nrows);

    if (money.dearer != NULL) {
        json_text(json, "dearer", money.dearer->node);
        json_uint(json, "second_worth_above_pusd", money.above_pusd);
    }
    if (money.cheaper != NULL) {
        json_text(json, "cheaper", money.cheaper->node);
        json_uint(json, "second_worth_below_pusd", money.below_pusd);
    }
}

static void json_flip(struct json *json, const struct weft_why *why)
{
    const struct weft_scored *winner = why_nth(why, 0), *second = why_nth(why, 1);
    struct flip flip;

    if (!why->chosen || winner == NULL || second == NULL) {
        return;
    }
    flip = flip_compute(winner, second);
    json_object(json, "flip");
    json_text(json, "runner_up", second->node);
    json_uint(json, "margin_us", flip.margin_us);
    json_uint(json, "winner_wait_above_us", flip.wait_us);
    if (flip.single) {
        json_text(json, "term", flip_name(flip.term));
        json_uint(json, "below_us", flip.below_us);
    }
    json_money(json, winner, why);
    json_close_object(json);
}

static void json_head(struct json *json, const struct weft_why *why)
{
    json_text(json, "id", why->plan ? NULL : job_id(&why->id).s);
    json_text(json, "state", why->plan ? NULL : weft_state_name(why->state));
    json_text(json, "capability", why->capability);
    json_uint(json, "version", why->version);
    json_uint(json, "attempt", why->attempt);
    json_text(json, "node", why->node);
    json_text(json, "text", why->text);
    json_uint(json, "age_ms", why->age_ms);
    json_uint(json, "known", why->known);
    json_uint(json, "capable", why->capable);
    json_uint(json, "scored", why->scored);
    json_bool(json, "chosen", why->chosen);
    json_uint(json, "took_wait_us", why->took_wait_us);
    json_uint(json, "took_run_us", why->took_run_us);
    json_uint(json, "took_us", why->took_us);
    json_uint(json, "took_fetched", why->took_fetched);
    json_uint(json, "took_cost_pusd", why->took_cost_pusd);
    json_bool(json, "plan", why->plan);
    json_text(json, "goal",
              why->goal != WEFT_GOAL_NONE ? weft_goal_name(why->goal) : NULL);
    json_uint(json, "second_worth_pusd", why->second_pusd);
    json_text(json, "broker", why->broker);
    json_uint(json, "decided_ns", why->decided_ns);
    json_uint(json, "data_bytes", why->data_bytes);
    json_uint(json, "deadline_left_ms", why->deadline_left_ms);
}

void why_json(struct cli *cli, const char *name, const struct weft_why *why)
{
    struct json json;

    json_begin(&json, cli->out.f, name);
    json_head(&json, why);
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
    json_flip(&json, why);
    json_end(&json);
}
