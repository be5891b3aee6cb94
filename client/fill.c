#include "client/fill.h"

#include "common/err.h"
#include "common/str.h"
#include "proto/words.h"

#include <string.h>

/* -- rows --------------------------------------------------------------------------- */

static void copy_id(weft_id *to, const struct wf_id *from)
{
    memcpy(to->bytes, from->b, sizeof to->bytes);
}

void fill_node(struct rows *r, const union fill_row *from, void *to)
{
    const struct wf_node_row *x = &from->node;
    struct weft_node *n = to;

    n->name = rows_text(r, x->name);
    n->site = rows_text(r, x->site);
    n->tier = wf_tier_name(x->tier);
    n->role = wf_role_name(x->role);
    n->state = wf_node_state_name(x->state);
    n->arch = rows_text(r, x->arch);
    n->sandbox = rows_text(r, x->sandbox);
    wf_hex(n->key, x->key.b, sizeof x->key.b);
    n->state_ms = x->state_ms;
    n->age_ms = x->age_ms;
    n->rtt_us = x->rtt_us;
    n->jitter_us = x->jitter_us;
    n->slots = x->slots;
    n->running = x->running;
    n->waiting = x->waiting;
    n->cpu_permille = x->cpu_pm;
    n->done = x->done;
    n->failed = x->failed;
    n->caps = x->caps;
    n->cpus = x->cpus;
    n->mem = x->mem;
    n->accels = x->accels;
}

void fill_job(struct rows *r, const union fill_row *from, void *to)
{
    const struct wf_job_row *x = &from->job;
    struct weft_job_row *j = to;

    copy_id(&j->id, &x->job);
    j->capability = rows_text(r, x->capability);
    j->node = rows_text(r, x->node);
    j->owner = rows_text(r, x->owner);
    j->name = rows_text(r, x->name);
    j->version = (uint32_t) x->version;
    j->state = (enum weft_state) x->state;
    j->job_class = (enum weft_class) x->class_;
    j->priority = (unsigned) x->priority;
    j->attempt = (unsigned) x->attempt;
    j->age_ms = x->age_ms;
    j->run_us = x->run_us;
    j->code = -(int) x->code;
    j->reason = rows_text(r, x->reason);
}

void fill_event(struct rows *r, const union fill_row *from, void *to)
{
    const struct wf_event_row *x = &from->event;
    struct weft_event *e = to;

    e->seq = x->seq;
    e->wall_ms = x->wall_ms;
    e->level = (unsigned) x->level;
    e->kind = rows_text(r, x->kind);
    e->node = rows_text(r, x->node);
    e->text = rows_text(r, x->text);
    copy_id(&e->job, &x->job);
}

void fill_key(struct rows *r, const union fill_row *from, void *to)
{
    const struct wf_key_row *x = &from->key;
    struct weft_key *k = to;

    wf_hex(k->key, x->key.b, sizeof x->key.b);
    k->role = wf_role_name(x->role);
    k->name = rows_text(r, x->name);
    k->site = rows_text(r, x->site);
    k->tier = wf_tier_name(x->tier);
    k->state = wf_key_state_name(x->state);
    k->created_ms = x->created_ms;
    k->expires_ms = x->expires_ms;
    k->seen_ms = x->seen_ms;
}

void fill_dataset(struct rows *r, const union fill_row *from, void *to)
{
    const struct wf_dataset_row *x = &from->dataset;
    struct weft_dataset *d = to;

    d->name = rows_text(r, x->name);
    d->owner = rows_text(r, x->owner);
    d->labels = rows_text(r, x->labels);
    d->version = (uint32_t) x->version;
    d->files = x->files;
    d->bytes = x->bytes;
    d->copies = x->copies;
    d->age_ms = x->age_ms;
    d->home = rows_text(r, x->home);
    d->site = rows_text(r, x->site);
    d->known_ms = x->known_ms;
}

void fill_file(struct rows *r, const union fill_row *from, void *to)
{
    const struct wf_file_row *x = &from->file;
    struct weft_file *f = to;

    f->path = rows_text(r, x->path);
    memcpy(f->digest.bytes, x->digest.b, sizeof f->digest.bytes);
    f->size = x->size;
}

void fill_share(struct rows *r, const union fill_row *from, void *to)
{
    const struct wf_share_row *x = &from->share;
    struct weft_share *s = to;

    s->node = rows_text(r, x->node);
    s->site = rows_text(r, x->site);
    s->bytes = x->bytes;
    s->files = x->files;
    s->pinned = x->pinned;
    s->age_ms = x->age_ms;
}

static const char *site_state(uint64_t state)
{
    static const char *const names[] = {"", "self", "up", "cut"};

    return state < ARRAY_LEN(names) ? names[state] : "";
}

void fill_broker(struct rows *r, const union fill_row *from, void *to)
{
    const struct wf_map_row *x = &from->broker;
    struct weft_broker *b = to;

    b->name = rows_text(r, x->name);
    b->site = rows_text(r, x->site);
    b->state = site_state(x->state);
    b->via = rows_text(r, x->via);
    wf_hex(b->key, x->key.b, sizeof x->key.b);
    b->age_ms = x->age_ms;
    b->hops = (unsigned) x->hops;
    b->agents = x->agents;
    b->slots = x->slots;
    b->free = x->free;
    b->queued = x->queued;
    b->live = x->live;
    b->classes = rows_text(r, x->classes);
    b->site_age_ms = x->site_age_ms;
    b->rtt_us = x->rtt_us;
    b->guessed = x->guessed != 0;
}

void fill_link(struct rows *r, const union fill_row *from, void *to)
{
    static const char *const sources[] = {"", "measured", "estimated", "site"};
    const struct wf_link_view_row *x = &from->link;
    struct weft_link *l = to;

    l->from = rows_text(r, x->from);
    l->to = rows_text(r, x->to);
    l->source = x->source < ARRAY_LEN(sources) ? sources[x->source] : "";
    l->rtt_us = x->rtt_us;
    l->jitter_us = x->jitter_us;
    l->loss_permille = x->loss_pm;
    l->up = x->up;
    l->down = x->down;
    l->samples = x->samples;
    l->age_ms = x->age_ms;
    l->metered = x->metered != 0;
    l->pusd_byte = x->usd_gb_p;
    l->state = site_state(x->state);
    l->state_ms = x->state_ms;
}

void fill_price(struct rows *r, const union fill_row *from, void *to)
{
    const struct wf_price_row *x = &from->price;
    struct weft_price *p = to;

    p->kind = (enum weft_price_kind) x->kind;
    p->from = rows_text(r, x->from);
    p->to = rows_text(r, x->to);
    p->pusd = x->pusd;
    p->events_day = x->events_day;
}

static const char **fill_labels(struct rows *r, struct wf_rows from, size_t *ret_n)
{
    const char **to = rows_array(r, from.count, sizeof *to);
    struct wf_label_row row;
    size_t n = 0;

    while (wf_rows_next(&from, wf_desc_label_row(), &row)) {
        to[n++] = rows_text(r, row.text);
    }
    *ret_n = n;
    return to;
}

static struct weft_count *fill_counts(struct rows *r, struct wf_rows from, size_t *ret_n)
{
    struct weft_count *to = rows_array(r, from.count, sizeof *to);
    struct wf_count_row row;
    size_t n = 0;

    while (wf_rows_next(&from, wf_desc_count_row(), &row)) {
        to[n].name = rows_text(r, row.name);
        to[n++].value = row.value;
    }
    *ret_n = n;
    return to;
}

/* The first row of a list that should hold one; zeros when a peer sent none. */
static void fill_first(struct rows *r, struct wf_rows from, const struct wf_desc *rec,
                       fill_fn *fill, void *to)
{
    union fill_row row;

    memset(&row, 0, sizeof row);
    (void) wf_rows_next(&from, rec, &row);
    fill(r, &row, to);
}

/* -- one node ----------------------------------------------------------------------- */

static void fill_caps(struct rows *r, struct wf_rows from, struct weft_node_full *to)
{
    struct wf_cap_row row;

    to->caps = rows_array(r, from.count, sizeof *to->caps);
    while (wf_rows_next(&from, wf_desc_cap_row(), &row)) {
        to->caps[to->ncaps++] =
            (struct weft_capability){.name = rows_text(r, row.name),
                                     .kind = wf_handler_name(row.kind),
                                     .version = (uint32_t) row.version,
                                     .slots = row.slots,
                                     .queue = row.queue,
                                     .wall_ms = row.wall_ms,
                                     .net = row.net != 0,
                                     .warm = row.warm != 0};
    }
}

static void fill_accels(struct rows *r, struct wf_rows from, struct weft_node_full *to)
{
    struct wf_accel_row row;

    to->accels = rows_array(r, from.count, sizeof *to->accels);
    while (wf_rows_next(&from, wf_desc_accel_row(), &row)) {
        struct weft_accel *a = &to->accels[to->naccels++];

        a->kind = rows_text(r, row.kind);
        a->name = rows_text(r, row.name);
        a->mem = row.mem;
    }
}

static void fill_metrics(struct rows *r, struct wf_rows from, struct weft_node_full *to)
{
    struct wf_metric_row row;

    to->metrics = rows_array(r, from.count, sizeof *to->metrics);
    while (wf_rows_next(&from, wf_desc_metric_row(), &row)) {
        to->metrics[to->nmetrics++] =
            (struct weft_metric){wf_metric_name(row.id), row.value};
    }
}

int make_node(const struct wf_msg *msg, size_t wire, void **ret_object)
{
    const struct wf_node_info *x = &msg->u.node_info;
    struct weft_node_full *n;
    struct rows r;
    int rc = rows_init(&r, 5,
                       sizeof *n + x->caps.count * sizeof *n->caps +
                           x->accels.count * sizeof *n->accels +
                           x->labels.count * sizeof *n->labels +
                           x->metrics.count * sizeof *n->metrics,
                       wire);

    if (rc != 0) {
        return rc;
    }
    n = rows_array(&r, 1, sizeof *n);
    fill_caps(&r, x->caps, n);
    fill_accels(&r, x->accels, n);
    fill_metrics(&r, x->metrics, n);
    n->labels = fill_labels(&r, x->labels, &n->nlabels);
    fill_first(&r, x->node, wf_desc_node_row(), fill_node, &n->node);
    n->cpu = rows_text(&r, x->cpu);
    n->sandbox_why = rows_text(&r, x->sandbox_why);
    n->software = rows_text(&r, x->software);
    n->disk = x->disk;
    n->epoch = x->epoch;
    n->metrics_age_ms = x->metrics_age_ms;
    *ret_object = n;
    return 0;
}

/* -- one job ------------------------------------------------------------------------ */

static void fill_tries(struct rows *r, struct wf_rows from, struct weft_job_full *to)
{
    struct wf_try_row row;

    to->tries = rows_array(r, from.count, sizeof *to->tries);
    while (wf_rows_next(&from, wf_desc_try_row(), &row)) {
        struct weft_try *t = &to->tries[to->ntries++];

        t->attempt = (unsigned) row.attempt;
        t->node = rows_text(r, row.node);
        t->reason = rows_text(r, row.reason);
        t->code = -(int) row.code;
        t->start_ms = row.start_ms;
        t->run_us = row.run_us;
    }
}

static void fill_inputs(struct rows *r, struct wf_rows from, struct weft_job_full *to)
{
    struct wf_need_row row;

    to->inputs = rows_array(r, from.count, sizeof *to->inputs);
    while (wf_rows_next(&from, wf_desc_need_row(), &row)) {
        struct weft_need *n = &to->inputs[to->ninputs++];

        n->name = rows_text(r, row.name);
        n->ref = rows_text(r, row.ref);
        memcpy(n->digest.bytes, row.digest.b, sizeof n->digest.bytes);
        n->size = row.size;
        n->files = row.files;
    }
}

int make_job(const struct wf_msg *msg, size_t wire, void **ret_object)
{
    const struct wf_job_info *x = &msg->u.job_info;
    struct weft_job_full *j;
    struct rows r;
    int rc = rows_init(&r, 4,
                       sizeof *j + x->tries.count * sizeof *j->tries +
                           x->needs.count * sizeof *j->needs +
                           x->inputs.count * sizeof *j->inputs,
                       wire);

    if (rc != 0) {
        return rc;
    }
    j = rows_array(&r, 1, sizeof *j);
    fill_tries(&r, x->tries, j);
    j->needs = fill_labels(&r, x->needs, &j->nneeds);
    fill_first(&r, x->job, wf_desc_job_row(), fill_job, &j->job);
    j->reason = rows_text(&r, x->reason);
    j->exit_code = (int) x->exit_code;
    j->term_signal = (int) x->signal;
    j->payload_len = x->payload_len;
    j->result_len = x->result_len;
    j->log_len = x->log_len;
    j->cut = x->cut;
    j->deadline_left_ms = x->deadline_left_ms;
    j->wait_us = x->wait_us;
    j->retry_in_ms = x->retry_in_ms;
    j->superseded = x->superseded;
    j->max_attempts = (unsigned) x->max_attempts;
    j->disconnect = (enum weft_disconnect) x->disconnect;
    j->disconnect_ms = x->disconnect_ms;
    copy_id(&j->retry_of, &x->retry_of);
    copy_id(&j->reused, &x->reused);
    j->crashes = x->crashes;
    j->lost = x->lost;
    j->stored = x->stored != 0;
    fill_inputs(&r, x->inputs, j);
    j->fetch_done = x->fetch_done;
    j->fetch_total = x->fetch_total;
    j->fetch_left_ms = x->fetch_left_ms;
    j->fetch_from = rows_text(&r, x->fetch_from);
    memcpy(j->result_blob.bytes, x->result_blob.b, sizeof j->result_blob.bytes);
    j->fetched = x->fetched;
    j->goal = (enum weft_goal) x->goal;
    j->second_pusd = x->rho_pusd;
    j->max_cost_pusd = x->max_cost_pusd;
    j->cost_pusd = x->cost_pusd;
    j->hedged = x->hedged;
    j->preempted = x->preempted;
    j->uncounted = x->uncounted;
    copy_id(&j->there, &x->there);
    copy_id(&j->of, &x->of);
    j->silent_ms = x->silent_ms;
    j->cut_off = x->cut_off != 0;
    j->fetch_stands = x->fetch_stands < WEFT_STAND_OTHER
                          ? (enum weft_stand) x->fetch_stands
                          : WEFT_STAND_OTHER;
    j->fetch_resume_ms = x->fetch_resume_ms;
    *ret_object = j;
    return 0;
}

/* -- one decision ------------------------------------------------------------------- */

static void fill_scored(struct rows *r, struct wf_rows from, struct weft_why *to)
{
    struct wf_scored_row row;

    to->rows = rows_array(r, from.count, sizeof *to->rows);
    while (wf_rows_next(&from, wf_desc_scored_row(), &row)) {
        to->rows[to->nrows++] = (struct weft_scored){.node = rows_text(r, row.node),
                                                     .link_us = row.link_us,
                                                     .wait_us = row.wait_us,
                                                     .fetch_us = row.fetch_us,
                                                     .warm_us = row.warm_us,
                                                     .run_us = row.run_us,
                                                     .risk_us = row.risk_us,
                                                     .money_us = row.money_us,
                                                     .score_us = row.score_us,
                                                     .ahead = row.ahead,
                                                     .report_ms = row.report_ms,
                                                     .cost_pusd = row.cost_pusd,
                                                     .fetch_bytes = row.fetch_bytes,
                                                     .free_slots = row.free,
                                                     .filter = (unsigned) row.filter,
                                                     .refused = rows_text(r, row.refused),
                                                     .site = rows_text(r, row.site),
                                                     .tier = wf_tier_name(row.tier)};
    }
}

int make_why(const struct wf_msg *msg, size_t wire, void **ret_object)
{
    const struct wf_why_info *x = &msg->u.why_info;
    struct weft_why *w;
    struct rows r;
    int rc = rows_init(&r, 3,
                       sizeof *w + x->filters.count * sizeof *w->filters +
                           x->rows.count * sizeof *w->rows,
                       wire);

    if (rc != 0) {
        return rc;
    }
    w = rows_array(&r, 1, sizeof *w);
    fill_scored(&r, x->rows, w);
    w->filters = fill_counts(&r, x->filters, &w->nfilters);
    copy_id(&w->id, &x->job);
    w->state = (enum weft_state) x->state;
    w->capability = rows_text(&r, x->capability);
    w->node = rows_text(&r, x->node);
    w->text = rows_text(&r, x->text);
    w->version = (uint32_t) x->version;
    w->attempt = (unsigned) x->attempt;
    w->age_ms = x->age_ms;
    w->known = x->known;
    w->capable = x->capable;
    w->scored = x->scored;
    w->took_wait_us = x->took_wait_us;
    w->took_run_us = x->took_run_us;
    w->chosen = x->chosen != 0;
    w->plan = x->plan != 0;
    w->goal = (enum weft_goal) x->goal;
    w->second_pusd = x->rho_pusd;
    w->broker = rows_text(&r, x->broker);
    w->decided_ns = x->decided_ns;
    w->took_us = x->took_us;
    w->took_fetched = x->took_fetched;
    w->took_cost_pusd = x->took_cost_pusd;
    w->data_bytes = x->data_bytes;
    w->deadline_left_ms = x->deadline_left_ms;
    *ret_object = w;
    return 0;
}

/* -- the broker --------------------------------------------------------------------- */

int make_status(const struct wf_msg *msg, size_t wire, void **ret_object)
{
    const struct wf_status_info *x = &msg->u.status_info;
    struct weft_status *s;
    struct rows r;
    int rc = rows_init(&r, 2, sizeof *s + x->counts.count * sizeof *s->counts, wire);

    if (rc != 0) {
        return rc;
    }
    s = rows_array(&r, 1, sizeof *s);
    s->counts = fill_counts(&r, x->counts, &s->ncounts);
    s->broker = rows_text(&r, x->broker);
    s->site = rows_text(&r, x->site);
    s->software = rows_text(&r, x->software);
    s->store = rows_text(&r, x->store);
    wf_hex(s->key, x->key.b, sizeof x->key.b);
    s->up_ms = x->up_ms;
    s->agents = x->agents;
    s->agents_up = x->agents_up;
    s->clients = x->clients;
    s->slots = x->slots;
    s->running = x->running;
    s->queued = x->queued;
    s->retained = x->retained;
    s->bytes = x->bytes;
    s->bytes_max = x->bytes_max;
    s->draining = x->draining != 0;
    s->store_failing = x->store_failing != 0;
    s->store_lsn = x->store_lsn;
    s->live = x->live;
    *ret_object = s;
    return 0;
}
