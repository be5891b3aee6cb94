#include "common/io/ahead.h"

#include "common/mem.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

/* Larger blocks are mapped, and given back, one by one: so large that the buffers of
 * frames are not among them. */
#define MAP_FROM (2 << 20)

struct wf_ahead {
    uv_prepare_t prep;
    uintptr_t page;
    uintptr_t done; /* up to here the heap was touched, or was there when we began */
};

static uintptr_t heap_end(const struct wf_ahead *a)
{
    return (uintptr_t) sbrk(0) & ~(a->page - 1);
}

/* What fails is touched later by who needs it. */
static void touch(uintptr_t at, size_t len)
{
#ifdef MADV_POPULATE_WRITE
    (void) madvise((void *) at, len,
                   MADV_POPULATE_WRITE); /* NOLINT: it is the heap's end */
#else
    (void) at;
    (void) len;
#endif
}

static void prepare_cb(uv_prepare_t *h)
{
    struct wf_ahead *a = h->data;
    const uintptr_t end = heap_end(a);

    if (end <= a->done) {
        a->done = end; /* it may have shrunk */
    } else if (uv_backend_timeout(h->loop) != 0) {
        size_t len;

        if (end - a->done > AHEAD_BYTES) {
            a->done = end - AHEAD_BYTES; /* what is below was asked for, and is in use */
        }
        len = wf_min_u64(end - a->done, AHEAD_STEP);
        touch(a->done, len);
        a->done += len;
    }
}

int wf_ahead_new(struct wf_loop *l, struct wf_ahead **ret_ahead)
{
    struct wf_ahead *a = wf_calloc(1, sizeof *a);

    if (a == NULL) {
        return WEFT_ENOMEM;
    }
    (void) mallopt(M_TOP_PAD, AHEAD_BYTES);
    (void) mallopt(M_TRIM_THRESHOLD, AHEAD_KEEP);
    (void) mallopt(M_MMAP_THRESHOLD, MAP_FROM);
    a->page = (uintptr_t) sysconf(_SC_PAGESIZE);
    a->done = heap_end(a);
    a->prep.data = a;
    (void) uv_prepare_init(&l->uv, &a->prep);
    (void) uv_prepare_start(&a->prep, prepare_cb);
    uv_unref((uv_handle_t *) &a->prep); /* no reason to run */
    *ret_ahead = a;
    return 0;
}

static void closed(uv_handle_t *h)
{
    wf_free(h->data);
}

void wf_ahead_free(struct wf_ahead *a)
{
    if (a != NULL) {
        uv_close((uv_handle_t *) &a->prep, closed);
    }
}
