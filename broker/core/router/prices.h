/* prices.h - the price book: what a slot-second of a node class and a byte of a link cost
 *
 * Money is in pusd, 1e-12 $.  A node class costs so many pusd a slot-second, a link so
 * many a byte: 0.09 $/GB (of 10^9 bytes) are 90 pusd a byte.  What placement asks for is
 * the marginal price: capacity that is owned or reserved costs nothing more when it is
 * used, that on demand and spot costs its list price.
 *
 * Classes and sites are numbers of the caller's (common/intern.h), tiers are enum
 * wf_tier.  0 stands for any in a line, and a node without a class, site or tier is met
 * by such lines alone.  A link is priced by the first of these that there is: the pair of
 * sites; from the site to any; from any to the site; any two sites; then the same of
 * tiers.  Nothing is free but what has no line, and what stays within a site, unless a
 * line names that site twice.  The order of the lines does not matter.
 *
 * Pure; not thread-safe.  Looking up is two or three loads from tables of the classes,
 * sites and tiers that were priced: at most PRICES_CLASSES_MAX * 32 bytes, and
 * (PRICES_SITES_MAX + 1)^2 * 8.
 */
#ifndef BROKER_CORE_ROUTER_PRICES_H
#define BROKER_CORE_ROUTER_PRICES_H

#include "common/defs.h"

#define PRICES_CLASSES_MAX 4096u  /* highest number of a class */
#define PRICES_NAMED_MAX   65535u /* highest number of a site */
#define PRICES_SITES_MAX   256u   /* sites with lines of their own */

/* The caps of one price, so that times and bytes of any job multiply within 128 bits. */
#define PRICES_NODE_MAX  UINT64_C(1000000000000000) /* pusd a slot-second: 1000 $ */
#define PRICES_BYTE_MAX  UINT64_C(1000000000)       /* pusd a byte: 10^6 $ a GB */
#define PRICES_EVENT     UINT64_C(1000000)          /* one event a day */
#define PRICES_EVENT_MAX (86400 * PRICES_EVENT)     /* one event a second */

enum price_paid { PRICE_OWNED, PRICE_RESERVED, PRICE_ON_DEMAND, PRICE_SPOT, PRICE_PAIDS };

struct prices;

/* NULL when out of memory. */
struct prices *prices_new(void);
void prices_free(struct prices *p); /* NULL is allowed */

/* Drop all lines. */
void prices_clear(struct prices *p);

/* Exchange all lines: a new book is made beside the one in use, which its users borrow,
 * and takes its place when it is complete. */
void prices_swap(struct prices *a, struct prices *b);

/* -- lines: a later one for the same class or pair replaces the earlier.  WEFT_EINVAL: a
 *    number or price over its maximum; WEFT_EFULL; WEFT_ENOMEM. -- */

/* A node class: list price of a slot-second, and how often its nodes are taken away, in
 * PRICES_EVENT a day; 0: never. */
int prices_set_node(struct prices *p, uint32_t class_, enum price_paid paid,
                    uint64_t pusd_s, uint64_t events_day);

int prices_set_tiers(struct prices *p, unsigned from, unsigned to, uint64_t pusd_byte);
int prices_set_sites(struct prices *p, uint32_t from, uint32_t to, uint64_t pusd_byte);

/* -- what placement asks -- */

/* Marginal price of a slot-second. */
uint64_t prices_node(const struct prices *p, uint32_t class_);

/* Price of a byte from one node to another. */
uint64_t prices_egress(const struct prices *p, uint32_t from_site, unsigned from_tier,
                       uint32_t to_site, unsigned to_tier);

/* Interruptions in 10^12 seconds: once a day is 11574074.  So many of them times
 * microseconds, by 10^18, are the events expected in that time. */
uint64_t prices_hazard(const struct prices *p, uint32_t class_);

/* -- for views -- */

/* What it costs whether used or not, and how it is paid. */
uint64_t prices_list(const struct prices *p, uint32_t class_);
enum price_paid prices_paid(const struct prices *p, uint32_t class_);

/* "owned", "reserved", "on-demand", "spot"; -1 for any other text. */
const char *price_paid_name(enum price_paid paid);
int price_paid_parse(const char *s);

#endif
