/* The data of runs: what an attempt needs is fetched while it waits for its slot.
 *
 *     assign --> tied to its inputs --all known and there--> ready --slot--> started
 *                     |                    ^        |
 *                     +--cannot be had     +--lost--+
 *                     v
 *                  refused
 *
 * An attempt whose data cannot be had has not run: it is refused with the reason, and the
 * broker looks for another place.
 */
#include "agent/core/node_data.h"

#include "common/err.h"
#include "common/mem.h"
#include "proto/name.h"

#include <stdio.h>
#include <string.h>

int node_input_waits(const struct node_input *in)
{
    return in->reason != NULL;
}

int node_inputs_ready(const struct run *r)
{
    const struct run_data *rd = r->data_needed;

    for (unsigned i = 0; rd != NULL && i < rd->nties; i++) {
        const struct node_input *in = rd->ties[i].input;

        if (!node_input_known(in) || in->set.missing != 0) {
            return 0;
        }
    }
    return 1;
}

/* -- inputs ----------------------------------------------------------------------------
 */

/* For the most urgent of those that wait, if it is not so already. */
static void pick(struct node *n, struct node_input *in, struct wf_effects *out)
{
    struct node_tie *best = NULL;

    for (struct wf_list_node *x = wf_list_first(&in->ties); x != NULL;
         x = wf_list_next(&in->ties, x)) {
        struct node_tie *t = CONTAINER_OF(x, struct node_tie, of_input);

        if (t->run->phase == RUN_WAITING &&
            (best == NULL || run_urgency(t->run) > run_urgency(best->run))) {
            best = t;
        }
    }
    if (best != in->reason) {
        in->reason = best;
        node_set_fetch(n, &in->set, out);
    }
}

static int need_input(struct node *n, const char *key, size_t len, int folder,
                      struct node_input **ret_in)
{
    struct node_input *in = wf_map_get(n->data->inputs, key, len);
    int rc;

    if (in != NULL) {
        *ret_in = in;
        return 0;
    }
    in = wf_calloc(1, sizeof *in);
    if (in == NULL) {
        return WEFT_ENOMEM;
    }
    memcpy(in->key, key, len);
    in->key_len = len;
    in->files.folder = folder;
    wf_buf_init(&in->files.paths, (size_t) NODE_RUN_FILES_MAX * (WF_PATH_MAX + 1));
    node_set_init(&in->set);
    in->set.input = in;
    wf_list_init(&in->ties);
    wf_list_init(&in->listing);
    rc = wf_map_put(n->data->inputs, in->key, in->key_len, in);
    if (rc != 0) {
        wf_free(in);
        return rc;
    }
    *ret_in = in;
    return 0;
}

static void destroy(struct node_input *in)
{
    wf_list_remove(&in->listing);
    wf_free(in->files.v);
    wf_buf_fini(&in->files.paths);
    wf_free(in);
}

static void forget(struct node *n, struct node_input *in, struct wf_effects *out)
{
    node_set_clear(n, &in->set, out);
    (void) wf_map_take(n->data->inputs, in->key, in->key_len);
    destroy(in);
}

/* -- ties ------------------------------------------------------------------------------
 */

static struct node_input *tie(struct run_data *rd, struct node_input *in)
{
    struct node_tie *t = &rd->ties[rd->nties++];

    *t = (struct node_tie){.input = in, .run = rd->run, .moved = in->set.moved};
    wf_list_push_back(&in->ties, &t->of_input);
    if (in->reason == NULL || run_urgency(rd->run) > run_urgency(in->reason->run)) {
        in->reason = t;
    }
    return in;
}

/* One file: known at once. */
static int tie_file(struct node *n, struct run_data *rd, const struct wf_digest *digest,
                    uint64_t size, struct wf_effects *out, struct node_input **ret_in)
{
    char key[1 + WF_DIGEST_SIZE] = {'b'};
    struct node_input *in = NULL;
    int rc;

    memcpy(key + 1, digest, sizeof *digest);
    rc = need_input(n, key, sizeof key, 0, &in);
    if (rc != 0) {
        return rc;
    }
    *ret_in = tie(rd, in);
    if (in->files.n == 0) {
        rc = node_files_add(&in->files, wf_slice_of(""), digest, size);
        if (rc == 0) {
            rc = node_set_add(n, &in->set, digest, size, out);
        }
    } else if (in->files.v[0].size != size) {
        rc = WEFT_ECONFLICT;
    } else if (in->reason->run == rd->run) {
        node_set_fetch(n, &in->set, out);
    }
    return rc;
}

static int tie_folder(struct node *n, struct run_data *rd, const struct wf_need_row *row,
                      struct wf_effects *out, struct node_input **ret_in)
{
    char key[NODE_INPUT_KEY] = {'f'};
    struct node_input *in = NULL;
    int rc;

    memcpy(key + 1, row->ref.p, row->ref.len);
    rc = need_input(n, key, 1 + row->ref.len, 1, &in);
    if (rc != 0) {
        return rc;
    }
    *ret_in = tie(rd, in);
    if (in->ties.next == in->ties.prev) { /* the first one */
        in->said = row->size;
        wf_list_push_back(&n->data->listing, &in->listing);
    } else if (in->reason->run == rd->run) {
        node_set_fetch(n, &in->set, out);
    }
    return 0;
}

static int tie_all(struct node *n, struct run_data *rd, const struct wf_assign *m,
                   struct wf_effects *out)
{
    struct wf_rows rows = m->inputs;
    struct wf_need_row row;
    struct node_input *in = NULL;
    int rc = 0;

    while (rc == 0 && wf_rows_next(&rows, wf_desc_need_row(), &row)) {
        struct run_input *to = &rd->in.v[rd->in.n];

        wf_slice_str(row.name, to->name, sizeof to->name);
        rc = wf_digest_is_zero(&row.digest)
                 ? tie_folder(n, rd, &row, out, &in)
                 : tie_file(n, rd, &row.digest, row.size, out, &in);
        if (rc == 0) {
            to->files = &in->files;
            rd->in.n++;
        }
    }
    if (rc == 0 && !wf_digest_is_zero(&m->payload_blob)) {
        rd->in.has_payload = 1;
        rd->in.payload = m->payload_blob;
        rd->in.payload_size = m->payload_size;
        rc = tie_file(n, rd, &m->payload_blob, m->payload_size, out, &in);
    }
    for (unsigned i = 0; i < rd->nties; i++) {
        node_set_touch(n, &rd->ties[i].input->set);
    }
    return rc;
}

/* Bytes that were moved for it while it waited; an input that it names twice is one. */
static uint64_t moved_for(const struct run_data *rd)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < rd->nties; i++) {
        unsigned k = 0;

        while (rd->ties[k].input != rd->ties[i].input) {
            k++;
        }
        sum += k == i ? rd->ties[i].input->set.moved - rd->ties[i].moved : 0;
    }
    return sum;
}

static void settle(struct node *n, struct run *r)
{
    struct run_data *rd = r->data_needed;

    r->fetched = moved_for(rd);
    if (rd->slot_us != 0) {
        r->fetch_us = (rd->ready_us != 0 ? rd->ready_us : n->now_us) - rd->slot_us;
    }
    wf_list_remove(&rd->node);
}

void node_inputs_started(struct node *n, struct run *r, struct wf_effects *out)
{
    struct run_data *rd = r->data_needed;

    if (rd == NULL) {
        return;
    }
    settle(n, r);
    for (unsigned i = 0; i < rd->nties; i++) {
        if (rd->ties[i].input->reason == &rd->ties[i]) {
            pick(n, rd->ties[i].input, out);
        }
    }
}

void node_inputs_drop(struct node *n, struct run *r, struct wf_effects *out)
{
    struct run_data *rd = r->data_needed;

    if (rd == NULL) {
        return;
    }
    if (r->phase == RUN_WAITING) {
        settle(n, r);
    }
    for (unsigned i = 0; i < rd->nties; i++) {
        struct node_input *in = rd->ties[i].input;

        wf_list_remove(&rd->ties[i].of_input);
        if (in->reason == &rd->ties[i]) {
            pick(n, in, out);
        }
        if (wf_list_empty(&in->ties) && !in->failing) {
            forget(n, in, out);
        }
    }
    wf_free(rd);
    r->data_needed = NULL;
    r->inputs = NULL;
}

void node_inputs_starved(struct node *n, struct run *r)
{
    if (r->data_needed->slot_us == 0) {
        r->data_needed->slot_us = n->now_us;
    }
}

/* -- taking in -------------------------------------------------------------------------
 */

static int names_twice(const struct wf_assign *m, struct wf_slice name)
{
    struct wf_rows rows = m->inputs;
    struct wf_need_row row;
    unsigned times = 0;

    while (wf_rows_next(&rows, wf_desc_need_row(), &row)) {
        times += (unsigned) wf_slice_eq(row.name, name);
    }
    return times > 1;
}

int node_inputs_check(const struct node *n, const struct wf_assign *m,
                      const char **ret_text)
{
    struct wf_slice at = wf_slice_of(n->region);
    struct wf_rows rows = m->inputs;
    struct wf_need_row row;
    uint64_t files = 0;

    if (!wf_residency_ok(m->residency, at)) {
        *ret_text = "the residency of its data does not allow it to be here";
        return WEFT_EPERM;
    }
    if (n->data == NULL &&
        (m->inputs.count != 0 || !wf_digest_is_zero(&m->payload_blob))) {
        *ret_text = "it needs data, and this node has no blob store";
        return WEFT_ESUPPORT;
    }
    while (wf_rows_next(&rows, wf_desc_need_row(), &row)) {
        int folder = wf_digest_is_zero(&row.digest);
        struct wf_data_ref ref;

        if (!wf_name_ok(row.name) || names_twice(m, row.name) ||
            (folder && (wf_data_ref_parse(row.ref, &ref) != 0 || ref.version == 0))) {
            *ret_text = "an input without a name of its own, or that is no data";
            return WEFT_EPROTO;
        }
        files = wf_add_sat(files, folder ? row.files : 1);
    }
    if (files > NODE_RUN_FILES_MAX) {
        *ret_text = "its inputs have more files than a node takes for one job: 100000";
        return WEFT_ETOOBIG;
    }
    return 0;
}

int node_inputs_take(struct node *n, struct run *r, const struct wf_assign *m,
                     struct wf_effects *out)
{
    struct run_data *rd;
    int rc;

    if (m->inputs.count == 0 && wf_digest_is_zero(&m->payload_blob)) {
        return 0;
    }
    rd = wf_calloc(1, sizeof *rd);
    if (rd == NULL) {
        return WEFT_ENOMEM;
    }
    rd->run = r;
    wf_list_init(&rd->node);
    r->data_needed = rd;
    r->inputs = &rd->in;
    rc = tie_all(n, rd, m, out);
    if (rc != 0) {
        node_inputs_drop(n, r, out);
        return rc;
    }
    wf_list_push_back(&n->data->fetching, &rd->node);
    n->data->runs_us = n->now_us;
    return 0;
}

/* -- what becomes of them --------------------------------------------------------------
 */

static struct run *first_waiting(const struct node_input *in)
{
    for (struct wf_list_node *x = wf_list_first(&in->ties); x != NULL;
         x = wf_list_next(&in->ties, x)) {
        struct run *r = CONTAINER_OF(x, struct node_tie, of_input)->run;

        if (r->phase == RUN_WAITING) {
            return r;
        }
    }
    return NULL;
}

void node_inputs_return(struct node *n, struct run *r, int code, const char *text,
                        struct wf_effects *out)
{
    n->data->refused++;
    if (node_is_ours(n, r)) {
        node_refuse_run(n, r, code, text, out);
    } else {
        node_stop_run(n, r, WEFT_ELOST, text, out);
    }
}

/* Those that wait for it are refused; what runs has what it needs. */
static void fail(struct node *n, struct node_input *in, struct wf_effects *out)
{
    struct run *r;

    in->failing = 1;
    while ((r = first_waiting(in)) != NULL) {
        node_inputs_return(n, r, in->set.code, in->set.text, out);
    }
    in->failing = 0;
    in->set.code = 0;
    if (wf_list_empty(&in->ties)) {
        forget(n, in, out);
    }
}

static size_t files_of(const struct run_data *rd)
{
    size_t sum = 0;

    for (unsigned i = 0; i < rd->nties; i++) {
        sum += rd->ties[i].input->files.n;
    }
    return sum;
}

void node_input_look(struct node *n, struct node_input *in, struct wf_effects *out)
{
    struct wf_list_node *next;

    if (in->set.code != 0) {
        fail(n, in, out);
        return;
    }
    if (!node_input_known(in) || in->set.missing != 0) {
        return;
    }
    in->failing = 1; /* the last of its runs may go here */
    for (struct wf_list_node *x = wf_list_first(&in->ties); x != NULL; x = next) {
        struct run_data *rd =
            CONTAINER_OF(x, struct node_tie, of_input)->run->data_needed;

        next = wf_list_next(&in->ties, x);
        if (rd->run->phase != RUN_WAITING || rd->ready_us != 0 ||
            !node_inputs_ready(rd->run)) {
            continue;
        }
        if (files_of(rd) > NODE_RUN_FILES_MAX + 1) {
            node_inputs_return(
                n, rd->run, WEFT_ETOOBIG,
                "its inputs have more files than a node takes for one job: 100000", out);
            next = wf_list_first(&in->ties); /* it may have had the next tie, too */
            continue;
        }
        rd->ready_us = n->now_us;
        n->data->ready = 1;
    }
    in->failing = 0;
    if (wf_list_empty(&in->ties)) {
        forget(n, in, out);
    }
}

void node_inputs_free(struct node *n)
{
    struct node_data *d = n->data;
    struct node_input *in;
    struct run *r;
    size_t it = 0;

    while (n->runs.by_key != NULL && (r = wf_map_next(n->runs.by_key, &it)) != NULL) {
        wf_free(r->data_needed);
        r->data_needed = NULL;
    }
    it = 0;
    while (d->inputs != NULL && (in = wf_map_next(d->inputs, &it)) != NULL) {
        (void) wf_map_take(d->inputs, in->key, in->key_len);
        destroy(in);
    }
    wf_map_free(d->inputs);
}
