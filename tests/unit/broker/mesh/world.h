/* world.h - a broker with an agent and two clients, whose neighbour has datasets of
 * theirs
 *
 * "hers" is ann's, "open" is bob's and public; each has the one file "f1", of blob 1.
 */
#ifndef TESTS_UNIT_BROKER_MESH_WORLD_H
#define TESTS_UNIT_BROKER_MESH_WORLD_H

#include "broker/core/mesh/data/named.h"
#include "tests/unit/broker/data/stock.h"
#include "tests/unit/broker/mesh/far.h"

#define ANN 10
#define BOB 11

struct world {
    struct bed b;
    struct far f;
    uint32_t ann, bob, agent;
    uint64_t made_ms, files; /* of what far tells */
    unsigned turns;          /* for it to come */
};

/* One file "f1", of blob 1, as far tells of it. */
__attribute__((unused)) static struct wf_digest listing(void)
{
    uint8_t bytes[32 + 3 + 32 + 8] = {0};
    const struct wf_digest blob = stock_digest(1);
    struct wf_digest d;

    memcpy(bytes + 32, "f1", 3);
    memcpy(bytes + 35, blob.b, sizeof blob.b);
    bytes[67 + 1] = KIB >> 8;
    wf_leaf(bytes, sizeof bytes, &d);
    return d;
}

__attribute__((unused)) static void far_has(struct world *w, unsigned place,
                                            uint8_t owner, const char *name,
                                            const char *label)
{
    const struct wf_key id = names_place(place);
    struct wf_dataset_fact m = {.name = wf_slice_of(name),
                                .version = 1,
                                .owner = bed_key(owner),
                                .owner_name = wf_slice_of("someone"),
                                .listing = listing(),
                                .files = w->files,
                                .bytes = KIB,
                                .created_ms = w->made_ms};
    struct wf_buf body = WF_BUF_INIT(4096);
    struct list labels = LIST;

    if (label != NULL) {
        list_label(&labels, label);
        m.labels = labels.rows;
    }
    must(wf_msg_encode(&body, WF_MSG_dataset_fact, &m) == 0);
    must(gossip_say(w->f.g, WF_FACT_DATASET, wf_slice_make(id.b, sizeof id.b),
                    wf_slice_make(body.p, body.len), w->b.now_us, &w->f.fx) == 0);
    list_fini(&labels);
    wf_buf_fini(&body);
    carry_for(&w->b, &w->f, w->turns);
}

__attribute__((unused)) static void open_alone(struct world *w)
{
    *w = (struct world){.made_ms = 5, .files = 1, .turns = 20};
    bed_init(&w->b);
    w->b.cfg.key = bed_key(200);
    w->b.cfg.boot = 1;
    w->b.cfg.lease_ms = w->b.cfg.heartbeat_ms = 3600000;
    bed_start(&w->b);
    w->ann = bed_client(&w->b, ANN, "ann");
    w->bob = bed_client(&w->b, BOB, "bob");
    w->agent = stock_agent(&w->b, 1, "one", NULL);
}

__attribute__((unused)) static void open_world(struct world *w)
{
    open_alone(w);
    far_init(&w->b, &w->f);
    far_has(w, 0, ANN, "hers", NULL);
    far_has(w, 1, BOB, "open", "public=yes");
}

__attribute__((unused)) static void close_world(struct world *w)
{
    core_check(w->b.c);
    far_fini(&w->f);
    bed_fini(&w->b);
}

__attribute__((unused)) static void show(struct world *w, uint32_t peer, const char *name)
{
    bed_say(
        &w->b, peer, WF_MSG_query,
        &(struct wf_query){.req = 9, .kind = WF_QUERY_DATASET, .key = wf_slice_of(name)});
}

/* What the neighbour was asked for in the last step. */
__attribute__((unused)) static int asked(const struct world *w, const char *key,
                                         struct wf_query *ret_query)
{
    struct wf_msg m;

    if (!bed_told(&w->b, w->f.peer, WF_MSG_query, 0, &m)) {
        return 0;
    }
    *ret_query = m.u.query;
    return wf_slice_is(m.u.query.key, key) && m.u.query.hops != 0 &&
           wf_key_eq(&m.u.query.home, &(struct wf_key[]){bed_key(FAR)}[0]);
}

/* The neighbour tells a page of the list: one file, of blob n. */
__attribute__((unused)) static void tell_page(struct world *w, uint64_t req,
                                              const char *path, unsigned n, uint64_t more)
{
    struct wf_dataset_info m = {.req = req, .more = more};
    struct list files = LIST;

    list_file(&files, path, n, KIB);
    m.files = files.rows;
    bed_say(&w->b, w->f.peer, WF_MSG_dataset_info, &m);
    list_fini(&files);
    core_check(w->b.c);
}

/* All of it. */
__attribute__((unused)) static void tell_list(struct world *w, uint64_t req, unsigned n)
{
    tell_page(w, req, "f1", n, 0);
}

#endif
