/* flip.h - what would have changed a placement decision
 *
 * score = link + max(wait, fetch, warm) + run + risk + money + rest; lower wins.  The
 * rest is what the broker does not tell apart: what a wait costs the jobs behind, and
 * preferences that are not met.  Pure; integer microseconds.
 */
#ifndef CLI_VIEW_FLIP_H
#define CLI_VIEW_FLIP_H

#include <stdint.h>

#include <weft/info.h>

enum flip_term {
    FLIP_LINK,
    FLIP_WAIT,
    FLIP_FETCH,
    FLIP_WARM,
    FLIP_RUN,
    FLIP_RISK,
    FLIP_MONEY,
    FLIP_REST,
    FLIP_TERMS
};

const char *flip_name(enum flip_term term); /* "wait" */
uint64_t flip_value(const struct weft_scored *row, enum flip_term term);

struct flip {
    uint64_t margin_us; /* by how much the winner won */
    int single;         /* one term of the other could turn it around, */
    enum flip_term term;
    uint64_t below_us; /* if it were below this */
    uint64_t wait_us;  /* or if the winner's wait were above this */
};

/* `winner` has the lower score.  Of several terms that could, the one in which the other
 * is furthest behind the winner, then the largest. */
struct flip flip_compute(const struct weft_scored *winner,
                         const struct weft_scored *other);

/* The term that costs `other` most beyond the winner, or gains it most; FLIP_TERMS when
 * there is none.  *ret_us is the difference. */
enum flip_term flip_worst(const struct weft_scored *winner,
                          const struct weft_scored *other, uint64_t *ret_us);
enum flip_term flip_best(const struct weft_scored *winner,
                         const struct weft_scored *other, uint64_t *ret_us);

/* The money line.  Were a second worth more than `above_pusd` the job would go to
 * `dearer`, which is sooner; were it worth less than `below_pusd`, to `cheaper`.  NULL:
 * to no other, whatever a second is worth. */
struct flip_money {
    const struct weft_scored *dearer, *cheaper;
    uint64_t above_pusd, below_pusd;
};

/* Of `n` rows, those that no filter refused. */
struct flip_money flip_money(const struct weft_scored *winner,
                             const struct weft_scored *rows, size_t n);

#endif
