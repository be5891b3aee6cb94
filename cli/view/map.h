/* map.h - the mesh as one broker tells it: a table, JSON, or a picture for graphviz
 *
 * Brokers in the order of their distance, those that are cut off last; below each its
 * links to others, as it told of them, and below the broker that was asked its agents.
 */
#ifndef CLI_VIEW_MAP_H
#define CLI_VIEW_MAP_H

#include "cli/cli.h"

struct map {
    struct weft_status *status; /* of the broker that was asked; brokers[0] is the same */
    struct weft_broker *brokers;
    size_t nbrokers;
    struct weft_link *links; /* between brokers */
    size_t nlinks;
    struct weft_node *nodes; /* that it has sessions with, or had */
    size_t nnodes;
};

/* Ask for it; `filter` (NULL: all) is of agents.  An exit code. */
int map_get(struct cli *cli, const char *filter, struct map *map);
void map_fini(struct map *map);

/* Leave the agents out. */
void map_drop_agents(struct map *map);

size_t map_brokers_up(const struct map *map);

/* For how long a broker has been cut off, in ms; 0: it is not, or that is not known. */
uint64_t map_cut_ms(const struct map *map, const struct weft_broker *broker);

void map_print(struct cli *cli, const struct map *map);
void map_json(struct cli *cli, const struct map *map);

/* map_dot.c */
void map_dot(struct cli *cli, const struct map *map);

#endif
