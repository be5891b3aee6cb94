/* drill.h - a broker dies while all is well: those who know another are there soon
 *
 * At the end of each world with actors that roam, when nothing is left to do: the broker
 * where most of them are is killed, and three heartbeats, the time of the handshakes and
 * one second (a way that was just tried rests so long) later they have a session
 * elsewhere, or had one and are on their way from there to a better one.  Then it comes
 * back.
 */
#ifndef TESTS_SIM_ROAM_DRILL_H
#define TESTS_SIM_ROAM_DRILL_H

#include "tests/sim/roam/roam.h"

#define DRILL_ACTORS 32u /* so many have a bit */

struct drill {
    struct host *dead;
    uint32_t moves;                 /* actors that have to, a bit each */
    uint32_t moved;                 /* those that had a session elsewhere since */
    uint64_t left_us[DRILL_ACTORS]; /* roam.left_us, when they had it first */
    uint64_t until_us;
};

/* Kill it.  0: there is nobody who could go anywhere. */
int drill_begin(struct sim *s, struct drill *d);

/* After each step until `until_us`. */
void drill_watch(const struct sim *s, struct drill *d);

/* At `until_us`: look, and start it again. */
void drill_end(struct sim *s, const struct drill *d);

#endif
