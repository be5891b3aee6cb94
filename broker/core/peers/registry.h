/* registry.h - who may connect: enrolled keys and join tokens
 *
 * A principal is a key with a role and a name that is unique among keys not revoked.  A
 * token is known by the public half of its key pair and works once.  Both are kept after
 * their end, so that a late user gets the reason.  Changes are written as store records.
 */
#ifndef BROKER_CORE_REGISTRY_H
#define BROKER_CORE_REGISTRY_H

#include "common/map.h"
#include "proto/msg.h"
#include "proto/words.h"

#define REGISTRY_LABELS 8 /* labels that an operator put on one node */

enum registry_table { REGISTRY_KEYS = 1, REGISTRY_TOKENS = 2 };

struct principal {
    struct wf_key key; /* first: the map's key */
    unsigned role, tier, state;
    char name[WF_NAME_MAX + 1];
    char site[WF_NAME_MAX + 1];
    uint64_t created_ms, seen_ms; /* wall clock */
    uint64_t expires_ms;          /* tokens only */
    int foreign;                  /* enrolled at another broker, and seen here */
    int unknown;                  /* there are jobs of this key, and no record of it */
    int drained;                  /* by an operator: survives restarts */
    int up;               /* an agent that is connected, or was at the last word */
    int claimed_rollback; /* that the store went back in time: it is heard once */
    uint64_t lsn; /* of the record that enrolled the key, made or used up the token; 0: it
                     was read from the store */
    unsigned nlabels;
    char labels[REGISTRY_LABELS][WF_LABEL_MAX + 1];
    struct agent *agent;        /* borrowed: once it said hello as one */
    size_t guests, guest_bytes; /* live jobs here that are this broker's: guests.h */
};

struct registry {
    struct wf_map *keys;   /* owned principals */
    struct wf_map *tokens; /* owned principals of state ACTIVE, USED, EXPIRED, REVOKED */
    size_t operators;      /* active */
};

int registry_init(struct registry *r, size_t max, uint64_t seed);
void registry_fini(struct registry *r);

struct principal *registry_key(const struct registry *r, const struct wf_key *key);
struct principal *registry_token(const struct registry *r, const struct wf_key *key);

/* The active principal of this name, or NULL. */
struct principal *registry_named(const struct registry *r, struct wf_slice name);

/* An active principal by name, else an open token by name, else either by at least 8 hex
 * digits of the key.  WEFT_ENOENT; WEFT_EINVAL when several match. */
int registry_find(const struct registry *r, const char *text,
                  struct principal **ret_principal);

/* Was a key or a token of this name revoked? */
int registry_was_revoked(const struct registry *r, const char *name);

/* Add a principal or a token: the caller fills `p` (copied).  WEFT_EEXIST for a key known
 * already or a name taken, WEFT_EFULL, WEFT_ENOMEM. */
int registry_add(struct registry *r, unsigned table, const struct principal *p,
                 struct principal **ret_principal);

void registry_set_state(struct registry *r, struct principal *p, unsigned state);

/* Forget one that nothing refers to. */
void registry_drop(struct registry *r, unsigned table, struct principal *p);

/* Store records: the value of a principal; and back, replacing what there was.
 * WEFT_EPROTO for a damaged record, which changes nothing. */
int registry_record(const struct principal *p, struct wf_buf *out);
int registry_replay(struct registry *r, unsigned table, struct wf_slice record);

/* What the record of a broker's key says that it offered (mesh/offers.h); borrowed, empty
 * when it says nothing.  WEFT_EPROTO. */
int registry_known(struct wf_slice record, struct wf_slice *ret_known);

#endif
