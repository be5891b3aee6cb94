/* node.h - how nodes are coloured, listed and written as JSON, everywhere the same */
#ifndef CLI_VIEW_NODE_H
#define CLI_VIEW_NODE_H

#include "cli/cli.h"

enum tint node_tint(const char *state);

/* The members of one row, into an open object. */
void node_json(struct json *json, const struct weft_node *node);

/* Members "capabilities": [...] of a node. */
void node_json_caps(struct json *json, const struct weft_node_full *node);

/* By name. */
void node_sort(struct weft_node *nodes, size_t n);

/* 1 for agents and brokers: what a map shows.  Clients are sessions, not places. */
int node_is_place(const struct weft_node *node);

/* Its tier for people: "" for none. */
const char *node_tier(const struct weft_node *node);

int node_is_agent(const struct weft_node *node);
int node_is_up(const struct weft_node *node);

/* Say why a query about the node failed.  The exit code. */
int node_fail(struct cli *cli, int rc, const char *name, const char *why);

struct node_text {
    char s[56];
};

/* "2/4": running of slots. */
struct node_text node_slots(const struct weft_node *node);

/* "up", or "lost 6m12s" for what is not. */
struct node_text node_state(const struct weft_node *node);

#endif
