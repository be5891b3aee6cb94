/* stock.h - data on the bench: blobs, who holds them, datasets, lanes
 *
 * Blob number n has the digest of n repeated, two bytes each, and n KiB unless said
 * otherwise.  Lists are built in a store of the test's own, which its message borrows.
 */
#ifndef TESTS_UNIT_BROKER_DATA_STOCK_H
#define TESTS_UNIT_BROKER_DATA_STOCK_H

#include "broker/core/data/inputs.h"
#include "tests/unit/broker/bed.h"

#define KIB UINT64_C(1024)
#define MIB UINT64_C(1048576)

__attribute__((unused)) static struct wf_digest stock_digest(unsigned n)
{
    struct wf_digest d;

    for (size_t i = 0; i < sizeof d.b; i += 2) {
        d.b[i] = (uint8_t) (n >> 8);
        d.b[i + 1] = (uint8_t) n;
    }
    return d;
}

__attribute__((unused)) static struct blob *stock_blob(const struct bed *b, unsigned n)
{
    const struct wf_digest d = stock_digest(n);

    return catalogue_get(&b->c->data.catalogue, &d);
}

/* -- lists -----------------------------------------------------------------------------
 */

struct list {
    struct wf_buf store;
    struct wf_rows rows;
};

#define LIST                                                                             \
    {                                                                                    \
        WF_BUF_INIT(16u << 20),                                                          \
        {                                                                                \
            NULL, 0, 0                                                                   \
        }                                                                                \
    }

__attribute__((unused)) static void list_fini(struct list *l)
{
    wf_buf_fini(&l->store);
    l->rows = (struct wf_rows){0};
}

__attribute__((unused)) static void list_blob(struct list *l, unsigned n, uint64_t size)
{
    const struct wf_digest_row row = {stock_digest(n), size};

    must(wf_rows_add(&l->store, &l->rows, wf_desc_digest_row(), &row) == 0);
}

__attribute__((unused)) static void list_hold(struct list *l, unsigned n, uint64_t size,
                                              uint64_t have, unsigned flags)
{
    const struct wf_hold_row row = {stock_digest(n), size, have, flags};

    must(wf_rows_add(&l->store, &l->rows, wf_desc_hold_row(), &row) == 0);
}

__attribute__((unused)) static void list_file(struct list *l, const char *path,
                                              unsigned n, uint64_t size)
{
    const struct wf_file_row row = {wf_slice_of(path), stock_digest(n), size};

    must(wf_rows_add(&l->store, &l->rows, wf_desc_file_row(), &row) == 0);
}

__attribute__((unused)) static void list_label(struct list *l, const char *text)
{
    const struct wf_label_row row = {wf_slice_of(text)};

    must(wf_rows_add(&l->store, &l->rows, wf_desc_label_row(), &row) == 0);
}

__attribute__((unused)) static void list_input(struct list *l, const char *name,
                                               const char *ref)
{
    const struct wf_input_row row = {wf_slice_of(name), wf_slice_of(ref)};

    must(wf_rows_add(&l->store, &l->rows, wf_desc_input_row(), &row) == 0);
}

/* -- agents ----------------------------------------------------------------------------
 */

/* Offer "echo@1", with room for data and maybe a label. */
__attribute__((unused)) static void stock_info(struct bed *b, uint32_t peer,
                                               const char *label, uint64_t slots,
                                               uint64_t data_cap)
{
    const struct wf_cap_row row = {.name = wf_slice_of("echo"),
                                   .version = 1,
                                   .kind = WF_HANDLER_EXEC,
                                   .slots = slots};
    struct wf_buf caps = WF_BUF_INIT(1024);
    struct list labels = LIST;
    struct wf_agent_info m = {.seq = 1, .slots = slots, .cpus = 4, .data_cap = data_cap};

    must(wf_rows_add(&caps, &m.caps, wf_desc_cap_row(), &row) == 0);
    if (label != NULL) {
        list_label(&labels, label);
        m.labels = labels.rows;
    }
    bed_say(b, peer, WF_MSG_agent_info, &m);
    list_fini(&labels);
    wf_buf_fini(&caps);
}

__attribute__((unused)) static void stock_holds(struct bed *b, uint32_t peer, int reset,
                                                const struct list *l, uint64_t room)
{
    const struct wf_holdings m = {.seq = 1,
                                  .reset = reset != 0,
                                  .rows = l != NULL ? l->rows : (struct wf_rows){0},
                                  .room = room};

    bed_say(b, peer, WF_MSG_holdings, &m);
}

/* It holds one blob whole, of n KiB. */
__attribute__((unused)) static void stock_has(struct bed *b, uint32_t peer, unsigned n)
{
    struct list l = LIST;

    list_hold(&l, n, n * KIB, n * KIB, 0);
    stock_holds(b, peer, 0, &l, 1000 * MIB);
    list_fini(&l);
}

/* An agent that is ready for work and data; it holds nothing yet. */
__attribute__((unused)) static uint32_t stock_agent(struct bed *b, uint8_t key,
                                                    const char *name, const char *label)
{
    const struct wf_key k = bed_key(key);
    uint32_t peer;

    if (registry_key(&b->c->registry, &k) == NULL) {
        bed_enrol(b, key, WF_ROLE_AGENT, name);
    }
    peer = bed_hello(b, key, WF_ROLE_AGENT, key);
    stock_info(b, peer, label, 4, 1000 * MIB);
    bed_resync(b, peer);
    stock_holds(b, peer, 1, NULL, 1000 * MIB);
    return peer;
}

__attribute__((unused)) static struct agent *stock_agent_of(const struct bed *b,
                                                            uint8_t key)
{
    const struct wf_key k = bed_key(key);

    return registry_key(&b->c->registry, &k)->agent;
}

/* -- datasets --------------------------------------------------------------------------
 */

/* Put a version of these files; `label` may be NULL.  The answer is in the effects. */
__attribute__((unused)) static void stock_put(struct bed *b, uint32_t peer,
                                              const char *name, uint32_t base,
                                              const char *label, const struct list *files)
{
    struct list labels = LIST;
    struct wf_dataset_put m = {
        .req = 7, .name = wf_slice_of(name), .base = base, .files = files->rows};

    if (label != NULL) {
        list_label(&labels, label);
        m.labels = labels.rows;
    }
    bed_say(b, peer, WF_MSG_dataset_put, &m);
    list_fini(&labels);
}

/* Files "f<from>" and following, each the blob of that number. */
__attribute__((unused)) static void stock_simple(struct bed *b, uint32_t peer,
                                                 const char *name, const char *label,
                                                 unsigned from, unsigned n)
{
    struct list files = LIST;

    for (unsigned i = from; i < from + n; i++) {
        char path[16];

        (void) snprintf(path, sizeof path, "f%u", i);
        list_file(&files, path, i, i * KIB);
    }
    stock_put(b, peer, name, UINT32_MAX, label, &files);
    list_fini(&files);
}

__attribute__((unused)) static struct dataset *stock_get(const struct bed *b,
                                                         const char *name,
                                                         uint32_t version)
{
    return dataset_get(&b->c->data.datasets, wf_slice_of(name), version);
}

__attribute__((unused)) static void stock_rm(struct bed *b, uint32_t peer,
                                             const char *name)
{
    const struct wf_dataset_rm m = {8, wf_slice_of(name)};

    bed_say(b, peer, WF_MSG_dataset_rm, &m);
}

/* A job of "echo" with one input; its id is 16 times that byte. */
__attribute__((unused)) static void stock_submit(struct bed *b, uint32_t peer, uint8_t id,
                                                 const char *name, const char *ref)
{
    struct list inputs = LIST;
    struct wf_submit m = bed_work(id);

    list_input(&inputs, name, ref);
    m.inputs = inputs.rows;
    bed_say(b, peer, WF_MSG_submit, &m);
    list_fini(&inputs);
}

/* 1 when the last step told the peer to keep (or drop) blob number n. */
__attribute__((unused)) static int stock_kept(const struct bed *b, uint32_t peer,
                                              unsigned action, unsigned blob)
{
    const struct wf_digest want = stock_digest(blob);
    struct wf_digest_row row;
    struct wf_msg m;

    for (unsigned i = 0; bed_told(b, peer, WF_MSG_keep, i, &m); i++) {
        while (m.u.keep.action == action &&
               wf_rows_next(&m.u.keep.rows, wf_desc_digest_row(), &row)) {
            if (wf_digest_eq(&row.digest, &want)) {
                return 1;
            }
        }
    }
    return 0;
}

#endif
