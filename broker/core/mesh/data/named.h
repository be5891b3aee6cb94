/* named.h - what datasets are called between brokers: ours told, theirs found
 *
 * A broker says a fact for each version of a dataset that is at home with it, and takes
 * it back when it is removed.  What others say gathers in names.h.  Who may read what is
 * not here decides its home by the same rule as here: its owner, by key, and all when it
 * is public; who is an operator here is none there.  docs/spec/9-gossip.md, 9.9.
 */
#ifndef BROKER_CORE_MESH_DATA_NAMED_H
#define BROKER_CORE_MESH_DATA_NAMED_H

#include "proto/effects.h"
#include "proto/msg.h"

struct core;
struct dataset;
struct gossip_fact;
struct name;
struct session;

/* A version came into the tables; it goes; all that are there, to the first neighbour. */
void named_say(struct core *c, struct dataset *d, struct wf_effects *out);
void named_gone(struct core *c, struct dataset *d, struct wf_effects *out);
void named_say_all(struct core *c, struct wf_effects *out);

/* The digest of a list of files.  WEFT_ENOMEM. */
int named_listing(const struct dataset *d, struct wf_digest *ret_digest);

/* What its home said of it, which borrows: 1, or 0 when that counts no more. */
int named_fact(const struct core *c, const struct name *x, struct wf_msg *ret_msg,
               uint64_t *ret_at_us);

/* Another broker's word. */
void named_heard(struct core *c, const struct gossip_fact *f);

/* What a session means by a name: a dataset that is here, or one that is known of. */
struct named {
    struct dataset *here;
    const struct name *there;
};

/* Version 0: the newest.  0, WEFT_ENOENT. */
int named_find(const struct core *c, const struct session *s, struct wf_slice name,
               uint32_t version, struct named *ret_named);

/* Is it one that is listed to an operator, though he may not read it?  1, and whose and
 * where, in a line. */
int named_denied(const struct core *c, const struct session *s, struct wf_slice name,
                 uint32_t version, char *ret_text, size_t cap);

/* The newest version of that owner's name that other brokers have; 0: none. */
uint32_t named_newest(const struct core *c, const struct wf_key *owner,
                      struct wf_slice name);

/* 1: it is NAME.<8hex> of a broker that is known, ours included. */
int named_after_broker(const struct core *c, struct wf_slice name);

/* How it is called to that session; in `room` or borrowed. */
const char *named_here(const struct core *c, const struct session *s,
                       const struct dataset *d, char room[WF_DATASET_MAX + 1]);

/* Rows of those of other brokers that the session may see, from number *at on, into the
 * store: 1 when the page is full, *at is the next then; 0. */
int named_rows(const struct core *c, const struct session *s, size_t *at, uint64_t limit,
               struct wf_buf *store, struct wf_rows *rows);

#endif
