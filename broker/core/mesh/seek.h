/* seek.h - whose a job is that is not known here
 *
 * Who asks a broker for a job by its id, and comes from another broker, is told which one
 * has it.  The neighbours are asked, and ask theirs: over three links at the most, each
 * broker once, and no more of such questions than so many at a time and in a second.  Of
 * these questions by the whole id, by its first digits and for agents have a share each,
 * and brokers that ask one apart from our own clients': none keeps the others from being
 * asked.  By digits the newest jobs are looked through,
 * so many in a step.  The answer names the broker and its addresses; what may be seen of
 * the job that one judges itself, when it is asked.  Guests are not found: they are
 * another broker's jobs.
 *
 * In the same way an agent is sought that left with attempts (strays.h): the broker that
 * it is at asks it which of these it does not hold, and its answer goes back.
 * docs/spec/5-mesh.md, 5.9 and 5.10.
 */
#ifndef BROKER_CORE_MESH_SEEK_H
#define BROKER_CORE_MESH_SEEK_H

#include "proto/effects.h"
#include "proto/msg.h"

#define SEEKS_MAX   96u   /* under way, here: the shares of both sides */
#define SEEK_DIGITS 8u    /* of an id that are asked around for, at least */
#define SEEK_LOOKS  8192u /* jobs looked through for them */
#define SEEK_HOPS   3u
#define SEEK_ASKS   32u /* neighbours that one question goes to */

#define SEEK_AGAIN_MS 200u /* when one may be asked again that was not looked for */

struct core;
struct turn;

/* What is sought. */
enum seek_kind { SEEK_ID, SEEK_DIGITS_ONLY, SEEK_AGENT, SEEK_KINDS };

/* A question under way. */
struct seek {
    uint64_t number; /* ours; 0: free */
    uint64_t origin;
    struct wf_id job;     /* or its first digits, which is so many, */
    unsigned digits;      /* 0: all, */
    struct wf_key reader; /* of a job of this key */
    struct wf_key agent;  /* zeros: a job is sought */
    uint32_t peer;        /* who asked; 0: we did, for an agent */
    unsigned about; /* its message, which is refused in the end; 0: a broker asked */
    uint64_t req;   /* its number there */
    unsigned left;  /* neighbours that did not answer yet: the first of `asked` */
    uint32_t asked[SEEK_ASKS];
    int busy; /* one that answered had no time to look */
    uint64_t due_us;
};

/* Questions that may be begun, as of when. */
struct seek_credit {
    uint64_t left, at_us;
};

struct seeks {
    struct seek v[SEEKS_MAX];
    uint64_t number;
    uint64_t look_us; /* nothing is due before: seek_step() is part of each step */
    struct seek_credit credit[SEEK_KINDS][2]; /* of our own; of brokers that ask */
};

/* Look for it on behalf of this turn's client, whose request is `req`.  1: that is under
 * way, and the answer follows; 0: there is nobody to ask; WEFT_EBUSY: too much is asked.
 */
int seek_begin(struct turn *t, const struct wf_id *job, uint64_t req);

/* The same for the first digits of the id of a job of his; what are no digits, or fewer
 * than SEEK_DIGITS, is nowhere. */
int seek_begin_digits(struct turn *t, struct wf_slice digits, uint64_t req);

/* Look for an agent, and ask it about attempts.  As seek_begin(); strays_lost() gets the
 * answer, if one comes. */
int seek_agent(struct core *c, const struct wf_key *agent, struct wf_rows runs,
               struct wf_effects *out);

void on_seek(struct turn *t);
void on_sought(struct turn *t);

/* Give up what was not answered in time. */
void seek_step(struct core *c, struct wf_effects *out);
uint64_t seek_due_us(const struct core *c);

#endif
