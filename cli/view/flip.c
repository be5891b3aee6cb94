#include "cli/view/flip.h"

/* So many times itself a wait costs those who come after (docs/PLACEMENT.md). */
#define WAIT_OTHERS 3u

static uint64_t max3(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t ab = a > b ? a : b;

    return ab > c ? ab : c;
}

const char *flip_name(enum flip_term term)
{
    static const char *const names[FLIP_TERMS] = {"link", "wait", "data",  "warm-up",
                                                  "run",  "risk", "money", "rest"};

    return term < FLIP_TERMS ? names[term] : "?";
}

static uint64_t rest_us(const struct weft_scored *row)
{
    uint64_t known = row->link_us + max3(row->wait_us, row->fetch_us, row->warm_us) +
                     row->run_us + row->risk_us + row->money_us;

    return row->score_us > known ? row->score_us - known : 0;
}

uint64_t flip_value(const struct weft_scored *row, enum flip_term term)
{
    switch (term) {
    case FLIP_LINK:
        return row->link_us;
    case FLIP_WAIT:
        return row->wait_us;
    case FLIP_FETCH:
        return row->fetch_us;
    case FLIP_WARM:
        return row->warm_us;
    case FLIP_RUN:
        return row->run_us;
    case FLIP_RISK:
        return row->risk_us;
    case FLIP_MONEY:
        return row->money_us;
    case FLIP_REST:
        return rest_us(row);
    default:
        return 0;
    }
}

/* How much the score falls when this term falls to 0: wait, fetch and warm overlap. */
static uint64_t reducible(const struct weft_scored *row, enum flip_term term)
{
    uint64_t value = flip_value(row, term), others = 0;

    if (term == FLIP_WAIT) {
        others = max3(row->fetch_us, row->warm_us, 0);
    } else if (term == FLIP_FETCH) {
        others = max3(row->wait_us, row->warm_us, 0);
    } else if (term == FLIP_WARM) {
        others = max3(row->wait_us, row->fetch_us, 0);
    }
    return value > others ? value - others : 0;
}

struct flip flip_compute(const struct weft_scored *winner,
                         const struct weft_scored *other)
{
    struct flip flip = {0};
    uint64_t most = 0, largest = 0;

    flip.margin_us =
        other->score_us > winner->score_us ? other->score_us - winner->score_us : 0;
    flip.wait_us = max3(winner->wait_us, winner->fetch_us, winner->warm_us) +
                   flip.margin_us / (1 + WAIT_OTHERS);
    for (enum flip_term t = FLIP_LINK; t < FLIP_TERMS; t++) {
        uint64_t value = flip_value(other, t), behind = flip_value(winner, t);

        behind = value > behind ? value - behind : 0;
        if (reducible(other, t) > flip.margin_us &&
            (behind > most || (behind == most && value > largest))) {
            most = behind;
            largest = value;
            flip.single = 1;
            flip.term = t;
            flip.below_us = value - flip.margin_us;
        }
    }
    return flip;
}

static uint64_t more(uint64_t than, uint64_t us)
{
    return us > than ? us - than : 0;
}

enum flip_term flip_worst(const struct weft_scored *winner,
                          const struct weft_scored *other, uint64_t *ret_us)
{
    enum flip_term worst = FLIP_TERMS;
    uint64_t most = 0;

    for (enum flip_term t = FLIP_LINK; t < FLIP_TERMS; t++) {
        uint64_t a = flip_value(winner, t), b = flip_value(other, t);

        if (b > a && b - a > most) {
            most = b - a;
            worst = t;
        }
    }
    /* The rest is mostly what they wait who come after, behind the queue and the link: it
     * grows with the greater of wait and data, which say more. */
    if (worst == FLIP_REST) {
        const uint64_t wait_us = more(winner->wait_us, other->wait_us);
        const uint64_t fetch_us = more(winner->fetch_us, other->fetch_us);
        const uint64_t us = wait_us > fetch_us ? wait_us : fetch_us;

        if (us != 0 && (WAIT_OTHERS + 1) * us >= most) {
            worst = wait_us > fetch_us ? FLIP_WAIT : FLIP_FETCH;
            most = us;
        }
    }
    *ret_us = most;
    return worst;
}

enum flip_term flip_best(const struct weft_scored *winner,
                         const struct weft_scored *other, uint64_t *ret_us)
{
    return flip_worst(other, winner, ret_us);
}

/* The score but for its money, in microseconds. */
static uint64_t time_of(const struct weft_scored *row)
{
    return row->score_us > row->money_us ? row->score_us - row->money_us : 0;
}

/* What a second must be worth so that `pusd` more make up for `us` less. */
static uint64_t rate(uint64_t pusd, uint64_t us)
{
    __extension__ unsigned __int128 r = (unsigned __int128) pusd * 1000000 / us;

    return r > UINT64_MAX ? UINT64_MAX : (uint64_t) r;
}

/* As a second gets worth more (or less), the first whose score falls below the winner's
 * is the best of all at that point: the winner still beats the rest. */
struct flip_money flip_money(const struct weft_scored *winner,
                             const struct weft_scored *rows, size_t n)
{
    struct flip_money flip = {0};
    uint64_t us = time_of(winner), pusd = winner->cost_pusd;

    for (size_t i = 0; i < n; i++) {
        const struct weft_scored *row = &rows[i];
        uint64_t its_us = time_of(row), at;

        if (row == winner || row->filter != 0) {
            continue;
        }
        if (row->cost_pusd > pusd && its_us < us) {
            at = rate(row->cost_pusd - pusd, us - its_us);
            if (flip.dearer == NULL || at < flip.above_pusd) {
                flip.dearer = row;
                flip.above_pusd = at;
            }
        } else if (row->cost_pusd < pusd && its_us > us) {
            at = rate(pusd - row->cost_pusd, its_us - us);
            if (flip.cheaper == NULL || at > flip.below_pusd) {
                flip.cheaper = row;
                flip.below_pusd = at;
            }
        }
    }
    return flip;
}
