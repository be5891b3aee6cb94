#include "broker/dials.h"

#include "broker/core/mesh/neighbours.h"
#include "common/err.h"
#include "common/io/uplink.h"
#include "common/mem.h"
#include "common/str.h"

#include <string.h>

#define DIAL_MS   8000 /* less than the core allows, so that the transport says why */
#define LINGER_MS 300

struct line {
    struct dials *all;
    struct uplink *uplink;
    struct link_file file;
    unsigned endpoint; /* dialled last */
    int lost;          /* it could not be dialled or written to: the core is to hear */
};

struct dials {
    struct wf_loop *loop;
    const struct log_sink *log;
    void *zmq;
    struct keys keys;
    struct dials_cbs cbs;
    void *arg;
    unsigned n;
    struct line lines[MESH_DIALS_MAX];
};

static uint32_t peer_of(const struct line *x)
{
    return MESH_DIALLED | (uint32_t) (x - x->all->lines);
}

static void tell(struct line *x, enum broker_event_kind kind)
{
    struct broker_event ev = {.kind = kind, .peer = peer_of(x)};

    x->all->cbs.on_event(x->all->arg, &ev);
}

static void on_up(void *arg)
{
    tell(arg, BROKER_DIAL_UP);
}

static void on_down(void *arg, int why)
{
    (void) why;
    tell(arg, BROKER_DIAL_DOWN);
}

static void on_refused(void *arg)
{
    tell(arg, BROKER_DIAL_REFUSED);
}

static void on_frame(void *arg, const uint8_t *bytes, size_t len)
{
    struct line *x = arg;

    x->all->cbs.on_frame(x->all->arg, peer_of(x), bytes, len);
}

int dials_new(struct wf_loop *loop, void *zmq, const struct keys *keys,
              const struct log_sink *log, const struct dials_cbs *cbs, void *arg,
              struct dials **ret_dials)
{
    struct dials *d = wf_calloc(1, sizeof *d);

    if (d == NULL) {
        return WEFT_ENOMEM;
    }
    d->loop = loop;
    d->zmq = zmq;
    d->keys = *keys;
    d->log = log;
    d->cbs = *cbs;
    d->arg = arg;
    *ret_dials = d;
    return 0;
}

void dials_free(struct dials *d)
{
    if (d == NULL) {
        return;
    }
    for (unsigned i = 0; i < d->n; i++) {
        uplink_free(d->lines[i].uplink);
    }
    keys_wipe(&d->keys, sizeof d->keys);
    wf_free(d);
}

static int add(struct dials *d, const struct link_file *f, struct wf_err *err)
{
    static const struct uplink_cbs cbs = {on_up, on_down, on_refused, on_frame, NULL};
    const struct uplink_opts opts = {
        .sock = {.linger_ms = LINGER_MS}, .keys = &d->keys, .dial_ms = DIAL_MS};
    struct line *x = &d->lines[d->n];
    int rc;

    if (d->n == MESH_DIALS_MAX) {
        return wf_err_set(err, WEFT_EFULL, "more than %u neighbours", MESH_DIALS_MAX);
    }
    *x = (struct line){.all = d, .file = *f};
    rc = uplink_new(d->loop, d->zmq, &opts, &cbs, x, &x->uplink, err);
    d->n += rc == 0;
    return rc;
}

static int is_known(const struct dials *d, const struct link_file *f)
{
    for (unsigned i = 0; i < d->n; i++) {
        if (memcmp(d->lines[i].file.key, f->key, sizeof f->key) == 0) {
            return 1;
        }
    }
    return 0;
}

static void on_bad_file(void *arg, const struct wf_err *err)
{
    const struct dials *d = arg;

    log_warn(d->log, "broker", "link", "text=\"%s\"", err->text);
}

static void on_file(void *arg, const struct link_file *f)
{
    struct dials *d = arg;
    struct mesh_dial dial = {.nendpoints = (unsigned) f->endpoints.n};
    struct broker_event ev = {.kind = BROKER_DIAL, .dial = &dial};
    struct wf_err err = {0, ""};

    if (is_known(d, f)) {
        return;
    }
    if (add(d, f, &err) != 0) {
        on_bad_file(d, &err);
        return;
    }
    memcpy(dial.key.b, f->key, sizeof dial.key.b);
    (void) wf_str_copy(dial.name, sizeof dial.name, f->broker);
    log_info(d->log, "broker", "link", "neighbour=%s endpoint=%s", f->broker,
             f->endpoints.item[0]);
    d->cbs.on_event(d->arg, &ev);
}

void dials_read(struct dials *d, const char *state)
{
    struct wf_err err = {0, ""};

    if (link_files_each(state, on_file, on_bad_file, d, &err) != 0) {
        on_bad_file(d, &err);
    }
}

static struct line *line_of(struct dials *d, uint32_t peer)
{
    const uint32_t i = peer & ~MESH_DIALLED;

    return i < d->n ? &d->lines[i] : NULL;
}

void dials_connect(struct dials *d, uint32_t peer, unsigned endpoint)
{
    struct line *x = line_of(d, peer);

    if (x != NULL) {
        x->endpoint = endpoint;
        x->lost = uplink_connect(x->uplink, x->file.endpoints.item[endpoint], x->file.key,
                                 NULL) != 0;
    }
}

int dials_where(const struct dials *d, uint32_t peer, const char **ret_endpoint,
                const uint8_t **ret_key)
{
    const uint32_t i = peer & ~MESH_DIALLED;

    if (i >= d->n) {
        return WEFT_ENOENT;
    }
    *ret_endpoint = d->lines[i].file.endpoints.item[d->lines[i].endpoint];
    *ret_key = d->lines[i].file.key;
    return 0;
}

const struct uplink *dials_uplink(const struct dials *d, uint32_t peer)
{
    return d->lines[peer & ~MESH_DIALLED].uplink;
}

const char *dials_name(const struct dials *d, uint32_t peer)
{
    return d->lines[peer & ~MESH_DIALLED].file.broker;
}

void dials_disconnect(struct dials *d, uint32_t peer)
{
    struct line *x = line_of(d, peer);

    if (x != NULL) {
        uplink_disconnect(x->uplink);
        x->lost = 0;
    }
}

void dials_send(struct dials *d, uint32_t peer, const uint8_t *p, size_t len)
{
    struct line *x = line_of(d, peer);

    if (x != NULL) {
        x->lost |= uplink_send(x->uplink, p, len) != 0;
    }
}

void dials_flush(struct dials *d)
{
    for (unsigned i = 0; i < d->n; i++) {
        struct line *x = &d->lines[i];

        uplink_flush(x->uplink);
        if (x->lost) {
            x->lost = 0;
            uplink_disconnect(x->uplink);
            tell(x, BROKER_DIAL_DOWN);
        }
    }
}
