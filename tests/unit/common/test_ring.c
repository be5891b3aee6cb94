#include "common/err.h"
#include "common/mem.h"
#include "common/ring.h"
#include "tests/lib/tap.h"

int main(void)
{
    static int things[1000];
    struct wf_ring r;
    size_t in = 0;
    size_t out = 0;
    int good = 1;

    is_int(wf_ring_init(&r, 0), WEFT_EINVAL, "no ring of none");
    wf_mem_fail_after(0);
    is_int(wf_ring_init(&r, 3), WEFT_ENOMEM, "out of memory");
    wf_mem_fail_after(-1);
    wf_ring_fini(&r);
    must(wf_ring_init(&r, 3) == 0);
    ok(wf_ring_pop(&r) == NULL && wf_ring_peek(&r, 0) == NULL, "empty");
    while (in < 1000) {
        while (in < 1000 && wf_ring_push(&r, &things[in]) == 0) {
            in++;
        }
        good = good && (in == 1000 || wf_ring_full(&r)) && wf_ring_peek(&r, 3) == NULL;
        for (size_t i = 0; i < wf_ring_len(&r); i++) {
            good = good && wf_ring_peek(&r, i) == &things[out + i];
        }
        for (size_t n = 1 + out % 3; n > 0 && wf_ring_len(&r) > 0; n--) {
            good = good && wf_ring_pop(&r) == &things[out++];
        }
    }
    ok(good, "first in, first out, at every place in the ring");
    must(wf_ring_full(&r) || wf_ring_push(&r, things) == 0);
    while (wf_ring_push(&r, things) == 0) {
    }
    is_int(wf_ring_push(&r, things), WEFT_EFULL, "full");
    wf_ring_fini(&r);
    return done();
}
