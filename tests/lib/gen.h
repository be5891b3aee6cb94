/* gen.h - messages with random contents, made from their descriptions
 *
 * Fills the struct of any message or row by walking its field table, so that a message
 * added to messages.def is tested without a line of code.  The same seed gives the same
 * messages.  What a filled struct borrows belongs to the generator until gen_reset().
 */
#ifndef TESTS_LIB_GEN_H
#define TESTS_LIB_GEN_H

#include "common/rng.h"
#include "proto/msg.h"

#define GEN_LISTS 8          /* lists in one message */
#define GEN_ARENA (4u << 20) /* text and bytes between two resets */

enum gen_size {
    GEN_EMPTY, /* zeros and nothing */
    GEN_SMALL, /* like real traffic: short text, few rows */
    GEN_EDGE,  /* each field empty, at its limit or in between */
    GEN_FULL   /* each field at its limit */
};

struct gen {
    struct wf_rng rng;
    uint8_t *arena; /* GEN_ARENA bytes */
    size_t used;
    struct wf_buf rows[GEN_LISTS];
};

/* Aborts when out of memory, like the rest of this file: tests cannot go on. */
void gen_init(struct gen *g, uint64_t seed);
void gen_fini(struct gen *g);

/* Take back everything that was lent. */
void gen_reset(struct gen *g);

/* The description of a random message, each as likely as any other. */
const struct wf_desc *gen_pick(struct gen *g);

/* Fill the struct that `d` describes: `ret_body` has d->size bytes.  Resets first. */
void gen_body(struct gen *g, const struct wf_desc *d, enum gen_size size, void *ret_body);

/* Change `len` bytes at random in 1 to 4 places: bits, bytes, telling values, repeated or
 * removed pieces.  Never writes past `cap`.  Returns the new length. */
size_t gen_mutate(struct gen *g, uint8_t *p, size_t len, size_t cap);

/* 1 when two structs of one description say the same, lists row by row. */
int gen_equal(const struct wf_desc *d, const void *a, const void *b);

#endif
