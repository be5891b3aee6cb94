/* list.h - intrusive doubly linked list
 *
 * The head is a node too; a node outside every list points at itself, so removing one
 * twice is harmless.  To remove while walking, take the next node first.
 */
#ifndef COMMON_LIST_H
#define COMMON_LIST_H

#include "common/defs.h"

struct wf_list_node {
    struct wf_list_node *prev, *next;
};

/* Make an empty head, or a node that is in no list. */
static inline void wf_list_init(struct wf_list_node *head)
{
    head->prev = head;
    head->next = head;
}

static inline int wf_list_empty(const struct wf_list_node *head)
{
    return head->next == head;
}

/* `node` must be in no list. */
static inline void wf_list_push_back(struct wf_list_node *head, struct wf_list_node *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void wf_list_push_front(struct wf_list_node *head,
                                      struct wf_list_node *node)
{
    node->prev = head;
    node->next = head->next;
    head->next->prev = node;
    head->next = node;
}

static inline void wf_list_remove(struct wf_list_node *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    wf_list_init(node);
}

/* NULL when empty. */
static inline struct wf_list_node *wf_list_first(const struct wf_list_node *head)
{
    return head->next == head ? NULL : head->next;
}

/* NULL at the end. */
static inline struct wf_list_node *wf_list_next(const struct wf_list_node *head,
                                                const struct wf_list_node *node)
{
    return node->next == head ? NULL : node->next;
}

#endif
