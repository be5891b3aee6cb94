/* Datasets of other brokers: told, found by one rule, and read by who may. */
#include "broker/core/mesh/data/named.h"
#include "tests/unit/broker/data/stock.h"
#include "tests/unit/broker/mesh/far.h"

#define ANN  10
#define BOB  11
#define BOSS 20

struct world {
    struct bed b;
    struct far f;
    uint32_t ann, boss;
};

static void open_world(struct world *w)
{
    bed_init(&w->b);
    w->b.cfg.key = bed_key(200);
    w->b.cfg.boot = 1;
    w->b.cfg.lease_ms = 3600000;
    bed_start(&w->b);
    w->ann = bed_client(&w->b, ANN, "ann");
    w->boss = bed_operator(&w->b, BOSS);
    far_init(&w->b, &w->f);
}

static void close_world(struct world *w)
{
    far_fini(&w->f);
    bed_fini(&w->b);
}

/* The other broker says at that place that it has this; `label` may be NULL, `files` 0:
 * not any more.
 */
static void far_has(struct world *w, unsigned place, uint8_t owner, const char *name,
                    uint32_t version, const char *label, uint64_t created_ms,
                    unsigned files)
{
    const struct wf_key id = names_place(place);
    struct wf_dataset_fact m = {.name = wf_slice_of(name),
                                .version = version,
                                .owner = bed_key(owner),
                                .owner_name = wf_slice_of("someone"),
                                .files = files,
                                .bytes = 1000,
                                .created_ms = created_ms};
    struct wf_buf body = WF_BUF_INIT(4096);
    struct list labels = LIST;

    if (label != NULL) {
        list_label(&labels, label);
        m.labels = labels.rows;
    }
    must(files == 0 || wf_msg_encode(&body, WF_MSG_dataset_fact, &m) == 0);
    must(gossip_say(w->f.g, WF_FACT_DATASET, wf_slice_make(id.b, sizeof id.b),
                    wf_slice_make(body.p, body.len), w->b.now_us, &w->f.fx) == 0);
    list_fini(&labels);
    wf_buf_fini(&body);
    carry(&w->b, &w->f);
}

/* The names that a session is shown, with blanks in between; others' with a star. */
static const char *listed(struct world *w, uint32_t peer)
{
    static char text[1024];
    const struct wf_query q = {.req = 3, .kind = WF_QUERY_DATASETS, .limit = 2};
    struct wf_query next = q;
    struct wf_dataset_row row;
    struct wf_msg m;
    size_t n = 0;

    text[0] = '\0';
    do {
        bed_say(&w->b, peer, WF_MSG_query, &next);
        must(bed_told(&w->b, peer, WF_MSG_datasets_page, 0, &m));
        while (wf_rows_next(&m.u.datasets_page.rows, wf_desc_dataset_row(), &row)) {
            n += (size_t) snprintf(text + n, sizeof text - n, "%s%.*s@%u%s",
                                   n != 0 ? " " : "", (int) row.name.len,
                                   (const char *) row.name.p, (unsigned) row.version,
                                   row.home.len != 0 ? "*" : "");
        }
        next.after = m.u.datasets_page.more;
    } while (next.after != 0);
    return text;
}

static int heard_of(const struct world *w, const char *name, uint32_t version)
{
    const struct wf_key from = bed_key(200);
    struct gossip_at at = {0, 0};
    struct gossip_fact f;
    unsigned n = 0;

    while (gossip_next(w->f.g, WF_FACT_DATASET, &at, &f)) {
        struct wf_cursor cur;
        struct wf_msg m;

        wf_cur_init(&cur, f.body.p, f.body.len);
        must(wf_msg_decode(&cur, &m) == 0 && wf_key_eq(f.origin, &from));
        n += wf_slice_is(m.u.dataset_fact.name, name) &&
             m.u.dataset_fact.version == version;
    }
    return n == 1;
}

static void tells_ours(void)
{
    struct world w;

    bed_init(&w.b);
    w.b.cfg.key = bed_key(200);
    w.b.cfg.boot = 1;
    w.b.cfg.lease_ms = 3600000;
    bed_start(&w.b);
    w.ann = bed_client(&w.b, ANN, "ann");
    stock_simple(&w.b, w.ann, "old", NULL, 1, 2);
    far_init(&w.b, &w.f);
    carry(&w.b, &w.f);
    ok(heard_of(&w, "old", 1), "what there is a neighbour hears at once");
    stock_simple(&w.b, w.ann, "new", "public=yes", 1, 2);
    carry(&w.b, &w.f);
    ok(heard_of(&w, "new", 1), "and what is put later");
    stock_rm(&w.b, w.ann, "old");
    carry(&w.b, &w.f);
    ok(!heard_of(&w, "old", 1) && heard_of(&w, "new", 1),
       "what is removed is taken back");
    stock_simple(&w.b, w.ann, "third", NULL, 1, 2);
    ok(w.b.c->word.places[0] == 1 && w.b.c->word.places[2] == 0,
       "its place is used again");
    close_world(&w);
}

/* What an operator is listed and may not read. */
static void says_whose(struct world *w)
{
    struct wf_query q = {.req = 4, .kind = WF_QUERY_DATASET, .key = wf_slice_of("his")};
    char text[WF_TEXT_MAX + 1];
    struct wf_msg m;

    bed_say(&w->b, w->boss, WF_MSG_query, &q);
    must(bed_told(&w->b, w->boss, WF_MSG_error, 0, &m));
    wf_slice_str(m.u.error.text, text, sizeof text);
    ok(m.u.error.code == (uint64_t) -WEFT_EPERM && strstr(text, "someone's") != NULL,
       "who asks for one of these is told whose it is");
    q.key = wf_slice_of("his.07070707");
    bed_say(&w->b, w->boss, WF_MSG_query, &q);
    is_int(bed_refusal(&w->b, w->boss), WEFT_EPERM, "by either name");
    q.key = wf_slice_of("his@2");
    bed_say(&w->b, w->boss, WF_MSG_query, &q);
    is_int(bed_refusal(&w->b, w->boss), WEFT_ENOENT, "what there is not is not there");
    q.key = wf_slice_of("his");
    bed_say(&w->b, w->ann, WF_MSG_query, &q);
    is_int(bed_refusal(&w->b, w->ann), WEFT_ENOENT,
           "nor for a client, who does not see it");
}

static void lists_theirs(void)
{
    struct wf_dataset_row row;
    struct wf_msg m;
    struct world w;

    open_world(&w);
    stock_simple(&w.b, w.ann, "mine", NULL, 1, 1);
    far_has(&w, 0, ANN, "hers", 1, NULL, 50, 3);
    far_has(&w, 1, ANN, "hers", 2, NULL, 60, 3);
    far_has(&w, 2, BOB, "his", 1, NULL, 50, 3);
    far_has(&w, 3, BOB, "open", 1, "public=yes", 50, 3);
    is_str(listed(&w, w.ann), "mine@1 hers@2* hers@1* open@1*",
           "a client sees its own wherever they are, and what is public");
    is_str(listed(&w, w.boss), "mine@1 hers@2* hers@1* his@1* open@1*",
           "an operator all of them");
    says_whose(&w);
    bed_say(&w.b, w.boss, WF_MSG_query,
            &(struct wf_query){.req = 3, .kind = WF_QUERY_DATASETS});
    must(bed_told(&w.b, w.boss, WF_MSG_datasets_page, 0, &m));
    must(wf_rows_next(&m.u.datasets_page.rows, wf_desc_dataset_row(), &row));
    must(wf_rows_next(&m.u.datasets_page.rows, wf_desc_dataset_row(), &row));
    ok(row.home.len != 0 && row.files == 3 && row.bytes == 1000 && row.known_ms < 60000 &&
           wf_slice_is(row.owner, "someone"),
       "with its home and all that is known of it");
    far_has(&w, 1, ANN, "hers", 2, NULL, 0, 0);
    is_str(listed(&w, w.ann), "mine@1 hers@1* open@1*", "what was taken back is gone");
    close_world(&w);
}

static void one_rule(void)
{
    struct named x;
    struct session *s;
    struct world w;

    open_world(&w);
    stock_simple(&w.b, w.ann, "set", NULL, 1, 1);
    s = session_get(&w.b.c->sessions, w.ann);
    far_has(&w, 0, ANN, "set", 1, NULL, w.b.c->wall_ms + 60000, 3);
    ok(named_find(w.b.c, s, wf_slice_of("set"), 1, &x) == 0 && x.here != NULL &&
           x.there == NULL,
       "of two that have one name what was made first has it");
    is_str(listed(&w, w.ann), "set@1 set.07070707@1*",
           "the other one is called after "
           "its home");
    ok(named_find(w.b.c, s, wf_slice_of("set.07070707"), 0, &x) == 0 && x.there != NULL,
       "and found so");
    far_has(&w, 0, ANN, "set", 1, NULL, 1, 3);
    ok(named_find(w.b.c, s, wf_slice_of("set"), 0, &x) == 0 && x.there != NULL &&
           x.here == NULL,
       "also when that is not the one that is here");
    is_str(listed(&w, w.ann), "set.c8c8c8c8@1 set@1*", "ours is called after us then");
    ok(named_find(w.b.c, s, wf_slice_of("set.c8c8c8c8"), 1, &x) == 0 && x.here != NULL,
       "and found so");
    far_has(&w, 0, BOB, "set", 1, NULL, 1, 3);
    ok(named_find(w.b.c, s, wf_slice_of("set"), 0, &x) == 0 && x.here != NULL,
       "what one may not read takes no name away");
    far_has(&w, 1, ANN, "set", 2, NULL, 90, 3);
    ok(named_find(w.b.c, s, wf_slice_of("set"), 0, &x) == 0 && x.there != NULL &&
           x.there->version == 2,
       "a newer version is the newest, wherever it is");
    is_int(named_find(w.b.c, s, wf_slice_of("none"), 0, &x), WEFT_ENOENT, "or nothing");
    stock_simple(&w.b, w.ann, "set", NULL, 1, 2);
    ok(stock_get(&w.b, "set", 3) != NULL, "a further version follows that");
    close_world(&w);
}

static void refuses(void)
{
    const struct wf_key id = names_place(0), other = names_place(1);
    struct world w;

    open_world(&w);
    must(gossip_say(w.f.g, WF_FACT_DATASET, wf_slice_make(id.b, sizeof id.b),
                    wf_slice_of("garbage"), w.b.now_us, &w.f.fx) == 0);
    carry(&w.b, &w.f);
    ok(w.b.c->count.names_refused == 1 && w.b.c->word.names.n == 0,
       "what is no dataset is counted");
    far_has(&w, 5, ANN, "good", 1, NULL, 1, 3);
    must(gossip_say(w.f.g, WF_FACT_DATASET, wf_slice_make(other.b, sizeof other.b),
                    wf_slice_of("x"), w.b.now_us, &w.f.fx) == 0);
    carry(&w.b, &w.f);
    ok(w.b.c->count.names_refused == 2 && w.b.c->word.names.n == 1,
       "and hurts no other name");
    close_world(&w);
}

/* Names with long labels use up no more than their part of what a broker may say. */
static void leaves_room_for_keys(void)
{
    const struct wf_key_revoke revoke = {.req = 4, .key = wf_slice_of("ann")};
    struct wf_dataset_put m = {.req = 7, .base = UINT32_MAX};
    struct list labels = LIST;
    struct gossip_fact f;
    struct wf_key_fact word;
    struct wf_key key = bed_key(ANN);
    struct wf_cursor cur;
    struct wf_msg msg;
    uint64_t told;
    char text[128];
    struct world w;

    open_world(&w);
    for (unsigned i = 0; i < 32; i++) {
        (void) snprintf(text, sizeof text, "k%u=%0110u", i, i);
        list_label(&labels, text);
    }
    m.labels = labels.rows;
    for (unsigned i = 0; i < 600; i++) {
        (void) snprintf(text, sizeof text, "d%u", i);
        m.name = wf_slice_of(text);
        bed_say(&w.b, w.ann, WF_MSG_dataset_put, &m);
        must(bed_refusal(&w.b, w.ann) == 0);
    }
    told = 600 - w.b.c->count.names_untold;
    ok(told > 100 && told < 300, "as many names are told as there is room for");
    stock_rm(&w.b, w.ann, "d0");
    m.name = wf_slice_of("x0");
    bed_say(&w.b, w.ann, WF_MSG_dataset_put, &m);
    is_int(600 - w.b.c->count.names_untold, told, "one that goes makes room");
    must(w.b.c->count.facts_unsaid == 0);
    bed_say(&w.b, w.boss, WF_MSG_key_revoke, &revoke);
    ok(bed_refusal(&w.b, w.boss) == 0 && w.b.c->count.facts_unsaid == 0 &&
           gossip_key(w.b.c->word.gossip, &key, &f) == 0,
       "a key that is revoked then");
    wf_cur_init(&cur, f.body.p, f.body.len);
    must(wf_msg_decode(&cur, &msg) == 0);
    word = msg.u.key_fact;
    is_int(word.state, WF_KEY_REVOKED, "is said to be");
    list_fini(&labels);
    close_world(&w);
}

static void forgets_the_revoked(void)
{
    const struct wf_key_revoke revoke = {.req = 4, .key = wf_slice_of("far")};
    struct world w;

    open_world(&w);
    far_has(&w, 0, ANN, "hers", 4, NULL, 50, 3);
    far_has(&w, 1, ANN, "more", 1, "public=yes", 50, 3);
    must(w.b.c->word.names.n == 2);
    bed_say(&w.b, w.boss, WF_MSG_key_revoke, &revoke);
    is_int(bed_refusal(&w.b, w.boss), 0, "a broker is revoked");
    bed_tick(&w.b, BED_SECOND);
    is_int(w.b.c->word.names.n, 0, "what it named is forgotten");
    is_str(listed(&w, w.ann), "", "and not listed");
    stock_simple(&w.b, w.ann, "hers", NULL, 1, 1);
    ok(stock_get(&w.b, "hers", 1) != NULL, "its versions are counted no more");
    close_world(&w);
}

int main(void)
{
    tells_ours();
    lists_theirs();
    one_rule();
    refuses();
    leaves_room_for_keys();
    forgets_the_revoked();
    return done();
}
