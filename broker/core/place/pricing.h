/* pricing.h - the price book as people write it, and the numbers that placement reads
 *
 * Lines name classes, tiers and sites; the router knows numbers.  The names of classes
 * and sites are interned here, for nodes as for lines, so that both mean the same.  New
 * lines replace all old ones, or nothing changes.  Pure.
 */
#ifndef BROKER_CORE_PRICING_H
#define BROKER_CORE_PRICING_H

#include "broker/core/router/prices.h"
#include "common/intern.h"
#include "proto/limits.h"
#include "proto/words.h"

#define PRICE_LINES_MAX 2048u
#define PRICE_ANY       "*"

/* A line: what a node class costs, or a byte between two tiers or two sites. */
struct price_line {
    enum wf_price_kind kind;
    char from[WF_NAME_MAX + 1]; /* node class; tier or site that sends; PRICE_ANY */
    char to[WF_NAME_MAX + 1];   /* tier or site that gets; PRICE_ANY */
    uint64_t pusd;              /* a slot-second, or a byte */
    enum price_paid paid;       /* of a class, */
    uint64_t events_day;        /* and how often a node is taken away, in PRICES_EVENT */
};

struct pricing {
    struct prices *book;               /* owned; its address stays, others borrow it */
    struct wf_intern *classes, *sites; /* owned */
    struct price_line *lines;          /* owned, as they were given, for views */
    size_t nlines;
};

/* WEFT_ENOMEM. */
int pricing_init(struct pricing *p, uint64_t seed);
void pricing_fini(struct pricing *p);

/* Take these lines (copied) for all there were.  WEFT_EINVAL: one that cannot be;
 * WEFT_EFULL: more names than the book has room for; WEFT_ENOMEM. */
int pricing_put(struct pricing *p, const struct price_line *lines, size_t n);

#endif
