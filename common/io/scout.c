#include "common/io/scout.h"

#include "common/mem.h"

struct scout {
    struct uplink *uplink;
    scout_fn *fn;
    void *arg;
};

static void on_up(void *arg)
{
    struct scout *s = arg;

    uplink_disconnect(s->uplink);
    s->fn(s->arg, 1);
}

static void on_down(void *arg, int why)
{
    struct scout *s = arg;

    (void) why;
    s->fn(s->arg, 0);
}

static void on_refused(void *arg)
{
    struct scout *s = arg;

    s->fn(s->arg, WEFT_EAUTH);
}

/* Nobody speaks before hello. */
static void on_frame(void *arg, const uint8_t *bytes, size_t len)
{
    (void) arg;
    (void) bytes;
    (void) len;
}

int scout_new(struct wf_loop *l, void *ctx, const struct keys *keys, unsigned dial_ms,
              scout_fn *fn, void *arg, struct scout **ret_scout, struct wf_err *err)
{
    static const struct uplink_cbs cbs = {on_up, on_down, on_refused, on_frame, NULL};
    const struct uplink_opts opts = {
        .sock = {.heartbeat_ms = -1}, .keys = keys, .dial_ms = dial_ms};
    struct scout *s = wf_calloc(1, sizeof *s);
    int rc;

    if (s == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for a second connection");
    }
    s->fn = fn;
    s->arg = arg;
    rc = uplink_new(l, ctx, &opts, &cbs, s, &s->uplink, err);
    if (rc != 0) {
        wf_free(s);
        return rc;
    }
    *ret_scout = s;
    return 0;
}

void scout_free(struct scout *s)
{
    if (s != NULL) {
        uplink_free(s->uplink);
        wf_free(s);
    }
}

int scout_try(struct scout *s, const char *endpoint, const uint8_t *server_key)
{
    return uplink_connect(s->uplink, endpoint, server_key, NULL);
}

void scout_drop(struct scout *s)
{
    if (s != NULL) {
        uplink_disconnect(s->uplink);
    }
}
