/* link_list.h - a page of links that is being filled, for the query that shows them */
#ifndef BROKER_CORE_LINK_LIST_H
#define BROKER_CORE_LINK_LIST_H

#include "proto/msg.h"

struct core;

struct link_list {
    struct core *c;
    const struct wf_query *q;
    struct wf_links_page page;
    uint64_t limit, at; /* rows before this one */
};

/* Add a row unless the query is about another node, or begins further on: 1 when the page
 * is full. */
int link_list_add(struct link_list *l, const struct wf_link_view_row *row);

/* mesh/on_map.c: links between brokers, our own first.  WEFT_ENOMEM. */
int link_list_brokers(struct link_list *l);

#endif
