/* news.h - the last events that an operator may want to know of
 *
 * Rings of fixed size with sequence numbers in common, so that a reader sees what it
 * missed: one of our own events, one of those heard of neighbours.  So what neighbours
 * tell, however much, pushes nothing out that happened here.
 */
#ifndef BROKER_CORE_NEWS_H
#define BROKER_CORE_NEWS_H

#include "proto/msg.h"

#define NEWS_KEPT  1024u
#define NEWS_HEARD 256u

struct news_item {
    uint64_t seq, wall_ms;
    unsigned level; /* enum wf_log_level */
    char kind[WF_NAME_MAX + 1];
    char node[WF_NAME_MAX + 1]; /* empty: none */
    struct wf_id job;           /* zero: none */
    char text[WF_TEXT_MAX + 1];
    int stored; /* there is a record of it */
};

struct news_ring {
    struct news_item *v; /* owned; in order of their numbers, from v[count % max] on */
    unsigned max;
    uint64_t count; /* that were ever put in */
};

struct news {
    struct news_ring own, heard;
    uint64_t next; /* sequence number of the next item; the first is 1 */
};

int news_init(struct news *n);
void news_fini(struct news *n);

/* Add one of our own, or one that was heard, and return it (borrowed until as many later
 * ones as the ring has). */
struct news_item *news_add(struct news *n, uint64_t wall_ms, unsigned level,
                           const char *kind, const char *node, const struct wf_id *job,
                           const char *text);
struct news_item *news_add_heard(struct news *n, uint64_t wall_ms, unsigned level,
                                 const char *kind, const char *node,
                                 const struct wf_id *job, const char *text);

/* The stored item that the next one of our own overwrites; 0: none. */
uint64_t news_evicted(const struct news *n);

/* Put back one that was written before a restart.  Returns the number of a stored one for
 * which there is no place any more; 0: none. */
uint64_t news_replay(struct news *n, const struct wf_event_row *row);

/* The item of a number, or NULL when it is gone or not there yet. */
const struct news_item *news_get(const struct news *n, uint64_t seq);

/* The newest item before that number, and the oldest from it on; NULL: there is none. */
const struct news_item *news_before(const struct news *n, uint64_t seq);
const struct news_item *news_from(const struct news *n, uint64_t seq);

/* As a wire row that borrows from the item. */
struct wf_event_row news_row(const struct news_item *item);

#endif
