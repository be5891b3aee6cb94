/* opt.h - options from tables
 *
 * A table says each option's names, kind and where its value goes: `offset` into the
 * struct given beside the table.  Options and operands may be mixed; "--" ends options.
 * "--name value", "--name=value", "-n value", "-nvalue" and "-ab" are understood.
 * Values point into argv.
 */
#ifndef CLI_TOOL_OPT_H
#define CLI_TOOL_OPT_H

#include <stddef.h>
#include <stdint.h>

enum opt_kind {
    OPT_FLAG,   /* int: 1 */
    OPT_TEXT,   /* const char * */
    OPT_CHOICE, /* const char *: one of `value`, which is "a|b|c" */
    OPT_LIST,   /* struct opt_list: may be repeated */
    OPT_UINT,   /* uint64_t: min to max */
    OPT_TIME,   /* uint64_t: milliseconds, at most max */
    OPT_SIZE,   /* uint64_t: bytes */
    OPT_USD     /* uint64_t: 1e-12 dollars, at least min */
};

struct opt {
    const char *name;
    char letter; /* 0: none */
    enum opt_kind kind;
    const char *value; /* what the help calls the value; NULL for flags */
    size_t offset;
    uint64_t min, max; /* max 0: no limit */
    const char *help;
};

#define OPT_LIST_MAX 32

struct opt_list {
    const char *values[OPT_LIST_MAX];
    size_t n;
};

/* A table and the struct that receives the values. */
struct opt_set {
    const struct opt *opts;
    size_t n;
    void *base;
};

/* Parse argv[0..argc).  Operands are moved to the front of argv; *ret_operands is how
 * many.  With `stop` parsing ends at the first operand, and *ret_operands is its index.
 * -1: `text` says what is wrong, and what may have been meant. */
int opt_parse(const struct opt_set *sets, size_t nsets, int stop, int argc, char **argv,
              int *ret_operands, char *text, size_t cap);

#endif
