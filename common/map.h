/* map.h - hash map from byte strings to pointers
 *
 * Keys and values are borrowed: the key's bytes live inside the value (or as long as it)
 * and must not change or move while it is in.  Entries stand in an array in order of
 * insertion, with holes where one was taken; an open-addressed index (SipHash-1-3 of the
 * key, seeded, so that a peer who chooses ids cannot choose collisions) leads to them.
 * Memory doubles as needed, at most 40 bytes for each of 4 * max entries.
 */
#ifndef COMMON_MAP_H
#define COMMON_MAP_H

#include "common/defs.h"

struct wf_map;

/* A map of at most `max` (1 to 2^28) values.  NULL when out of memory. */
struct wf_map *wf_map_new(size_t max, uint64_t seed);

/* Frees the map, not the values.  NULL is allowed. */
void wf_map_free(struct wf_map *m);

/* The value (borrowed) or NULL. */
void *wf_map_get(const struct wf_map *m, const void *key, size_t len);

/* The key will be looked up soon: have the cache fetch where it begins to look, which in
 * a large map is always somewhere else. */
void wf_map_expect(const struct wf_map *m, const void *key, size_t len);

/* Insert a value that is not NULL.  0, WEFT_EEXIST, WEFT_EFULL, WEFT_ENOMEM. */
int wf_map_put(struct wf_map *m, const void *key, size_t len, void *value);

/* Remove and return the value, or NULL. */
void *wf_map_take(struct wf_map *m, const void *key, size_t len);

size_t wf_map_len(const struct wf_map *m);

/* Walk in order of insertion; NULL at the end:
 *     size_t it = 0;
 *     while ((v = wf_map_next(m, &it)) != NULL) { ... }
 * Values may be taken while walking.  A put while walking may make the walk miss values.
 */
void *wf_map_next(const struct wf_map *m, size_t *it);

#endif
