/* plant.h - bugs planted on purpose, to show that the tests see them
 *
 *     if (WF_PLANT(NO_FENCE)) {
 *         what the bug does;
 *     }
 *
 * In what is shipped the condition is the constant 0.  Code built with -DWEFT_PLANTS asks
 * whether it is the bug that the environment names (WEFT_PLANT=no_fence, tests/plant):
 * one build serves the tests of all of them.
 */
#ifndef COMMON_PLANT_H
#define COMMON_PLANT_H

enum wf_plant {
    WF_PLANT_NONE,
#define X(upper, lower) WF_PLANT_##upper,
#include "common/plants.def"
#undef X
};

#ifdef WEFT_PLANTS
extern enum wf_plant wf_planted;
#define WF_PLANT(upper) (wf_planted == WF_PLANT_##upper)
#else
#define WF_PLANT(upper) (WF_PLANT_##upper == WF_PLANT_NONE)
#endif

#endif
