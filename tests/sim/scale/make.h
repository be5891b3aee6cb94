/* make.h - a world is drawn: where sites stand, who is linked to whom, which jobs come */
#ifndef TESTS_SIM_SCALE_MAKE_H
#define TESTS_SIM_SCALE_MAKE_H

#include "tests/sim/scale/world.h"

/* Where the site of a broker stands, and how many agents it has. */
void make_site(struct world *w, struct broker *b);

/* All links; when every site stands. */
void make_links(struct world *w);

/* All jobs, the same for every mode; when all slots are known. */
void make_works(struct world *w);

#endif
