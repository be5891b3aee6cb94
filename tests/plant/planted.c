/* planted.c - which of the planted bugs this process has: what WEFT_PLANT names, or none
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/plant.h"

/* A test that is expected to fail must not do so by a slip of the pen: meson takes this
 * status for an error whatever was expected. */
#define HARD_ERROR 99

enum wf_plant wf_planted;

static const char *const names[] = {
    "none",
#define X(upper, lower) #lower,
#include "common/plants.def"
#undef X
};

__attribute__((constructor)) static void plant(void)
{
    const char *name = getenv("WEFT_PLANT");

    for (unsigned i = 0; name != NULL; i++) {
        if (i == sizeof names / sizeof *names) {
            fprintf(stderr, "WEFT_PLANT: no bug is called '%s', see common/plants.def\n",
                    name);
            _exit(HARD_ERROR);
        }
        if (strcmp(names[i], name) == 0) {
            wf_planted = (enum wf_plant) i;
            return;
        }
    }
}
