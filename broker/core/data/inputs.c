#include "broker/core/data/inputs.h"

#include "common/err.h"
#include "proto/name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BOOT_RETRY_MS   500u
#define CLOCKS_APART_MS 60000u

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

int dataset_may_read(const struct dataset *d, const struct wf_key *reader)
{
    return !key_is_set(&d->home) &&
           (wf_key_eq(&d->owner->key, reader) || label_says(d, "public=yes"));
}

/* What no dataset has is known by its digest alone: who knows that was told. */
int blob_may_see(const struct session *s, const struct blob *b, unsigned *looks)
{
    if (s->role == WF_ROLE_OPERATOR || wf_list_empty(&b->members)) {
        return 1;
    }
    for (struct wf_list_node *n = wf_list_first(&b->members); n != NULL && *looks > 0;
         n = wf_list_next(&b->members, n)) {
        --*looks;
        if (dataset_may_see(s, CONTAINER_OF(n, struct member, of_blob)->dataset)) {
            return 1;
        }
    }
    return 0;
}

/* -- resolving -------------------------------------------------------------------------
 */

/* What a submit's inputs are resolved with. */
struct resolving {
    struct turn *t;
    unsigned looks;
    char *residency;
    char room[WF_REF_MAX + 1]; /* of the reference as it is kept */
};

static int refuse_input(struct turn *t, int code, const struct wf_input_row *row,
                        const char *why)
{
    char ref[101]; /* a longer one is cut, for the reader */

    wf_slice_str(row->ref, ref, sizeof ref);
    t->early = code == WEFT_EBUSY; /* a list has to wait for its place */
    refuse(t, code, 0, &t->msg->u.submit.job, import_again_ms(t->c, code),
           "input `%s`: %s", ref, why);
    return code;
}

/* A blob by its digest alone.  0 and the blob, or the code of the refusal that was sent:
 * agents that come back after the broker's start may have it. */
static int find_blob(struct resolving *r, const struct wf_digest *digest,
                     struct blob **ret_blob)
{
    struct core *c = r->t->c;
    struct blob *b = catalogue_get(&c->data.catalogue, digest);
    char hex[WF_DIGEST_TEXT];

    if (b != NULL && blob_may_see(r->t->s, b, &r->looks)) {
        *ret_blob = b;
        return 0;
    }
    if (b == NULL && c->now_us - c->started_us < c->cfg.lease_ms * 1000) {
        r->t->early = 1; /* agents are on their way */
        refuse(r->t, WEFT_EBUSY, 0, &r->t->msg->u.submit.job, BOOT_RETRY_MS,
               "the broker has just started and waits for its agents");
        return WEFT_EBUSY;
    }
    refuse(r->t, WEFT_ENOENT, 0, &r->t->msg->u.submit.job, 0,
           "no agent holds a blob %.16s...: put it first", wf_digest_text(digest, hex));
    return WEFT_ENOENT;
}

static int resolve_digest(struct resolving *r, const struct wf_input_row *row,
                          const struct wf_digest *digest, struct wf_need_row *need)
{
    struct blob *b;
    int rc = find_blob(r, digest, &b);

    if (rc == 0) {
        *need = (struct wf_need_row){
            .name = row->name, .digest = *digest, .size = b->size, .files = 1};
        residency_of_blob(b, r->residency);
    }
    return rc;
}

static int resolve_dataset(struct resolving *r, const struct wf_input_row *row,
                           const struct wf_data_ref *ref, struct wf_need_row *need)
{
    struct turn *t = r->t;
    struct dataset *d = NULL;
    const char *text;
    size_t first, n;
    int rc = import_get(t, ref->name, ref->version, &d, &text);

    if (rc != 0) {
        return rc > 0 ? WEFT_EAGAIN : refuse_input(t, rc, row, text);
    }
    n = dataset_range(d, ref->path, &first);
    if (n == 0 && ref->path.len != 0) {
        return refuse_input(t, WEFT_ENOENT, row,
                            "the dataset has no such file; `weft data show` lists them");
    }
    if (dataset_is_file(d, ref->path, first, n)) {
        need->digest = d->files[first].blob->digest;
    }
    (void) snprintf(r->room, sizeof r->room, "%s%s%.*s", d->key,
                    ref->path.len != 0 ? "/" : "", (int) ref->path.len,
                    (const char *) ref->path.p);
    need->name = row->name;
    need->ref = wf_slice_of(r->room);
    need->size = dataset_bytes(d, first, n);
    need->files = n;
    residency_narrow(r->residency, wf_slice_of(d->residency));
    return 0;
}

static int resolve(struct resolving *r, const struct wf_input_row *row,
                   struct wf_need_row *need)
{
    struct wf_digest digest;
    struct wf_data_ref ref;
    char text[WF_REF_MAX + 1];

    *need = (struct wf_need_row){{0}};
    if (!wf_name_ok(row->name)) {
        return refuse_input(r->t, WEFT_EINVAL, row,
                            "an input needs a name of a-z 0-9 . _ -");
    }
    wf_slice_str(row->ref, text, sizeof text);
    if (wf_digest_parse(text, &digest) == 0) {
        return resolve_digest(r, row, &digest, need);
    }
    if (wf_data_ref_parse(row->ref, &ref) != 0) {
        return refuse_input(r->t, WEFT_EINVAL, row,
                            "it is neither DATASET[@VERSION][/PATH] nor a digest");
    }
    return resolve_dataset(r, row, &ref, need);
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

static int resolve_payload(struct resolving *r, const struct wf_submit *m)
{
    struct blob *b;
    int rc = find_blob(r, &m->payload_blob, &b);

    if (rc == 0 && b->size != m->payload_size) {
        refuse(r->t, WEFT_EINVAL, 0, &m->job, 0, "the payload has another size");
        return WEFT_EINVAL;
    }
    if (rc == 0) {
        residency_of_blob(b, r->residency);
    }
    return rc;
}

int inputs_resolve(struct turn *t, const struct wf_submit *m, struct wf_buf *store,
                   struct wf_rows *ret_needs, char residency[WF_LABEL_MAX + 1])
{
    struct resolving r = {.t = t, .looks = BLOB_LOOKS, .residency = residency};
    struct wf_rows rows = m->inputs;
    struct wf_input_row row;
    int rc = 0;

    residency[0] = '\0';
    *ret_needs = (struct wf_rows){0};
    while (rc == 0 && wf_rows_next(&rows, wf_desc_input_row(), &row)) {
        struct wf_need_row need;

        rc = resolve(&r, &row, &need);
        if (rc == 0 && is_named_twice(m->inputs, row.name)) {
            rc = refuse_input(t, WEFT_EINVAL, &row, "two inputs have one name");
        }
        if (rc == 0 && residency_is_nowhere(residency)) {
            rc = refuse_input(t, WEFT_EINVAL, &row,
                              "its residency and that of the others have no region in "
                              "common");
        }
        if (rc == 0 && wf_rows_add(store, ret_needs, wf_desc_need_row(), &need) != 0) {
            rc = refuse_input(t, WEFT_ETOOBIG, &row, "the inputs are too many");
        }
    }
    if (rc == 0 && !wf_digest_is_zero(&m->payload_blob)) {
        rc = resolve_payload(&r, m);
    }
    return rc;
}

/* Of another broker's dataset the resolved name tells the home as well. */
static int same_name(struct wf_slice resolved, struct wf_slice given)
{
    uint8_t home[NAMES_DIGITS];
    struct wf_slice plain;

    return wf_slice_eq(resolved, given) ||
           (names_split(resolved, &plain, home) && wf_slice_eq(plain, given));
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
           wf_data_ref_parse(row->ref, &b) == 0 && same_name(a.name, b.name) &&
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

/* -- what a job refers to --------------------------------------------------------------
 */

/* It was put after the job was accepted: the name is the same, the data is not.  Numbers
 * tell, as far as they were given by one broker; between brokers that share a store their
 * clocks do, which are a little apart. */
static int is_newer(const struct core *c, const struct dataset *d, const struct job *j)
{
    return d->seq > j->seq && (!c->cfg.shared || d->seq >> 40 == j->seq >> 40 ||
                               d->created_ms > j->accepted_ms + CLOCKS_APART_MS);
}

/* The dataset of an input, NULL: it has none, or that is gone, or another broker's. */
static const struct dataset *dataset_of(const struct core *c, const struct job *j,
                                        const struct wf_need_row *need,
                                        struct wf_data_ref *ret_ref)
{
    const struct dataset *d;

    if (j->guest != NULL || need->ref.len == 0 ||
        wf_data_ref_parse(need->ref, ret_ref) != 0) {
        return NULL;
    }
    d = dataset_get(&c->data.datasets, ret_ref->name, ret_ref->version);
    return d != NULL && !is_newer(c, d, j) ? d : NULL;
}

int inputs_gone(const struct core *c, const struct job *j, struct wf_slice *ret_ref)
{
    struct wf_rows rows = j->inputs;
    struct wf_need_row need;
    struct wf_data_ref ref;

    /* Another broker's datasets are not known here; that one looks. */
    while (j->guest == NULL && wf_rows_next(&rows, wf_desc_need_row(), &need)) {
        if (need.ref.len != 0 && dataset_of(c, j, &need, &ref) == NULL) {
            *ret_ref = need.ref;
            return 1;
        }
    }
    return 0;
}

#define ALLOW_LOOKS 256u /* at files of one folder */

/* Of a folder the dataset tells, and its first files. */
static void narrow_folder(const struct core *c, const struct job *j,
                          const struct wf_need_row *need, char *residency)
{
    struct wf_data_ref ref;
    const struct dataset *d = dataset_of(c, j, need, &ref);
    size_t first = 0;
    size_t n = d != NULL ? dataset_range(d, ref.path, &first) : 0;

    if (d != NULL) {
        residency_narrow(residency, wf_slice_of(d->residency));
    }
    for (size_t i = first; i < first + wf_min_u64(n, ALLOW_LOOKS); i++) {
        residency_of_blob(d->files[i].blob, residency);
    }
}

void inputs_residency(const struct core *c, const struct job *j,
                      char ret[WF_LABEL_MAX + 1])
{
    struct wf_rows rows = j->inputs;
    struct wf_need_row need;
    const struct blob *b;

    ret[0] = '\0';
    while (j->guest == NULL && wf_rows_next(&rows, wf_desc_need_row(), &need)) {
        b = catalogue_get(&c->data.catalogue, &need.digest);
        if (wf_digest_is_zero(&need.digest)) {
            narrow_folder(c, j, &need, ret);
        } else if (b != NULL) {
            residency_of_blob(b, ret);
        }
    }
}

int inputs_allow(const struct core *c, const struct job *j, const struct agent *a)
{
    char residency[WF_LABEL_MAX + 1];

    inputs_residency(c, j, residency);
    return residency_allows(residency, a);
}

int inputs_have_dataset(const struct core *c, const struct job *j,
                        const struct dataset *d)
{
    const size_t len = strlen(d->key);
    struct wf_rows rows = j->inputs;
    struct wf_need_row need;
    struct wf_data_ref ref;

    while (wf_rows_next(&rows, wf_desc_need_row(), &need)) {
        if (need.ref.len >= len && memcmp(need.ref.p, d->key, len) == 0 &&
            dataset_of(c, j, &need, &ref) == d) {
            return 1;
        }
    }
    return 0;
}

int inputs_have(const struct core *c, const struct job *j, const struct wf_digest *digest)
{
    struct wf_rows rows = j->inputs;
    struct wf_need_row need;

    if (wf_digest_eq(&j->payload_blob, digest)) {
        return 1;
    }
    while (wf_rows_next(&rows, wf_desc_need_row(), &need)) {
        const struct dataset *d;
        struct wf_data_ref ref;

        if (!wf_digest_is_zero(&need.digest)) {
            if (wf_digest_eq(&need.digest, digest)) {
                return 1;
            }
            continue;
        }
        d = dataset_of(c, j, &need, &ref);
        if (d != NULL && dataset_has(d, ref.path, digest)) {
            return 1;
        }
    }
    return 0;
}
