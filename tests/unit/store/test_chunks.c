#include "broker/store/chunks.h"

#include "common/mem.h"
#include "tests/lib/tap.h"

#define ROWS 5000u

static uint8_t bytes[400000];

static struct wf_slice record(uint64_t n)
{
    size_t len = n % 1000 == 999 ? sizeof bytes : 32 + n % 900;

    memset(bytes, (int) n, len);
    return wf_slice_make(bytes, len);
}

static int is_row(const struct store_row *r, uint64_t n)
{
    struct wf_slice want = record(n);

    return r->lsn == n && r->table == STORE_JOBS && r->taken == 0 && r->len == want.len &&
           memcmp(r->bytes, want.p, want.len) == 0;
}

/* Rows come and go, up to so many at a time; each is as it was put until it goes. */
static int flows(struct chunks *cs, size_t most)
{
    static struct store_row *rows[ROWS];
    size_t back = 0;
    int good = 1;

    for (size_t n = 0; n < ROWS; n++) {
        rows[n] = chunks_put(cs, STORE_JOBS, n, record(n));
        good &= rows[n] != NULL;
        while (n + 1 - back > most) {
            good &= is_row(rows[back], back);
            back++;
            chunks_give_back(cs, 1);
        }
    }
    for (size_t n = back; n < ROWS; n++) {
        good &= is_row(rows[n], n);
    }
    chunks_give_back(cs, ROWS - back);
    return good && cs->oldest == NULL;
}

int main(void)
{
    struct chunks cs = {NULL, NULL, NULL};

    ok(flows(&cs, 0), "one at a time");
    ok(flows(&cs, 100), "a hundred under way");
    ok(flows(&cs, ROWS), "all at once");
    (void) wf_mem_fail_after(0);
    ok(chunks_put(&cs, STORE_JOBS, 1, record(1)) != NULL, "a chunk is kept for the next");
    ok(chunks_put(&cs, STORE_JOBS, 2, record(999)) == NULL,
       "without memory there is none");
    (void) wf_mem_fail_after(-1);
    chunks_fini(&cs);
    cs = (struct chunks){NULL, NULL, NULL};
    (void) wf_mem_fail_after(-1);
    (void) chunks_put(&cs, STORE_JOBS, 1, record(1));
    (void) wf_mem_fail_after(1000);
    for (uint64_t n = 0; n < 100000; n++) {
        (void) chunks_put(&cs, STORE_JOBS, n, wf_slice_make(bytes, 300));
        chunks_give_back(&cs, 1);
    }
    is_int(wf_mem_fail_after(-1) < 3, 1, "a steady flow allocates nothing");
    chunks_fini(&cs);
    return done();
}
