#include "broker/core/mesh/data/folders.h"

#include "broker/core/core_int.h"
#include "broker/core/mesh/guests.h"
#include "common/err.h"
#include "common/str.h"
#include "proto/name.h"

#include <stdio.h>
#include <string.h>

#define DIGITS   4u               /* bytes of the key that a name gets */
#define MORE     (1 + 2 * DIGITS) /* ".0a1b2c3d" */
#define RETRY_MS 1000u
#define CUT      "the link to its home is cut"

/* -- names -----------------------------------------------------------------------------
 */

/* Where the name ends in "NAME@VERSION[/PATH]". */
static size_t name_end(struct wf_slice ref)
{
    const uint8_t *at = ref.len != 0 ? memchr(ref.p, '@', ref.len) : NULL;

    return at != NULL ? (size_t) (at - ref.p) : ref.len;
}

static int rename_row(const struct wf_key *home, struct wf_need_row *row,
                      char room[WF_REF_MAX + 1])
{
    const size_t n = name_end(row->ref);
    char digits[2 * DIGITS + 1];

    if (n > WF_DATASET_MAX - MORE || row->ref.len > WF_REF_MAX - MORE) {
        return WEFT_ENOCAP;
    }
    wf_hex(digits, home->b, DIGITS);
    (void) snprintf(room, WF_REF_MAX + 1, "%.*s.%s%.*s", (int) n,
                    (const char *) row->ref.p, digits, (int) (row->ref.len - n),
                    (const char *) row->ref.p + n);
    row->ref = wf_slice_of(room);
    return 0;
}

int folders_rename(const struct wf_key *home, struct wf_rows inputs, struct wf_buf *store,
                   struct wf_rows *ret_inputs)
{
    struct wf_rows rows = {0};
    struct wf_need_row row;
    int rc = 0;

    while (rc == 0 && wf_rows_next(&inputs, wf_desc_need_row(), &row)) {
        char room[WF_REF_MAX + 1];

        if (wf_digest_is_zero(&row.digest)) {
            rc = rename_row(home, &row, room);
        }
        if (rc == 0) {
            rc = wf_rows_add(store, &rows, wf_desc_need_row(), &row);
        }
    }
    if (rc == 0) {
        *ret_inputs = rows;
    }
    return rc;
}

/* -- asking ----------------------------------------------------------------------------
 */

/* Does the guest have a folder of that dataset, "NAME@VERSION"? */
static int has_folder_of(const struct job *j, struct wf_slice key)
{
    struct wf_rows rows = j->inputs;
    struct wf_need_row row;

    while (wf_rows_next(&rows, wf_desc_need_row(), &row)) {
        if (wf_digest_is_zero(&row.digest) && row.ref.len >= key.len &&
            memcmp(row.ref.p, key.p, key.len) == 0 &&
            (row.ref.len == key.len || row.ref.p[key.len] == '/')) {
            return 1;
        }
    }
    return 0;
}

static const struct job *guest_with(const struct agent *a, struct wf_slice key)
{
    for (const struct wf_list_node *n = a != NULL ? wf_list_first(&a->attempts) : NULL;
         n != NULL; n = wf_list_next(&a->attempts, n)) {
        const struct job *j = CONTAINER_OF(n, struct job, in_agent);

        if (j->guest != NULL && has_folder_of(j, key)) {
            return j;
        }
    }
    return NULL;
}

static void pass_on(struct turn *t, const struct session *home, size_t name)
{
    struct wf_query m = t->msg->u.query;
    char key[WF_REF_MAX + 1];
    struct mesh_ask *x = mesh_ask_take(t->c, t->out);

    *x = (struct mesh_ask){.number = x->number,
                           .to = home->peer,
                           .peer = t->s->peer,
                           .req = m.req,
                           .query = 1};
    (void) snprintf(key, sizeof key, "%.*s%.*s", (int) (name - MORE),
                    (const char *) m.key.p, (int) (m.key.len - name),
                    (const char *) m.key.p + name);
    m.req = x->number;
    m.key = wf_slice_of(key);
    wf_effects_send(t->out, home->peer, WF_MSG_query, &m);
}

int folders_ask(struct turn *t)
{
    const struct wf_query *q = &t->msg->u.query;
    const struct job *j = role_runs(t->s->role) && q->key.len <= WF_REF_MAX
                              ? guest_with(t->s->principal->agent, q->key)
                              : NULL;
    const size_t name = name_end(q->key);

    if (j == NULL || name <= MORE) {
        return 0;
    }
    if (j->owner->agent == NULL || j->owner->agent->session == NULL) {
        refuse(t, WEFT_EBUSY, q->req, NULL, RETRY_MS, CUT);
    } else {
        pass_on(t, j->owner->agent->session, name);
    }
    return 1;
}

/* -- answers ---------------------------------------------------------------------------
 */

/* Who asked what this session answers, or NULL. */
static struct mesh_ask *asked(struct turn *t, uint64_t req)
{
    struct mesh_ask *x = &t->c->mesh.asks[req % MESH_ASKS];

    return req != 0 && x->number == req && x->query && x->to == t->s->peer ? x : NULL;
}

void on_dataset_info(struct turn *t)
{
    struct wf_dataset_info m = t->msg->u.dataset_info;
    struct mesh_ask *x = asked(t, m.req);

    if (x == NULL) {
        return;
    }
    if (x->peer == 0) {
        const uint64_t n = x->req;

        *x = (struct mesh_ask){0};
        import_page(t->c, n, &m, t->out);
        return;
    }
    m.req = x->req;
    if (session_get(&t->c->sessions, x->peer) != NULL) {
        wf_effects_send(t->out, x->peer, WF_MSG_dataset_info, &m);
    }
    *x = (struct mesh_ask){0};
}

int folders_refused(struct turn *t)
{
    struct wf_error m = t->msg->u.error;
    struct mesh_ask *x = m.about == WF_MSG_query ? asked(t, m.req) : NULL;

    if (x == NULL) {
        return 0;
    }
    if (x->peer == 0) {
        const uint64_t n = x->req;

        *x = (struct mesh_ask){0};
        import_refused(t->c, n, &m, t->out);
        return 1;
    }
    m.req = x->req;
    if (session_get(&t->c->sessions, x->peer) != NULL) {
        wf_effects_send(t->out, x->peer, WF_MSG_error, &m);
    }
    *x = (struct mesh_ask){0};
    return 1;
}

void folders_cut(struct core *c, const struct session *s, struct wf_effects *out)
{
    for (unsigned i = 0; s->role == WF_ROLE_BROKER && i < MESH_ASKS; i++) {
        struct mesh_ask *x = &c->mesh.asks[i];

        if (x->number != 0 && x->query && x->to == s->peer) {
            mesh_ask_again(c, x, CUT, out);
        }
    }
}
