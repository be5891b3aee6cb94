#include "common/io/ahead.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

#include <malloc.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES  (AHEAD_BYTES / 4096)
#define BLOCK  (100u << 10)
#define BLOCKS 64

static void never(void *arg)
{
    (void) arg;
}

/* Of the last AHEAD_BYTES of the heap, how many pages are there? */
static unsigned there(void)
{
    uintptr_t end = (uintptr_t) sbrk(0) & ~(uintptr_t) 4095;
    unsigned char page[PAGES];
    unsigned n = 0;

    memset(page, 0, sizeof page);
    (void) mincore((void *) (end - AHEAD_BYTES), AHEAD_BYTES, page);
    for (unsigned i = 0; i < PAGES; i++) {
        n += page[i] & 1;
    }
    return n;
}

/* Ask for blocks until the heap grows; 0: it does not grow at its end. */
static unsigned grow(void **blocks, unsigned n)
{
    const void *end = sbrk(0);

    while (n < BLOCKS && sbrk(0) == end) {
        blocks[n] = wf_realloc(NULL, BLOCK);
        must(blocks[n] != NULL);
        n++;
    }
    return sbrk(0) != end ? n : 0;
}

static void turn(struct wf_loop *l, unsigned n)
{
    while (n-- != 0) {
        wf_loop_turn(l);
    }
}

static void test_growth(struct wf_loop *l, struct wf_timer *t)
{
    static void *blocks[BLOCKS];
    unsigned n = grow(blocks, 0), before = there();
    const char *end;

    if (n == 0) {
        ok(1, "# SKIP this heap has no end that grows");
        return;
    }
    ok(before < PAGES / 2, "what the heap grew by is not there: %u pages", before);
    turn(l, 1);
    is_int(there(), before + AHEAD_STEP / 4096, "a part of it before a wait");
    wf_timer_start_at(t, 0);
    turn(l, 1);
    is_int(there(), before + AHEAD_STEP / 4096, "none while there is more to do");
    wf_timer_start_at(t, wf_now_us() + UINT64_C(3600000000));
    turn(l, PAGES);
    ok(there() >= PAGES - 1, "then all of it: %u of %u pages", there(), PAGES);
    n = grow(blocks, n);
    must(n != 0);
    before = there();
    turn(l, PAGES);
    ok(there() > before, "and so again when it grows again");
    while (n != 0) {
        wf_free(blocks[--n]);
    }
    end = sbrk(0);
    (void) malloc_trim(0);
    must((char *) sbrk(0) < end);
    turn(l, PAGES);
    must(grow(blocks, 0) != 0);
    before = there();
    turn(l, PAGES);
    ok(before < PAGES / 2 && there() >= PAGES - 1,
       "where it shrank and grows again, too: %u, then %u pages", before, there());
}

int main(void)
{
    struct wf_loop l;
    struct wf_ahead *a;
    struct wf_timer *t;

    must(sysconf(_SC_PAGESIZE) == 4096);
    must(wf_loop_init(&l, NULL) == 0);
    wf_mem_fail_after(0);
    is_int(wf_ahead_new(&l, &a), WEFT_ENOMEM, "no memory");
    wf_mem_fail_after(-1);
    must(wf_ahead_new(&l, &a) == 0);
    is_int(wf_loop_timeout_ms(&l), 0, "it is no reason to run");
    must(wf_timer_new(&l, never, NULL, &t) == 0);
    wf_timer_start_at(t, wf_now_us() + UINT64_C(3600000000));
    turn(&l, 1);
    test_growth(&l, t);
    wf_timer_free(t);
    wf_ahead_free(a);
    wf_ahead_free(NULL);
    wf_loop_fini(&l);
    return done();
}
