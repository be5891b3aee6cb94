#include "common/root.h"

#include "common/rng.h"
#include "tests/lib/tap.h"

static int right(uint64_t v)
{
    __extension__ unsigned __int128 r = wf_root(v);

    return r * r <= v && (r + 1) * (r + 1) > v;
}

int main(void)
{
    struct wf_rng rng = {1};
    int good = 1;

    for (uint64_t v = 0; v < 70000; v++) {
        good = good && right(v);
    }
    ok(good, "roots of small numbers");
    for (uint64_t r = 2; r <= UINT32_MAX; r = r * 3 / 2 + 1) {
        good = good && wf_root(r * r) == r && wf_root(r * r - 1) == r - 1;
    }
    ok(good, "squares, and what is just below them");
    for (int i = 0; i < 100000; i++) {
        good = good && right(wf_rng_next(&rng) >> wf_rng_below(&rng, 64));
    }
    ok(good && right(UINT64_MAX), "numbers of any size");
    is_int(wf_root(UINT64_MAX), UINT32_MAX, "the largest");
    return done();
}
