#include "broker/core/place/pricing.h"

#include "client/include/weft/error.h"
#include "common/mem.h"

#include <string.h>

int pricing_init(struct pricing *p, uint64_t seed)
{
    *p = (struct pricing){.book = prices_new(),
                          .classes = wf_intern_new(PRICES_CLASSES_MAX, seed),
                          .sites = wf_intern_new(PRICES_NAMED_MAX, seed + 1)};
    if (p->book == NULL || p->classes == NULL || p->sites == NULL) {
        pricing_fini(p);
        return WEFT_ENOMEM;
    }
    return 0;
}

void pricing_fini(struct pricing *p)
{
    prices_free(p->book);
    wf_intern_free(p->classes);
    wf_intern_free(p->sites);
    wf_free(p->lines);
    *p = (struct pricing){0};
}

/* 0 stands for any, in lines of the book. */
static int number_of(struct wf_intern *names, const char *name, uint32_t *ret)
{
    if (strcmp(name, PRICE_ANY) != 0) {
        return name[0] != '\0' ? wf_intern_put(names, name, ret) : WEFT_EINVAL;
    }
    *ret = 0;
    return 0;
}

static int tier_of(const char *name, unsigned *ret)
{
    int tier = strcmp(name, PRICE_ANY) == 0 ? WF_TIER_NONE : wf_tier_parse(name);

    if (tier < 0 || (tier == WF_TIER_NONE && name[0] != '*')) {
        return WEFT_EINVAL;
    }
    *ret = (unsigned) tier;
    return 0;
}

static int put_node(struct pricing *p, struct prices *book, const struct price_line *l)
{
    uint32_t class_ = 0;
    int rc = number_of(p->classes, l->from, &class_);

    return rc != 0 ? rc : prices_set_node(book, class_, l->paid, l->pusd, l->events_day);
}

static int put_tiers(struct prices *book, const struct price_line *l)
{
    unsigned from = 0, to = 0;
    int rc = tier_of(l->from, &from);

    if (rc == 0) {
        rc = tier_of(l->to, &to);
    }
    return rc != 0 ? rc : prices_set_tiers(book, from, to, l->pusd);
}

static int put_sites(struct pricing *p, struct prices *book, const struct price_line *l)
{
    uint32_t from = 0, to = 0;
    int rc = number_of(p->sites, l->from, &from);

    if (rc == 0) {
        rc = number_of(p->sites, l->to, &to);
    }
    return rc != 0 ? rc : prices_set_sites(book, from, to, l->pusd);
}

static int put_line(struct pricing *p, struct prices *book, const struct price_line *l)
{
    switch (l->kind) {
    case WF_PRICE_NODE:
        return put_node(p, book, l);
    case WF_PRICE_TIERS:
        return put_tiers(book, l);
    case WF_PRICE_SITES:
        return put_sites(p, book, l);
    case WF_PRICE_NONE:
        break;
    }
    return WEFT_EINVAL;
}

int pricing_put(struct pricing *p, const struct price_line *lines, size_t n)
{
    struct price_line *copy = NULL;
    struct prices *book;
    int rc = 0;

    if (n > PRICE_LINES_MAX) {
        return WEFT_EFULL;
    }
    book = prices_new();
    if (n != 0) {
        copy = wf_memdup(lines, n * sizeof *lines);
    }
    if (book == NULL || (n != 0 && copy == NULL)) {
        rc = WEFT_ENOMEM;
    }
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = put_line(p, book, &lines[i]);
    }
    if (rc == 0) {
        prices_swap(p->book, book);
        wf_free(p->lines);
        p->lines = copy;
        p->nlines = n;
        copy = NULL;
    }
    prices_free(book);
    wf_free(copy);
    return rc;
}
