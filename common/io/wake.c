#include "common/io/wake.h"

#include "common/mem.h"

struct wf_wake {
    uv_async_t uv;
    void (*on_wake)(void *arg);
    void *arg;
};

static void woken(uv_async_t *h)
{
    struct wf_wake *w = h->data;

    w->on_wake(w->arg);
}

int wf_wake_new(struct wf_loop *l, void (*on_wake)(void *arg), void *arg,
                struct wf_wake **ret_wake)
{
    struct wf_wake *w = wf_calloc(1, sizeof *w);

    if (w == NULL) {
        return WEFT_ENOMEM;
    }
    if (uv_async_init(&l->uv, &w->uv, woken) != 0) {
        wf_free(w);
        return WEFT_EIO;
    }
    w->uv.data = w;
    w->on_wake = on_wake;
    w->arg = arg;
    *ret_wake = w;
    return 0;
}

void wf_wake_send(struct wf_wake *w)
{
    (void) uv_async_send(&w->uv);
}

static void closed(uv_handle_t *h)
{
    wf_free(h->data);
}

void wf_wake_free(struct wf_wake *w)
{
    if (w != NULL) {
        uv_close((uv_handle_t *) &w->uv, closed);
    }
}
