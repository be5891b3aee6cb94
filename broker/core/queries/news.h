/* news.h - the last events that an operator may want to know of
 *
 * A ring of fixed size with sequence numbers, so that a reader sees what it missed.
 */
#ifndef BROKER_CORE_NEWS_H
#define BROKER_CORE_NEWS_H

#include "proto/msg.h"

#define NEWS_KEPT 1024

struct news_item {
    uint64_t seq, wall_ms;
    unsigned level; /* enum wf_log_level */
    char kind[WF_NAME_MAX + 1];
    char node[WF_NAME_MAX + 1]; /* empty: none */
    struct wf_id job;           /* zero: none */
    char text[WF_TEXT_MAX + 1];
    int stored; /* there is a record of it */
};

struct news {
    struct news_item *ring; /* owned */
    uint64_t next;          /* sequence number of the next item; the first is 1 */
};

int news_init(struct news *n);
void news_fini(struct news *n);

/* Add one and return it (borrowed until NEWS_KEPT later ones). */
struct news_item *news_add(struct news *n, uint64_t wall_ms, unsigned level,
                           const char *kind, const char *node, const struct wf_id *job,
                           const char *text);

/* The stored item that the next one overwrites; 0: none. */
uint64_t news_evicted(const struct news *n);

/* Put back one that was written before a restart.  Returns the number of a stored one for
 * which there is no place any more; 0: none. */
uint64_t news_replay(struct news *n, const struct wf_event_row *row);

/* The item of a number, or NULL when it is gone or not there yet. */
const struct news_item *news_get(const struct news *n, uint64_t seq);

/* As a wire row that borrows from the item. */
struct wf_event_row news_row(const struct news_item *item);

#endif
