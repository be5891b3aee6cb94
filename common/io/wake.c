#include "common/io/wake.h"

#include "common/mem.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Not uv_async_t: its loop spins while a sender is between two steps of sending, and a
 * sender that gives way (common/io/thread.h) is taken off its processor exactly there,
 * by the loop that it has just woken. */
struct wf_wake {
    uv_poll_t uv;
    int fd;
    atomic_bool sent; /* and not called yet: who sets it writes */
    void (*on_wake)(void *arg);
    void *arg;
};

static void woken(uv_poll_t *h, int status, int events)
{
    struct wf_wake *w = h->data;
    uint64_t n;

    (void) status;
    (void) events;
    /* In this order: what is sent from now on is written again. */
    if (read(w->fd, &n, sizeof n) == sizeof n) {
        (void) atomic_exchange(&w->sent, false);
        w->on_wake(w->arg);
    }
}

int wf_wake_new(struct wf_loop *l, void (*on_wake)(void *arg), void *arg,
                struct wf_wake **ret_wake)
{
    struct wf_wake *w = wf_calloc(1, sizeof *w);

    if (w == NULL) {
        return WEFT_ENOMEM;
    }
    w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (w->fd < 0 || uv_poll_init(&l->uv, &w->uv, w->fd) != 0) {
        if (w->fd >= 0) {
            (void) close(w->fd);
        }
        wf_free(w);
        return WEFT_EIO;
    }
    w->uv.data = w;
    w->on_wake = on_wake;
    w->arg = arg;
    (void) uv_poll_start(&w->uv, UV_READABLE, woken);
    *ret_wake = w;
    return 0;
}

void wf_wake_send(struct wf_wake *w)
{
    const uint64_t one = 1;
    int was = errno; /* a signal handler's is not its own */

    if (!atomic_exchange(&w->sent, true)) {
        while (write(w->fd, &one, sizeof one) < 0 && errno == EINTR) {
        }
    }
    errno = was;
}

static void closed(uv_handle_t *h)
{
    struct wf_wake *w = h->data;

    (void) close(w->fd);
    wf_free(w);
}

void wf_wake_free(struct wf_wake *w)
{
    if (w != NULL) {
        uv_close((uv_handle_t *) &w->uv, closed);
    }
}
