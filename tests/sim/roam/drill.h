/* drill.h - a broker dies while all is well: those who know another are there soon
 *
 * At the end of each world with actors that roam, when nothing is left to do: the broker
 * where most of them are is killed, and three heartbeats, the time of the handshakes and
 * one second (a way that was just tried rests so long) later they have a session
 * elsewhere.  Then it comes back.
 */
#ifndef TESTS_SIM_ROAM_DRILL_H
#define TESTS_SIM_ROAM_DRILL_H

#include "tests/sim/roam/roam.h"

struct drill {
    struct host *dead;
    uint32_t moves; /* actors that have to, a bit each */
    uint64_t until_us;
};

/* Kill it.  0: there is nobody who could go anywhere. */
int drill_begin(struct sim *s, struct drill *d);

/* At `until_us`: look, and start it again. */
void drill_end(struct sim *s, const struct drill *d);

#endif
