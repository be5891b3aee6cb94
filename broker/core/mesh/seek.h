/* seek.h - whose a job is that is not known here
 *
 * Who asks a broker for a job by its id, and comes from another broker, is told which one
 * has it.  The neighbours are asked, and ask theirs: over three links at the most, each
 * broker once, and no more of such questions than so many at a time and in a second.  The
 * answer names the broker and its addresses; what may be seen of the job that one judges
 * itself, when it is asked.  Guests are not found: they are another broker's jobs.
 * docs/spec/5-mesh.md, 5.9.
 */
#ifndef BROKER_CORE_MESH_SEEK_H
#define BROKER_CORE_MESH_SEEK_H

#include "proto/effects.h"
#include "proto/msg.h"

#define SEEKS_MAX 64u /* under way, here */
#define SEEK_HOPS 3u
#define SEEK_ASKS 32u /* neighbours that one question goes to */

#define SEEK_AGAIN_MS 200u /* when one may be asked again that was not looked for */

struct core;
struct turn;

/* A question under way. */
struct seek {
    uint64_t number; /* ours; 0: free */
    uint64_t origin;
    struct wf_id job;
    uint32_t peer;  /* who asked */
    unsigned about; /* its message, which is refused in the end; 0: a broker asked */
    uint64_t req;   /* its number there */
    unsigned left;  /* neighbours that did not answer yet: the first of `asked` */
    uint32_t asked[SEEK_ASKS];
    uint64_t due_us;
};

struct seeks {
    struct seek v[SEEKS_MAX];
    uint64_t number;
    uint64_t credit, credit_us; /* questions that may be begun; as of when */
};

/* Look for it on behalf of this turn's client, whose request is `req`.  1: that is under
 * way, and the answer follows; 0: there is nobody to ask; WEFT_EBUSY: too much is asked.
 */
int seek_begin(struct turn *t, const struct wf_id *job, uint64_t req);

void on_seek(struct turn *t);
void on_sought(struct turn *t);

/* Give up what was not answered in time. */
void seek_step(struct core *c, struct wf_effects *out);
uint64_t seek_due_us(const struct core *c);

#endif
