#include "broker/core/mesh/data/named.h"

#include "broker/core/core_int.h"
#include "broker/core/data/inputs.h"
#include "broker/core/mesh/gossip/facts.h"
#include "broker/core/mesh/gossip/gossip.h"
#include "common/err.h"
#include "common/str.h"

#include <stdio.h>
#include <string.h>

#define FOLD_BYTES (48u << 10)

/* Of all that a broker may say, for names: what it says of keys must find room.  What was
 * taken back leaves a head. */
#define SAID_BYTES (UINT64_C(1) << 20)
#define BODY_BYTES (SAID_BYTES - NAMES_OF_ONE * fact_cost(0))

/* -- what is said ----------------------------------------------------------------------
 */

static int fold(struct wf_buf *b, struct wf_digest *d)
{
    int rc = b->err;

    wf_leaf(b->p, b->len, d);
    wf_buf_clear(b);
    return rc != 0 ? rc : wf_buf_put(b, d->b, sizeof d->b);
}

int named_listing(const struct dataset *d, struct wf_digest *ret_digest)
{
    struct wf_buf b = WF_BUF_INIT(2 * FOLD_BYTES);
    struct wf_digest digest = {{0}};
    int rc = wf_buf_put(&b, digest.b, sizeof digest.b);

    for (size_t i = 0; rc == 0 && i < d->nfiles; i++) {
        const struct dataset_file *f = &d->files[i];
        uint8_t size[8];

        for (unsigned k = 0; k < sizeof size; k++) {
            size[k] = (uint8_t) (f->blob->size >> 8 * k);
        }
        (void) wf_buf_put(&b, f->path, strlen(f->path) + 1);
        (void) wf_buf_put(&b, f->blob->digest.b, sizeof f->blob->digest.b);
        rc = wf_buf_put(&b, size, sizeof size);
        if (rc == 0 && b.len >= FOLD_BYTES) {
            rc = fold(&b, &digest);
        }
    }
    if (rc == 0) {
        rc = fold(&b, ret_digest);
    }
    wf_buf_fini(&b);
    return rc;
}

static int say(struct core *c, struct dataset *d, struct wf_effects *out)
{
    const struct wf_key id = names_place(d->said - 1);
    const struct wf_dataset_fact m = {
        .name = wf_slice_of(d->name),
        .version = d->version,
        .owner = d->owner->key,
        .owner_name = wf_slice_of(d->owner->name),
        .labels = {d->labels.p, (uint32_t) d->labels.len, d->nlabels},
        .listing = d->listing,
        .files = d->nfiles,
        .bytes = d->bytes,
        .created_ms = d->created_ms};
    struct wf_buf b = WF_BUF_INIT(WF_FACT_MAX);
    int rc = wf_msg_encode(&b, WF_MSG_dataset_fact, &m);

    if (rc == 0 && b.len > BODY_BYTES - c->word.names_bytes) {
        rc = WEFT_EFULL;
    }
    if (rc == 0) {
        rc = gossip_say(c->word.gossip, WF_FACT_DATASET, wf_slice_make(id.b, sizeof id.b),
                        wf_slice_make(b.p, b.len), c->now_us, out);
    }
    if (rc == 0) {
        d->said_bytes = b.len;
        c->word.names_bytes += b.len;
    }
    wf_buf_fini(&b);
    return rc;
}

static unsigned free_place(const struct word *w)
{
    unsigned i = 0;

    while (i < NAMES_OF_ONE && w->places[i]) {
        i++;
    }
    return i;
}

void named_say(struct core *c, struct dataset *d, struct wf_effects *out)
{
    const unsigned place = free_place(&c->word);
    int rc;

    if (!c->word.speaks || d->said != 0 || !d->complete || key_is_set(&d->home)) {
        return;
    }
    rc = place < NAMES_OF_ONE ? named_listing(d, &d->listing) : WEFT_EFULL;
    d->said = place + 1;
    if (rc == 0) {
        rc = say(c, d, out);
    }
    if (rc == 0) {
        c->word.places[place] = 1;
    } else {
        d->said = 0;
        c->count.names_untold++;
    }
}

void named_gone(struct core *c, struct dataset *d, struct wf_effects *out)
{
    const struct wf_key id = names_place(d->said - 1);

    if (d->said == 0) {
        return;
    }
    /* What could not be taken back is when its place is used again. */
    c->count.names_untold +=
        gossip_say(c->word.gossip, WF_FACT_DATASET, wf_slice_make(id.b, sizeof id.b),
                   wf_slice_make(NULL, 0), c->now_us, out) != 0;
    c->word.places[d->said - 1] = 0;
    c->word.names_bytes -= d->said_bytes;
    d->said = 0;
}

void named_say_all(struct core *c, struct wf_effects *out)
{
    const struct wf_list_node *all = &c->data.datasets.all;

    for (struct wf_list_node *n = wf_list_first(all); n != NULL;
         n = wf_list_next(all, n)) {
        named_say(c, CONTAINER_OF(n, struct dataset, in_all), out);
    }
}

/* -- what others say -------------------------------------------------------------------
 */

void named_heard(struct core *c, const struct gossip_fact *f)
{
    struct wf_msg msg;

    if (wf_key_eq(f->origin, &c->cfg.key)) {
        return;
    }
    if (f->body.len == 0) {
        names_drop(&c->word.names, f->origin, f->key);
    } else if (wf_msg_read(f->body, WF_MSG_dataset_fact, &msg) != 0 ||
               names_take(&c->word.names, f->origin, f->key, &msg.u.dataset_fact) != 0) {
        names_drop(&c->word.names, f->origin, f->key);
        c->count.names_refused++;
    }
}

int named_fact(const struct core *c, const struct name *x, struct wf_msg *ret_msg,
               uint64_t *ret_at_us)
{
    struct gossip_fact f;

    if (gossip_get(c->word.gossip, &x->home, WF_FACT_DATASET,
                   wf_slice_make(x->id.b, sizeof x->id.b), &f) != 0 ||
        wf_msg_read(f.body, WF_MSG_dataset_fact, ret_msg) != 0) {
        return 0;
    }
    *ret_at_us = f.at_us;
    return 1;
}

/* -- finding ---------------------------------------------------------------------------
 */

static int is_said(const struct core *c, const struct name *x)
{
    struct gossip_fact f;

    return gossip_get(c->word.gossip, &x->home, WF_FACT_DATASET,
                      wf_slice_make(x->id.b, sizeof x->id.b), &f) == 0;
}

static int may_read(const struct core *c, const struct session *s, const struct name *x)
{
    return (x->is_public || wf_key_eq(&x->owner, &s->principal->key)) && is_said(c, x);
}

/* The first by the rule that the session may read, or, if that is NULL, whoever may;
 * NULL: there is none. */
static const struct name *find_there(const struct core *c, const struct session *s,
                                     struct wf_slice name, uint32_t version,
                                     const uint8_t *home)
{
    const struct names *t = &c->word.names;

    for (size_t i = names_first(t, name); i < t->n && wf_slice_is(name, t->v[i]->name);
         i++) {
        const struct name *x = t->v[i];

        if ((version == 0 || x->version == version) &&
            (home == NULL || memcmp(x->home.b, home, NAMES_DIGITS) == 0) &&
            (s != NULL ? may_read(c, s, x) : is_said(c, x))) {
            return x;
        }
    }
    return NULL;
}

static struct dataset *find_here(const struct core *c, const struct session *s,
                                 struct wf_slice name, uint32_t version)
{
    struct dataset *d = dataset_get(&c->data.datasets, name, version);

    return d != NULL && dataset_may_see(s, d) ? d : NULL;
}

static int is_first(const struct core *c, const struct dataset *d, const struct name *x)
{
    if (d->version != x->version) {
        return d->version > x->version;
    }
    return (d->said != 0 && wf_digest_eq(&d->listing, &x->listing)) ||
           names_rule(d->created_ms, &c->cfg.key, x->created_ms, &x->home) < 0;
}

int named_find(const struct core *c, const struct session *s, struct wf_slice name,
               uint32_t version, struct named *ret_named)
{
    uint8_t home[NAMES_DIGITS];
    struct wf_slice plain;
    struct named x = {.here = find_here(c, s, name, version),
                      .there = find_there(c, s, name, version, NULL)};

    if (x.there == NULL && names_split(name, &plain, home)) {
        if (memcmp(home, c->cfg.key.b, sizeof home) != 0) {
            x.there = find_there(c, s, plain, version, home);
            x.here = x.there == NULL ? x.here : NULL; /* a copy, perhaps an old one */
        } else if (x.here == NULL) {
            x.here = find_here(c, s, plain, version);
        }
    }
    if (x.here != NULL && x.there != NULL) {
        if (is_first(c, x.here, x.there)) {
            x.there = NULL;
        } else {
            x.here = NULL;
        }
    }
    if (x.here == NULL && x.there == NULL) {
        return WEFT_ENOENT;
    }
    *ret_named = x;
    return 0;
}

uint32_t named_newest(const struct core *c, const struct wf_key *owner,
                      struct wf_slice name)
{
    const struct names *t = &c->word.names;

    for (size_t i = names_first(t, name); i < t->n && wf_slice_is(name, t->v[i]->name);
         i++) {
        if (wf_key_eq(&t->v[i]->owner, owner) && is_said(c, t->v[i])) {
            return t->v[i]->version;
        }
    }
    return 0;
}

int named_after_broker(const struct core *c, struct wf_slice name)
{
    uint8_t home[NAMES_DIGITS];
    struct wf_slice plain;
    struct wf_key key;
    unsigned at = 0;
    uint64_t seen;
    int revoked;

    if (!names_split(name, &plain, home)) {
        return 0;
    }
    while (gossip_next_origin(c->word.gossip, &at, &key, &seen, &revoked)) {
        if (memcmp(key.b, home, sizeof home) == 0) {
            return 1;
        }
    }
    return 0;
}

/* -- listing ---------------------------------------------------------------------------
 */

const char *named_here(const struct core *c, const struct session *s,
                       const struct dataset *d, char room[WF_DATASET_MAX + 1])
{
    struct named x;

    if (named_find(c, s, wf_slice_of(d->name), d->version, &x) == 0 && x.there != NULL &&
        names_by_home(d->name, &c->cfg.key, room) == 0) {
        return room;
    }
    return d->name;
}

/* How one of another broker is called: plainly, when that is what is found by it, or when
 * nothing is and it is the first. */
static const char *name_there(const struct core *c, const struct session *s, size_t i,
                              char room[WF_DATASET_MAX + 1])
{
    const struct names *t = &c->word.names;
    const struct name *x = t->v[i];
    struct named found;
    int rc = named_find(c, s, wf_slice_of(x->name), x->version, &found);
    const int follows = i != 0 && t->v[i - 1]->version == x->version &&
                        strcmp(t->v[i - 1]->name, x->name) == 0;

    if ((rc == 0 && found.there == x) || (rc != 0 && !follows) ||
        names_by_home(x->name, &x->home, room) != 0) {
        return x->name;
    }
    return room;
}

/* Said alike here, or by one that comes before: it is the same dataset. */
static int is_told(const struct core *c, size_t i)
{
    const struct names *t = &c->word.names;
    const struct name *x = t->v[i];
    const struct dataset *d =
        dataset_get(&c->data.datasets, wf_slice_of(x->name), x->version);

    if (d != NULL && d->said != 0 && wf_digest_eq(&d->listing, &x->listing)) {
        return 1;
    }
    while (i-- > 0 && t->v[i]->version == x->version &&
           strcmp(t->v[i]->name, x->name) == 0) {
        if (wf_digest_eq(&t->v[i]->listing, &x->listing)) {
            return 1;
        }
    }
    return 0;
}

static void labels_text(struct wf_rows rows, char *dst, size_t cap)
{
    struct wf_label_row row;
    size_t used = 0;

    dst[0] = '\0';
    while (wf_rows_next(&rows, wf_desc_label_row(), &row) &&
           row.text.len + 2 <= cap - used) {
        used += (size_t) snprintf(dst + used, cap - used, "%s%.*s", used != 0 ? " " : "",
                                  (int) row.text.len, (const char *) row.text.p);
    }
}

/* 0, or what wf_rows_add() says. */
static int add_row(const struct core *c, const struct session *s, size_t i,
                   struct wf_buf *store, struct wf_rows *rows)
{
    const struct name *x = c->word.names.v[i];
    char room[WF_DATASET_MAX + 1], labels[WF_TEXT_MAX + 1], digits[17];
    struct wf_site_fact site;
    struct wf_dataset_row row;
    struct wf_msg msg;
    uint64_t at_us;

    if (!named_fact(c, x, &msg, &at_us)) {
        return 0;
    }
    (void) word_site(c, &x->home, &site);
    wf_hex(digits, x->home.b, 8);
    labels_text(msg.u.dataset_fact.labels, labels, sizeof labels);
    row = (struct wf_dataset_row){
        .name = wf_slice_of(name_there(c, s, i, room)),
        .version = x->version,
        .owner = msg.u.dataset_fact.owner_name,
        .labels = wf_slice_of(labels),
        .files = msg.u.dataset_fact.files,
        .bytes = msg.u.dataset_fact.bytes,
        .age_ms = c->wall_ms - wf_min_u64(c->wall_ms, x->created_ms),
        .home = site.name.len != 0 ? site.name : wf_slice_of(digits),
        .site = site.site,
        .known_ms = (c->now_us - at_us) / 1000};
    return wf_rows_add(store, rows, wf_desc_dataset_row(), &row);
}

int named_rows(const struct core *c, const struct session *s, size_t *at, uint64_t limit,
               struct wf_buf *store, struct wf_rows *rows)
{
    const struct names *t = &c->word.names;

    for (; *at < t->n; ++*at) {
        if ((s->role != WF_ROLE_OPERATOR && !may_read(c, s, t->v[*at])) ||
            is_told(c, *at)) {
            continue;
        }
        if (rows->count == limit || add_row(c, s, *at, store, rows) != 0) {
            return 1;
        }
    }
    return 0;
}

/* -- listed, but not to be read --------------------------------------------------------
 */

int named_denied(const struct core *c, const struct session *s, struct wf_slice name,
                 uint32_t version, char *ret_text, size_t cap)
{
    const struct name *x = NULL;
    uint8_t digits[NAMES_DIGITS];
    char owner[WF_NAME_MAX + 1], home[WF_NAME_MAX + 1];
    struct wf_site_fact site;
    struct wf_slice plain;
    struct wf_msg msg;
    uint64_t at_us;

    if (s->role == WF_ROLE_OPERATOR) {
        x = find_there(c, NULL, name, version, NULL);
        if (x == NULL && names_split(name, &plain, digits)) {
            x = find_there(c, NULL, plain, version, digits);
        }
    }
    if (x == NULL || !named_fact(c, x, &msg, &at_us)) {
        return 0;
    }
    wf_slice_str(msg.u.dataset_fact.owner_name, owner, sizeof owner);
    (void) word_site(c, &x->home, &site);
    wf_slice_str(site.name, home, sizeof home);
    (void) snprintf(
        ret_text, cap,
        "it is %s's, of broker %s, and not public: only its owner may read it "
        "here",
        owner[0] != '\0' ? owner : "somebody", home[0] != '\0' ? home : "another site");
    return 1;
}
