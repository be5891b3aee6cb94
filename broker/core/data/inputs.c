#include "broker/core/data/inputs.h"

#include "common/err.h"
#include "common/str.h"
#include "proto/name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int label_says(const struct dataset *d, const char *label)
{
    struct wf_rows rows = {d->labels.p, (uint32_t) d->labels.len, d->nlabels};
    struct wf_label_row row;

    while (wf_rows_next(&rows, wf_desc_label_row(), &row)) {
        if (wf_slice_is(row.text, label)) {
            return 1;
        }
    }
    return 0;
}

int dataset_may_see(const struct session *s, const struct dataset *d)
{
    return s->role == WF_ROLE_OPERATOR || d->owner == s->principal ||
           label_says(d, "public=yes");
}

/* What no dataset has is known by its digest alone: who knows that was told. */
int blob_may_see(const struct session *s, const struct blob *b)
{
    if (s->role == WF_ROLE_OPERATOR || wf_list_empty(&b->members)) {
        return 1;
    }
    for (struct wf_list_node *n = wf_list_first(&b->members); n != NULL;
         n = wf_list_next(&b->members, n)) {
        if (dataset_may_see(s, CONTAINER_OF(n, struct dataset_file, of_blob)->dataset)) {
            return 1;
        }
    }
    return 0;
}

const char *blob_residency(const struct blob *b)
{
    for (struct wf_list_node *n = wf_list_first(&b->members); n != NULL;
         n = wf_list_next(&b->members, n)) {
        const struct dataset *d = CONTAINER_OF(n, struct dataset_file, of_blob)->dataset;

        if (d->residency[0] != '\0') {
            return d->residency;
        }
    }
    return "";
}

const char *agent_region(const struct agent *a)
{
    char room[32];
    const char *v = agent_attribute(a, wf_slice_of("residency"), room, sizeof room);

    return v != NULL ? v : "";
}

/* -- resolving -------------------------------------------------------------------------
 */

static int refuse_input(struct turn *t, int code, const struct wf_input_row *row,
                        const char *why)
{
    char ref[WF_REF_MAX + 1];

    wf_slice_str(row->ref, ref, sizeof ref);
    refuse(t, code, 0, &t->msg->u.submit.job, 0, "input `%.100s`: %s", ref, why);
    return code;
}

static int resolve_digest(struct turn *t, const struct wf_input_row *row,
                          const struct wf_digest *digest, struct wf_need_row *need,
                          const char **ret_residency)
{
    const struct blob *b = catalogue_get(&t->c->data.catalogue, digest);

    if (b == NULL || !blob_may_see(t->s, b)) {
        return refuse_input(t, WEFT_ENOENT, row, "no agent holds such a blob");
    }
    *need = (struct wf_need_row){
        .name = row->name, .digest = *digest, .size = b->size, .files = 1};
    *ret_residency = blob_residency(b);
    return 0;
}

static int resolve_dataset(struct turn *t, const struct wf_input_row *row,
                           const struct wf_data_ref *ref, struct wf_need_row *need,
                           char room[WF_REF_MAX + 1], const char **ret_residency)
{
    const struct dataset *d = dataset_get(&t->c->data.datasets, ref->name, ref->version);
    size_t first, n;

    if (d == NULL || !dataset_may_see(t->s, d)) {
        return refuse_input(t, WEFT_ENOENT, row,
                            "no such dataset; `weft data ls` lists them");
    }
    n = dataset_range(d, ref->path, &first);
    if (n == 0 && ref->path.len != 0) {
        return refuse_input(t, WEFT_ENOENT, row,
                            "the dataset has no such file; `weft data show` lists them");
    }
    if (dataset_is_file(d, ref->path, first, n)) {
        need->digest = d->files[first].blob->digest;
    }
    for (size_t i = first; i < first + n; i++) {
        need->size += d->files[i].blob->size;
    }
    (void) snprintf(room, WF_REF_MAX + 1, "%s@%" PRIu32 "%s%.*s", d->name, d->version,
                    ref->path.len != 0 ? "/" : "", (int) ref->path.len,
                    (const char *) ref->path.p);
    need->name = row->name;
    need->ref = wf_slice_of(room);
    need->files = n;
    *ret_residency = d->residency;
    return 0;
}

static int resolve(struct turn *t, const struct wf_input_row *row,
                   struct wf_need_row *need, char room[WF_REF_MAX + 1],
                   const char **ret_residency)
{
    struct wf_digest digest;
    struct wf_data_ref ref;
    char text[WF_REF_MAX + 1];

    *need = (struct wf_need_row){{0}};
    if (!wf_name_ok(row->name)) {
        return refuse_input(t, WEFT_EINVAL, row,
                            "an input needs a name of a-z 0-9 . _ -");
    }
    wf_slice_str(row->ref, text, sizeof text);
    if (wf_digest_parse(text, &digest) == 0) {
        return resolve_digest(t, row, &digest, need, ret_residency);
    }
    if (wf_data_ref_parse(row->ref, &ref) != 0) {
        return refuse_input(t, WEFT_EINVAL, row,
                            "it is neither DATASET[@VERSION][/PATH] nor a digest");
    }
    return resolve_dataset(t, row, &ref, need, room, ret_residency);
}

static int is_named_twice(struct wf_rows rows, struct wf_slice name)
{
    struct wf_input_row row;
    unsigned n = 0;

    while (wf_rows_next(&rows, wf_desc_input_row(), &row)) {
        n += wf_slice_eq(row.name, name) != 0;
    }
    return n > 1;
}

int inputs_resolve(struct turn *t, const struct wf_submit *m, struct wf_buf *store,
                   struct wf_rows *ret_needs, char residency[WF_LABEL_MAX + 1])
{
    struct wf_rows rows = m->inputs;
    struct wf_input_row row;
    char room[WF_REF_MAX + 1];

    residency[0] = '\0';
    *ret_needs = (struct wf_rows){0};
    while (wf_rows_next(&rows, wf_desc_input_row(), &row)) {
        struct wf_need_row need;
        const char *where = "";
        int rc = resolve(t, &row, &need, room, &where);

        if (rc != 0) {
            return rc;
        }
        if (is_named_twice(m->inputs, row.name)) {
            return refuse_input(t, WEFT_EINVAL, &row, "two inputs have one name");
        }
        if (where[0] != '\0' && residency[0] != '\0' && strcmp(where, residency) != 0) {
            return refuse_input(t, WEFT_EINVAL, &row,
                                "its residency is not that of the other inputs");
        }
        if (where[0] != '\0') {
            (void) wf_str_copy(residency, WF_LABEL_MAX + 1, where);
        }
        if (wf_rows_add(store, ret_needs, wf_desc_need_row(), &need) != 0) {
            return refuse_input(t, WEFT_ETOOBIG, &row, "the inputs are too many");
        }
    }
    return 0;
}

/* A row as submitted and one as resolved: the same, whatever version was the newest? */
static int row_matches(const struct wf_need_row *need, const struct wf_input_row *row)
{
    struct wf_data_ref a, b;
    struct wf_digest digest;
    char text[WF_REF_MAX + 1];

    if (!wf_slice_eq(need->name, row->name)) {
        return 0;
    }
    if (need->ref.len == 0) {
        return wf_digest_parse(wf_slice_str(row->ref, text, sizeof text), &digest) == 0 &&
               wf_digest_eq(&digest, &need->digest);
    }
    return wf_data_ref_parse(need->ref, &a) == 0 &&
           wf_data_ref_parse(row->ref, &b) == 0 && wf_slice_eq(a.name, b.name) &&
           wf_slice_eq(a.path, b.path) && (b.version == 0 || a.version == b.version);
}

int inputs_match(const struct job *j, const struct wf_submit *m)
{
    struct wf_rows needs = j->inputs, rows = m->inputs;
    struct wf_need_row need;
    struct wf_input_row row;

    if (needs.count != rows.count || !wf_digest_eq(&j->payload_blob, &m->payload_blob)) {
        return 0;
    }
    while (wf_rows_next(&needs, wf_desc_need_row(), &need) &&
           wf_rows_next(&rows, wf_desc_input_row(), &row)) {
        if (!row_matches(&need, &row)) {
            return 0;
        }
    }
    return 1;
}

/* -- weighing --------------------------------------------------------------------------
 */

static void add(struct inputs_at *at, struct agent *a, uint64_t have)
{
    unsigned i = 0;

    while (i < at->n && at->v[i].agent != a) {
        i++;
    }
    if (i == at->n) {
        if (at->n == INPUTS_HOLDERS) {
            return;
        }
        at->v[at->n].agent = a;
        at->v[at->n++].have = 0;
    }
    at->v[i].have += have;
}

static void add_blob(struct inputs_at *at, const struct blob *b)
{
    for (struct wf_list_node *n = b != NULL ? wf_list_first(&b->shares) : NULL; n != NULL;
         n = wf_list_next(&b->shares, n)) {
        const struct share *s = CONTAINER_OF(n, struct share, of_blob);

        add(at, s->agent, s->have);
    }
}

static const struct dataset *dataset_of(const struct core *c,
                                        const struct wf_need_row *need,
                                        struct wf_data_ref *ret_ref)
{
    return need->ref.len != 0 && wf_data_ref_parse(need->ref, ret_ref) == 0
               ? dataset_get(&c->data.datasets, ret_ref->name, ret_ref->version)
               : NULL;
}

static void add_folder(const struct core *c, const struct wf_need_row *need,
                       struct inputs_at *at)
{
    struct wf_data_ref ref;
    const struct dataset *d = dataset_of(c, need, &ref);
    size_t first, n;

    if (d == NULL) {
        return;
    }
    if (ref.path.len == 0) {
        for (struct wf_list_node *x = wf_list_first(&d->shares); x != NULL;
             x = wf_list_next(&d->shares, x)) {
            const struct dataset_share *s = CONTAINER_OF(x, struct dataset_share, node);

            add(at, s->agent, s->bytes);
        }
        return;
    }
    n = dataset_range(d, ref.path, &first);
    for (size_t i = first; i < first + n; i++) {
        add_blob(at, d->files[i].blob);
    }
}

void inputs_gather(const struct core *c, const struct job *j, struct inputs_at *ret)
{
    struct wf_rows rows = j->inputs;
    struct wf_need_row need;

    ret->residency = j->residency;
    ret->total = 0;
    ret->n = 0;
    while (wf_rows_next(&rows, wf_desc_need_row(), &need)) {
        ret->total += need.size;
        if (wf_digest_is_zero(&need.digest)) {
            add_folder(c, &need, ret);
        } else {
            add_blob(ret, catalogue_get(&c->data.catalogue, &need.digest));
        }
    }
    if (!wf_digest_is_zero(&j->payload_blob)) {
        ret->total += j->payload_size;
        add_blob(ret, catalogue_get(&c->data.catalogue, &j->payload_blob));
    }
}

uint64_t inputs_missing(const struct inputs_at *at, const struct agent *a)
{
    for (unsigned i = 0; i < at->n; i++) {
        if (at->v[i].agent == a) {
            return at->total - wf_min_u64(at->total, at->v[i].have);
        }
    }
    return at->total;
}

int inputs_have_dataset(const struct core *c, const struct job *j,
                        const struct dataset *d)
{
    struct wf_rows rows = j->inputs;
    struct wf_need_row need;
    struct wf_data_ref ref;

    while (wf_rows_next(&rows, wf_desc_need_row(), &need)) {
        if (dataset_of(c, &need, &ref) == d) {
            return 1;
        }
    }
    return 0;
}

/* Is it one of the files at or below the path? */
static int folder_has(const struct dataset *d, struct wf_slice path, const struct blob *b)
{
    for (struct wf_list_node *n = wf_list_first(&b->members); n != NULL;
         n = wf_list_next(&b->members, n)) {
        const struct dataset_file *f = CONTAINER_OF(n, struct dataset_file, of_blob);

        if (f->dataset == d &&
            (path.len == 0 ||
             (strncmp(f->path, (const char *) path.p, path.len) == 0 &&
              (f->path[path.len] == '/' || f->path[path.len] == '\0')))) {
            return 1;
        }
    }
    return 0;
}

int inputs_have(const struct core *c, const struct job *j, const struct blob *b)
{
    struct wf_rows rows = j->inputs;
    struct wf_need_row need;

    if (wf_digest_eq(&j->payload_blob, &b->digest)) {
        return 1;
    }
    while (wf_rows_next(&rows, wf_desc_need_row(), &need)) {
        struct wf_data_ref ref;
        const struct dataset *d = dataset_of(c, &need, &ref);

        if (wf_digest_eq(&need.digest, &b->digest) ||
            (d != NULL && folder_has(d, ref.path, b))) {
            return 1;
        }
    }
    return 0;
}
