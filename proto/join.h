/* join.h - the device's side of enrolment
 *
 *   IDLE --start--> RUNNING --joined--> DONE
 *                      |
 *                      +--refused, expired, out of time--> FAILED
 *
 * Connects with the key pair that the token's seed gives, opens a session in the token's
 * role, asks to enrol the device's own public key, and hangs up.  Tries every address of
 * the token until one answers or the time is over; what a broker refuses is final.
 * docs/spec/3-identity.md.  Pure; times are microseconds of a monotonic clock.
 */
#ifndef PROTO_JOIN_H
#define PROTO_JOIN_H

#include "common/err.h"
#include "proto/link.h"
#include "proto/token.h"

enum wf_join_state {
    WF_JOIN_IDLE,
    WF_JOIN_RUNNING,
    WF_JOIN_DONE,
    WF_JOIN_FAILED,
    WF_JOIN_STATES
};

struct wf_join_config {
    struct wf_key key; /* the device's own public key */
    unsigned role;     /* of the token */
    unsigned nendpoints;
    char name[WF_NAME_MAX + 1]; /* wished for; the token's goes first */
    char software[WF_NAME_MAX + 1];
    uint64_t epoch, seed; /* random */
};

/* What the broker made of it. */
struct wf_join_result {
    char name[WF_NAME_MAX + 1];
    char site[WF_NAME_MAX + 1];
    char broker[WF_NAME_MAX + 1];
    unsigned role, tier;
};

struct wf_joiner {
    unsigned state; /* enum wf_join_state; only join.c writes it */
    struct wf_link link;
    struct wf_join_config cfg;
    uint64_t until_us;
    struct wf_join_result result; /* once DONE */
    struct wf_err err;            /* once FAILED; before, what the last try met */
};

void wf_joiner_init(struct wf_joiner *j, const struct wf_join_config *cfg);
void wf_joiner_start(struct wf_joiner *j, uint64_t now_us, uint64_t until_us,
                     struct wf_effects *out);

/* The transport's news and messages.  `why` is a line about a broken connection. */
void wf_joiner_up(struct wf_joiner *j, uint64_t now_us, struct wf_effects *out);
void wf_joiner_down(struct wf_joiner *j, uint64_t now_us, const char *why,
                    struct wf_effects *out);
void wf_joiner_refused(struct wf_joiner *j, uint64_t now_us, struct wf_effects *out);
void wf_joiner_msg(struct wf_joiner *j, uint64_t now_us, const struct wf_msg *msg,
                   struct wf_effects *out);

uint64_t wf_joiner_due_us(const struct wf_joiner *j);
void wf_joiner_tick(struct wf_joiner *j, uint64_t now_us, struct wf_effects *out);

#endif
