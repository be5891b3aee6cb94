/* suggest.h - "did you mean": the nearest of some words
 *
 * Optimal string alignment distance: insertions, deletions, changes and swaps of
 * neighbours cost 1.  A word is near when it is at most a third of its length away, or
 * starts with what was typed.  Pure.
 */
#ifndef CLI_TOOL_SUGGEST_H
#define CLI_TOOL_SUGGEST_H

#include <stddef.h>

unsigned suggest_distance(const char *a, const char *b);

struct suggest {
    const char *typed, *best; /* best: NULL while nothing is near */
    unsigned distance;
};

void suggest_start(struct suggest *suggest, const char *typed);
void suggest_try(struct suggest *suggest, const char *word);

#endif
