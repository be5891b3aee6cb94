#include "cli/tool/opt.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/tool/fmt.h"
#include "cli/tool/suggest.h"

struct parse {
    const struct opt_set *sets;
    size_t nsets;
    int argc, at;
    char **argv;
    char *text;
    size_t cap;
};

__attribute__((format(printf, 2, 3))) static int fail(struct parse *p, const char *fmt,
                                                      ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(p->text, p->cap, fmt, ap);
    va_end(ap);
    return -1;
}

static int in_choice(const char *choices, const char *value)
{
    size_t len = strlen(value);

    while (len > 0 && *choices != '\0') {
        size_t n = strcspn(choices, "|");

        if (n == len && memcmp(choices, value, n) == 0) {
            return 1;
        }
        choices += n + (choices[n] == '|');
    }
    return 0;
}

/* No such value of this option; it may be one of another. */
static int no_choice(struct parse *p, const struct opt *opt, const char *value)
{
    for (size_t s = 0; s < p->nsets; s++) {
        for (size_t i = 0; i < p->sets[s].n; i++) {
            const struct opt *other = &p->sets[s].opts[i];

            if (other->kind == OPT_CHOICE && in_choice(other->value, value)) {
                return fail(p, "--%s wants one of %s, not `%s`: did you mean `--%s %s`?",
                            opt->name, opt->value, value, other->name, value);
            }
        }
    }
    return fail(p, "--%s wants one of %s, not `%s`", opt->name, opt->value, value);
}

static int add(struct parse *p, const struct opt *opt, struct opt_list *list,
               const char *value)
{
    if (list->n >= OPT_LIST_MAX) {
        return fail(p, "--%s is given more than %d times", opt->name, OPT_LIST_MAX);
    }
    list->values[list->n++] = value;
    return 0;
}

static int number(struct parse *p, const struct opt *opt, uint64_t *slot,
                  const char *value)
{
    uint64_t max = opt->max > 0 ? opt->max : UINT64_MAX, v;

    if (opt->kind == OPT_TIME && fmt_parse_time(value, &v) < 0) {
        return fail(p, "--%s wants a time such as 500ms, 30s, 5m or 1h30m, not `%s`",
                    opt->name, value);
    }
    if (opt->kind == OPT_SIZE && fmt_parse_size(value, &v) < 0) {
        return fail(p, "--%s wants a size such as 512, 64k or 10M, not `%s`", opt->name,
                    value);
    }
    if (opt->kind == OPT_USD && (fmt_parse_usd(value, &v) < 0 || v < opt->min)) {
        return fail(p, "--%s wants dollars such as 0.002, not `%s`", opt->name, value);
    }
    if (opt->kind == OPT_UINT && fmt_parse_uint(value, &v) < 0) {
        return fail(p, "--%s wants a number, not `%s`", opt->name, value);
    }
    if (opt->kind == OPT_TIME && (v < opt->min || v > max)) {
        return fail(p, "--%s wants at least %s%s%s, not `%s`", opt->name,
                    fmt_ms(opt->min).s, opt->max > 0 ? " and at most " : "",
                    opt->max > 0 ? fmt_ms(max).s : "", value);
    }
    if (v < opt->min || v > max) {
        return fail(p, "--%s wants %" PRIu64 " to %" PRIu64 ", not `%s`", opt->name,
                    opt->min, max, value);
    }
    *slot = v;
    return 0;
}

static int store(struct parse *p, const struct opt_set *set, const struct opt *opt,
                 const char *value)
{
    void *slot = (char *) set->base + opt->offset;

    switch (opt->kind) {
    case OPT_FLAG:
        *(int *) slot = 1;
        return 0;
    case OPT_CHOICE:
        if (!in_choice(opt->value, value)) {
            return no_choice(p, opt, value);
        }
        *(const char **) slot = value;
        return 0;
    case OPT_TEXT:
        *(const char **) slot = value;
        return 0;
    case OPT_LIST:
        return add(p, opt, slot, value);
    case OPT_UINT:
    case OPT_TIME:
    case OPT_SIZE:
    case OPT_USD:
        return number(p, opt, slot, value);
    }
    return fail(p, "--%s cannot be parsed", opt->name);
}

/* The option called `name` (len bytes), or with `letter` when name is NULL. */
static const struct opt *find(const struct parse *p, const char *name, size_t len,
                              char letter, const struct opt_set **ret_set)
{
    for (size_t s = 0; s < p->nsets; s++) {
        for (size_t i = 0; i < p->sets[s].n; i++) {
            const struct opt *opt = &p->sets[s].opts[i];

            if (name != NULL ? strlen(opt->name) == len && !memcmp(opt->name, name, len)
                             : opt->letter == letter) {
                *ret_set = &p->sets[s];
                return opt;
            }
        }
    }
    return NULL;
}

static int unknown(struct parse *p, const char *name, size_t len)
{
    struct suggest near;
    char typed[64];

    snprintf(typed, sizeof(typed), "%.*s", (int) (len < 60 ? len : 60), name);
    suggest_start(&near, typed);
    for (size_t s = 0; s < p->nsets; s++) {
        for (size_t i = 0; i < p->sets[s].n; i++) {
            suggest_try(&near, p->sets[s].opts[i].name);
        }
    }
    if (near.best != NULL) {
        return fail(p, "unknown option `--%s`: did you mean `--%s`?", typed, near.best);
    }
    return fail(p, "unknown option `--%s`", typed);
}

static const char *next_value(struct parse *p)
{
    return p->at + 1 < p->argc ? p->argv[++p->at] : NULL;
}

static int long_option(struct parse *p, const char *name)
{
    size_t len = strcspn(name, "=");
    const struct opt_set *set = NULL;
    const struct opt *opt = find(p, name, len, 0, &set);
    const char *value = name[len] == '=' ? name + len + 1 : NULL;

    if (opt == NULL) {
        return unknown(p, name, len);
    }
    if (opt->kind == OPT_FLAG && value != NULL) {
        return fail(p, "--%s takes no value", opt->name);
    }
    if (opt->kind != OPT_FLAG && value == NULL && (value = next_value(p)) == NULL) {
        return fail(p, "--%s wants a value: %s", opt->name, opt->value);
    }
    return store(p, set, opt, value);
}

static int short_options(struct parse *p, const char *letters)
{
    while (*letters != '\0') {
        const struct opt_set *set = NULL;
        const struct opt *opt = find(p, NULL, 0, *letters, &set);
        const char *value = letters + 1;

        if (opt == NULL) {
            return fail(p, "unknown option `-%c`", *letters);
        }
        if (opt->kind != OPT_FLAG) {
            if (*value == '\0' && (value = next_value(p)) == NULL) {
                return fail(p, "-%c wants a value: %s", *letters, opt->value);
            }
            return store(p, set, opt, value);
        }
        if (store(p, set, opt, NULL) < 0) {
            return -1;
        }
        letters++;
    }
    return 0;
}

int opt_parse(const struct opt_set *sets, size_t nsets, int stop, int argc, char **argv,
              int *ret_operands, char *text, size_t cap)
{
    struct parse p = {sets, nsets, argc, 0, argv, text, cap};
    int operands = 0, ended = 0, rc = 0;

    for (p.at = 0; p.at < argc && rc == 0; p.at++) {
        char *arg = argv[p.at];

        if (ended || arg[0] != '-' || arg[1] == '\0') {
            if (stop) {
                *ret_operands = p.at;
                return 0;
            }
            argv[operands++] = arg;
        } else if (strcmp(arg, "--") == 0) {
            ended = 1;
        } else if (arg[1] == '-') {
            rc = long_option(&p, arg + 2);
        } else {
            rc = short_options(&p, arg + 1);
        }
    }
    if (rc == 0) {
        *ret_operands = stop ? argc : operands;
    }
    return rc;
}
