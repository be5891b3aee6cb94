#include "broker/core/router/prices.h"

#include "client/include/weft/error.h"
#include "common/mem.h"

#include <string.h>

#define TIERS      4u
#define UNSET      UINT64_MAX
#define DAY_S      86400u
#define FIRST_SIDE 8u

struct class_price {
    uint64_t list;
    uint64_t marginal; /* UNSET: no line */
    uint64_t hazard;
    enum price_paid paid;
};

/* A square of prices; row and column 0 are for any site. */
struct square {
    uint64_t *at; /* owned, side * side */
    uint32_t side, used;
};

struct prices {
    struct class_price *classes; /* owned, by number; 0: any */
    uint32_t nclasses;
    uint16_t *row; /* owned, by number of a site: its row and column; 0: it has none */
    uint32_t nrow;
    struct square sites;
    uint64_t tiers[TIERS * TIERS];
};

static const char *const paid_names[] = {"owned", "reserved", "on-demand", "spot"};

struct prices *prices_new(void)
{
    struct prices *p = wf_calloc(1, sizeof *p);

    if (p != NULL) {
        memset(p->tiers, 0xff, sizeof p->tiers);
    }
    return p;
}

void prices_clear(struct prices *p)
{
    wf_free(p->classes);
    wf_free(p->row);
    wf_free(p->sites.at);
    memset(p, 0, sizeof *p);
    memset(p->tiers, 0xff, sizeof p->tiers);
}

void prices_free(struct prices *p)
{
    if (p != NULL) {
        prices_clear(p);
        wf_free(p);
    }
}

void prices_swap(struct prices *a, struct prices *b)
{
    struct prices was = *a;

    *a = *b;
    *b = was;
}

/* -- lines ----------------------------------------------------------------------------
 */

/* The next power of two above `n`: tables grow by doubling. */
static uint32_t room_for(uint32_t n)
{
    uint32_t cap = FIRST_SIDE;

    while (cap <= n) {
        cap *= 2;
    }
    return cap;
}

static int reserve_class(struct prices *p, uint32_t class_)
{
    uint32_t n = room_for(class_);
    struct class_price *classes;

    if (class_ < p->nclasses) {
        return 0;
    }
    classes = wf_realloc(p->classes, n * sizeof *classes);
    if (classes == NULL) {
        return WEFT_ENOMEM;
    }
    for (uint32_t i = p->nclasses; i < n; i++) {
        classes[i] = (struct class_price){.marginal = UNSET};
    }
    p->classes = classes;
    p->nclasses = n;
    return 0;
}

int prices_set_node(struct prices *p, uint32_t class_, enum price_paid paid,
                    uint64_t pusd_s, uint64_t events_day)
{
    int rc;

    if (class_ > PRICES_CLASSES_MAX || (unsigned) paid >= PRICE_PAIDS ||
        pusd_s > PRICES_NODE_MAX || events_day > PRICES_EVENT_MAX) {
        return WEFT_EINVAL;
    }
    rc = reserve_class(p, class_);
    if (rc != 0) {
        return rc;
    }
    p->classes[class_] = (struct class_price){
        .list = pusd_s,
        .marginal = paid == PRICE_OWNED || paid == PRICE_RESERVED ? 0 : pusd_s,
        .hazard = (events_day * (1000000000000 / PRICES_EVENT) + DAY_S / 2) / DAY_S,
        .paid = paid,
    };
    return 0;
}

int prices_set_tiers(struct prices *p, unsigned from, unsigned to, uint64_t pusd_byte)
{
    if (from >= TIERS || to >= TIERS || pusd_byte > PRICES_BYTE_MAX) {
        return WEFT_EINVAL;
    }
    p->tiers[from * TIERS + to] = pusd_byte;
    return 0;
}

static int reserve_square(struct square *s, uint32_t need)
{
    uint32_t side = room_for(need - 1);
    uint64_t *at;

    if (need <= s->side) {
        return 0;
    }
    at = wf_calloc((size_t) side * side, sizeof *at);
    if (at == NULL) {
        return WEFT_ENOMEM;
    }
    memset(at, 0xff, (size_t) side * side * sizeof *at);
    for (uint32_t i = 0; i < s->used; i++) {
        memcpy(at + (size_t) i * side, s->at + (size_t) i * s->side,
               s->used * sizeof *at);
    }
    wf_free(s->at);
    s->at = at;
    s->side = side;
    return 0;
}

static int reserve_site(struct prices *p, uint32_t site)
{
    uint32_t n = room_for(site);
    uint16_t *row;

    if (site < p->nrow) {
        return 0;
    }
    row = wf_realloc(p->row, n * sizeof *row);
    if (row == NULL) {
        return WEFT_ENOMEM;
    }
    memset(row + p->nrow, 0, (n - p->nrow) * sizeof *row);
    p->row = row;
    p->nrow = n;
    return 0;
}

static uint16_t row_of(const struct prices *p, uint32_t site)
{
    return site < p->nrow ? p->row[site] : 0;
}

/* A row of its own for a site that gets its first line.  Rows are used in order, after
 * row 0. */
static uint16_t take_row(struct prices *p, uint32_t site)
{
    if (p->sites.used == 0) {
        p->sites.used = 1;
    }
    if (site != 0 && p->row[site] == 0) {
        p->row[site] = (uint16_t) p->sites.used++;
    }
    return row_of(p, site);
}

int prices_set_sites(struct prices *p, uint32_t from, uint32_t to, uint64_t pusd_byte)
{
    uint32_t need = (uint32_t) wf_max_u64(p->sites.used, 1);
    size_t at;
    int rc;

    if (from > PRICES_NAMED_MAX || to > PRICES_NAMED_MAX || pusd_byte > PRICES_BYTE_MAX) {
        return WEFT_EINVAL;
    }
    need += from != 0 && row_of(p, from) == 0;
    need += to != 0 && to != from && row_of(p, to) == 0;
    if (need > PRICES_SITES_MAX + 1) {
        return WEFT_EFULL;
    }
    rc = reserve_site(p, from > to ? from : to);
    if (rc == 0) {
        rc = reserve_square(&p->sites, need);
    }
    if (rc != 0) {
        return rc;
    }
    at = (size_t) take_row(p, from) * p->sites.side;
    p->sites.at[at + take_row(p, to)] = pusd_byte;
    return 0;
}

/* -- lookups --------------------------------------------------------------------------
 */

static const struct class_price *class_of(const struct prices *p, uint32_t class_)
{
    static const struct class_price none = {0};

    if (class_ < p->nclasses && p->classes[class_].marginal != UNSET) {
        return &p->classes[class_];
    }
    return p->nclasses != 0 && p->classes[0].marginal != UNSET ? &p->classes[0] : &none;
}

uint64_t prices_node(const struct prices *p, uint32_t class_)
{
    return class_of(p, class_)->marginal;
}

uint64_t prices_hazard(const struct prices *p, uint32_t class_)
{
    return class_of(p, class_)->hazard;
}

uint64_t prices_list(const struct prices *p, uint32_t class_)
{
    return class_of(p, class_)->list;
}

enum price_paid prices_paid(const struct prices *p, uint32_t class_)
{
    return class_of(p, class_)->paid;
}

/* The most particular line of a square for a pair: UNSET when there is none. */
static uint64_t first_of(const uint64_t *at, uint32_t side, uint32_t from, uint32_t to)
{
    const uint64_t *row = at + (size_t) from * side;

    if (row[to] != UNSET) {
        return row[to];
    }
    if (row[0] != UNSET) {
        return row[0];
    }
    return at[to] != UNSET ? at[to] : at[0];
}

/* Within a site nothing is paid, unless a line names the site twice. */
static uint64_t within(const struct prices *p, uint32_t site)
{
    uint32_t row = row_of(p, site);
    uint64_t price = row != 0 ? p->sites.at[(size_t) row * p->sites.side + row] : UNSET;

    return price != UNSET ? price : 0;
}

uint64_t prices_egress(const struct prices *p, uint32_t from_site, unsigned from_tier,
                       uint32_t to_site, unsigned to_tier)
{
    uint64_t price = UNSET;

    if (from_site == to_site && from_site != 0) {
        return within(p, from_site);
    }
    if (p->sites.used != 0) {
        price = first_of(p->sites.at, p->sites.side, row_of(p, from_site),
                         row_of(p, to_site));
    }
    if (price == UNSET) {
        price = first_of(p->tiers, TIERS, from_tier < TIERS ? from_tier : 0,
                         to_tier < TIERS ? to_tier : 0);
    }
    return price != UNSET ? price : 0;
}

const char *price_paid_name(enum price_paid paid)
{
    return (unsigned) paid < ARRAY_LEN(paid_names) ? paid_names[paid] : "?";
}

int price_paid_parse(const char *s)
{
    for (size_t i = 0; i < ARRAY_LEN(paid_names); i++) {
        if (strcmp(s, paid_names[i]) == 0) {
            return (int) i;
        }
    }
    return -1;
}
