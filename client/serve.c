#include "client/include/weft/serve.h"

#include "client/include/weft/error.h"
#include "client/serve_int.h"
#include "common/io/file.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/name.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define LINGER_MS 300
#define DIAL_MS   8000     /* less than the core allows, so that the transport says why */
#define STOP_US   5000000u /* longest wait for calls under way after a stop */

/* -- stepping ----------------------------------------------------------------------- */

static void carry_out(struct weft_server *s, const struct wf_effect *x)
{
    const struct wf_link *link = node_link(s->node);

    switch (x->kind) {
    case WF_EFFECT_SEND:
        s->link_lost |= uplink_send(s->uplink, wf_effect_bytes(&s->fx, x), x->len) != 0;
        break;
    case WF_EFFECT_CONNECT:
        s->link_lost |= uplink_connect(s->uplink, link->ways.brokers.v[x->arg].endpoint,
                                       link->ways.brokers.v[x->arg].key.b, NULL) != 0;
        break;
    case WF_EFFECT_TRY:
    case WF_EFFECT_UNTRY:
        roster_effect(s->roster, link, x);
        break;
    case WF_EFFECT_DISCONNECT:
        uplink_flush(s->uplink);
        uplink_disconnect(s->uplink);
        break;
    case WF_EFFECT_START:
        serve_take(s, x->obj);
        break;
    case WF_EFFECT_KILL:
        serve_stopped(s, x->arg);
        break;
    default:
        break;
    }
}

static void step_once(struct weft_server *s, struct node_event *ev)
{
    ev->now_us = wf_now_us();
    node_step(s->node, ev, &s->fx);
    for (size_t i = 0; i < s->fx.n; i++) {
        carry_out(s, &s->fx.v[i]);
    }
    s->link_lost |= s->fx.err != 0;
    wf_effects_clear(&s->fx);
}

static void arm(struct weft_server *s)
{
    uint64_t due_us = wf_min_u64(node_wakeup_us(s->node), s->stop_us);

    if (due_us < s->armed_us) {
        s->armed_us = due_us;
        wf_timer_start_at(s->timer, due_us);
    }
}

void serve_step(struct weft_server *s, struct node_event *ev)
{
    step_once(s, ev);
    while (s->link_lost) {
        struct node_event down = {.kind = NODE_LINK_DOWN};

        s->link_lost = 0;
        uplink_disconnect(s->uplink);
        step_once(s, &down);
    }
    if (roster_failed(s->roster)) {
        struct node_event tried = {.kind = NODE_LINK_TRIED};

        serve_step(s, &tried);
        return;
    }
    (void) roster_keep(s->roster, node_link(s->node), NULL);
    arm(s);
}

static void step_kind(struct weft_server *s, enum node_event_kind kind, int on)
{
    struct node_event ev = {.kind = kind, .on = on};

    serve_step(s, &ev);
}

/* -- the end ------------------------------------------------------------------------ */

/* All that was taken on is answered, and the broker knows, if it can be told. */
static int is_done(const struct weft_server *s)
{
    struct node_counts c = node_counts(s->node);

    return c.running == 0 && c.waiting == 0 &&
           (c.finished == 0 || node_link(s->node)->state != WF_LINK_READY);
}

static void begin_stop(struct weft_server *s)
{
    if (__atomic_load_n(&s->stop, __ATOMIC_RELAXED) && !s->stopping) {
        s->stopping = 1;
        s->stop_us = wf_add_sat(wf_now_us(), STOP_US);
        step_kind(s, NODE_DRAIN, 1);
    }
}

static int refused_for_good(const struct weft_server *s)
{
    const struct wf_link *l = node_link(s->node);

    return l->state == WF_LINK_WAITING && wf_ways_barred(&l->ways);
}

/* Every event ends like this: run what was started, then see whether it is over. */
static void settle(struct weft_server *s)
{
    serve_run_ready(s);
    begin_stop(s);
    if (s->over == 0 && refused_for_good(s)) {
        s->over = node_link(s->node)->error;
    } else if (s->over == 0 && s->stopping && (is_done(s) || wf_now_us() >= s->stop_us)) {
        s->over = WEFT_ECLOSED;
    }
    if (s->over != 0) {
        wf_loop_stop(&s->loop);
    }
}

/* -- what the loop calls ------------------------------------------------------------ */

static void on_up(void *arg)
{
    step_kind(arg, NODE_LINK_UP, 0);
    settle(arg);
}

static void on_down(void *arg, int why)
{
    (void) why;
    step_kind(arg, NODE_LINK_DOWN, 0);
    settle(arg);
}

static void on_refused(void *arg)
{
    step_kind(arg, NODE_LINK_REFUSED, 0);
    settle(arg);
}

static void on_tried(void *arg, int answered)
{
    step_kind(arg, NODE_LINK_TRIED, answered);
    settle(arg);
}

static void on_frame(void *arg, const uint8_t *bytes, size_t len)
{
    struct weft_server *s = arg;
    struct wf_msg msg;
    struct node_event ev = {.kind = NODE_MSG, .msg = &msg};
    struct wf_cursor cur;

    wf_cur_init(&cur, bytes, len);
    while (wf_cur_left(&cur) != 0) {
        int rc = wf_msg_decode(&cur, &msg);

        if (rc == 0) {
            serve_step(s, &ev);
        } else if (rc != WEFT_ESUPPORT) {
            uplink_disconnect(s->uplink);
            step_kind(s, NODE_LINK_DOWN, 0);
            break;
        }
    }
    settle(s);
}

static void on_time(void *arg)
{
    struct weft_server *s = arg;

    s->armed_us = UINT64_MAX;
    step_kind(s, NODE_TICK, 0);
    settle(s);
}

static void on_wake(void *arg)
{
    settle(arg);
}

/* -- opening ------------------------------------------------------------------------ */

static int take_options(const struct weft_serve_options *given,
                        struct weft_serve_options *o, struct wf_err *err)
{
    if (given == NULL || given->size < offsetof(struct weft_serve_options, slots) ||
        given->size > sizeof *o) {
        return wf_err_set(err, WEFT_EINVAL, "weft_serve_options: bad size field");
    }
    memcpy(o, given, given->size);
    if (o->state == NULL || o->slots == 0 || o->slots > WF_RUNS_MAX / 2) {
        return wf_err_set(err, WEFT_EINVAL,
                          "a server needs a state folder and 1 to %u "
                          "slots",
                          WF_RUNS_MAX / 2);
    }
    return 0;
}

static int configure(struct weft_server *s, const struct weft_serve_options *o,
                     struct wf_err *err)
{
    const char *software = o->software != NULL ? o->software : "libweft " WEFT_VERSION;

    node_config_init(&s->cfg);
    s->cfg.slots = o->slots;
    s->cfg.link.brokers = &s->brokers;
    keys_random(&s->cfg.link.epoch, sizeof s->cfg.link.epoch);
    keys_random(&s->cfg.link.seed, sizeof s->cfg.link.seed);
    keys_random(&s->cfg.seed, sizeof s->cfg.seed);
    if (!wf_utf8_ok(software, strlen(software)) ||
        wf_str_copy(s->cfg.link.software, sizeof s->cfg.link.software, software) != 0) {
        return wf_err_set(err, WEFT_EINVAL, "the software's name is too long");
    }
    s->starved = wf_calloc(o->slots, sizeof *s->starved);
    return s->starved != NULL ? 0 : wf_err_set(err, WEFT_ENOMEM, "no memory for slots");
}

static int open_io(struct weft_server *s, const char *state, struct wf_err *err)
{
    static const struct uplink_cbs cbs = {on_up, on_down, on_refused, on_frame, NULL};
    struct uplink_opts opts = {
        .sock = {.linger_ms = LINGER_MS}, .keys = &s->id.keys, .dial_ms = DIAL_MS};
    const struct roster_opts trials = {state, &s->id.keys, DIAL_MS};
    int rc = zctx_new(0, &s->zctx);

    if (rc == 0) {
        rc = uplink_new(&s->loop, s->zctx, &opts, &cbs, s, &s->uplink, err);
    }
    if (rc == 0) {
        rc = roster_new(&s->loop, s->zctx, &trials, on_tried, s, &s->roster, err);
    }
    if (rc == 0 && (wf_timer_new(&s->loop, on_time, s, &s->timer) != 0 ||
                    wf_wake_new(&s->loop, on_wake, s, &s->wake) != 0)) {
        rc = wf_err_set(err, WEFT_ENOMEM, "no memory for a server");
    }
    keys_wipe(&s->id.keys, sizeof s->id.keys);
    return rc;
}

static int open_server(struct weft_server *s, const struct weft_serve_options *given,
                       struct wf_err *err)
{
    struct weft_serve_options o = WEFT_SERVE_OPTIONS_INIT;
    int rc = take_options(given, &o, err);

    if (rc == 0) {
        rc = identity_load(o.state, &s->id, err);
    }
    if (rc == 0) {
        rc = identity_brokers(&s->id, o.state, NULL, &s->brokers, err);
    }
    /* One key is one node: two at once would take each other's session. */
    if (rc == 0) {
        rc = file_lock(o.state, &s->lock_fd, err);
    }
    if (rc == 0) {
        rc = configure(s, &o, err);
    }
    if (rc != 0) {
        return rc;
    }
    rc = wf_loop_init(&s->loop, err);
    if (rc != 0) {
        return rc;
    }
    rc = open_io(s, o.state, err);
    if (rc != 0) {
        uplink_free(s->uplink);
        roster_free(s->roster);
        wf_timer_free(s->timer);
        wf_wake_free(s->wake);
        wf_loop_fini(&s->loop);
        zctx_free(&s->zctx);
    }
    return rc;
}

static void unlock(struct weft_server *s)
{
    file_unlock(s->lock_fd);
    s->lock_fd = -1;
}

int weft_serve_open(const struct weft_serve_options *options, weft_server **ret_server,
                    char *text, size_t cap)
{
    struct weft_server *s = wf_calloc(1, sizeof *s);
    struct wf_err err = {0, ""};
    int rc = s != NULL ? keys_init() : WEFT_ENOMEM;

    *ret_server = NULL;
    if (rc == 0) {
        wf_effects_init(&s->fx);
        wf_list_init(&s->ready);
        wf_list_init(&s->open);
        wf_list_init(&s->spare);
        s->armed_us = s->stop_us = UINT64_MAX;
        s->lock_fd = -1;
        rc = open_server(s, options, &err);
    }
    if (rc != 0) {
        if (text != NULL && cap != 0) {
            (void) wf_str_copy(text, cap,
                               err.text[0] != '\0' ? err.text : wf_err_sentence(rc));
        }
        if (s != NULL) {
            unlock(s);
            serve_free(s);
        }
        return rc;
    }
    *ret_server = s;
    return 0;
}

int weft_serve_register(weft_server *s, const char *capability, unsigned slots,
                        weft_handler_fn *fn, void *arg)
{
    struct node_capability cap = {.kind = WF_HANDLER_INPROC};
    struct serve_handler *h = &s->handlers[s->cfg.ncaps];

    if (s->node != NULL) {
        return WEFT_ESTATE;
    }
    if (s->cfg.ncaps == WF_CAPS_MAX) {
        return WEFT_EFULL;
    }
    if (fn == NULL || capability == NULL ||
        wf_capability_parse(capability, cap.name, &cap.version) != 0 ||
        cap.version == 0) {
        return WEFT_EINVAL;
    }
    for (unsigned i = 0; i < s->cfg.ncaps; i++) {
        if (strcmp(s->cfg.caps[i].name, cap.name) == 0 &&
            s->cfg.caps[i].version == cap.version) {
            return WEFT_EEXIST;
        }
    }
    cap.slots = slots == 0 || slots > s->cfg.slots ? s->cfg.slots : slots;
    /* As many again may wait here, so that a slot never waits for the network. */
    cap.queue = cap.slots;
    s->cfg.caps[s->cfg.ncaps++] = cap;
    *h = (struct serve_handler){.fn = fn, .arg = arg};
    (void) snprintf(h->text, sizeof h->text, "%s@%u", cap.name, (unsigned) cap.version);
    return 0;
}

/* -- serving ------------------------------------------------------------------------ */

static void tell_facts(struct weft_server *s)
{
    struct node_facts f;
    struct node_event ev = {.kind = NODE_FACTS, .facts = &f};
    struct utsname u;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN), pages = sysconf(_SC_PHYS_PAGES),
         page = sysconf(_SC_PAGESIZE);

    memset(&f, 0, sizeof f);
    if (uname(&u) == 0) {
        (void) wf_str_copy(f.arch, sizeof f.arch, u.machine);
    }
    f.cpus = cpus > 0 ? (uint64_t) cpus : 0;
    f.mem = pages > 0 && page > 0 ? (uint64_t) pages * (uint64_t) page : 0;
    (void) wf_str_copy(f.sandbox, sizeof f.sandbox, "none");
    (void) wf_str_copy(f.sandbox_why, sizeof f.sandbox_why,
                       "functions of a program run inside that program");
    serve_step(s, &ev);
}

/* Connect, at the first turn: by then all capabilities are registered. */
static int begin(struct weft_server *s)
{
    if (s->node != NULL) {
        return 0;
    }
    if (s->cfg.ncaps == 0) {
        return WEFT_ESTATE;
    }
    if (node_new(&s->cfg, &s->node) != 0) {
        return WEFT_ENOMEM;
    }
    tell_facts(s);
    step_kind(s, NODE_START, 0);
    return 0;
}

int weft_serve_fd(weft_server *s)
{
    return wf_loop_fd(&s->loop);
}

int weft_serve_timeout_ms(weft_server *s)
{
    return s->node == NULL ? 0 : wf_loop_timeout_ms(&s->loop);
}

int weft_serve_process(weft_server *s)
{
    int rc = s->running ? WEFT_ESTATE : begin(s);

    if (rc != 0) {
        return rc;
    }
    wf_loop_turn(&s->loop);
    return s->over;
}

int weft_serve_run(weft_server *s)
{
    int rc = s->running ? WEFT_ESTATE : begin(s);

    while (rc == 0 && s->over == 0) {
        wf_loop_run(&s->loop);
    }
    return rc != 0 ? rc : s->over == WEFT_ECLOSED ? 0 : s->over;
}

void weft_serve_stop(weft_server *s)
{
    __atomic_store_n(&s->stop, 1, __ATOMIC_RELAXED);
    wf_wake_send(s->wake);
}

/* -- closing ------------------------------------------------------------------------ */

void serve_free(struct weft_server *s)
{
    struct wf_list_node *node;

    while ((node = wf_list_first(&s->spare)) != NULL) {
        wf_list_remove(node);
        wf_free(CONTAINER_OF(node, struct weft_call, link));
    }
    node_free(s->node);
    wf_effects_fini(&s->fx);
    wf_free(s->starved);
    wf_free(s);
}

/* Calls that no handler saw yet go; those that handlers hold stay until answered. */
static void drop_ready(struct weft_server *s)
{
    struct wf_list_node *node;

    while ((node = wf_list_first(&s->ready)) != NULL) {
        wf_list_remove(node);
        wf_free(CONTAINER_OF(node, struct weft_call, link));
        s->ncalls--;
    }
}

void weft_serve_close(weft_server *s)
{
    if (s == NULL) {
        return;
    }
    if (s->node != NULL) {
        step_kind(s, NODE_STOP, 0);
    }
    drop_ready(s);
    s->closed = 1;
    uplink_free(s->uplink);
    roster_free(s->roster);
    wf_timer_free(s->timer);
    wf_wake_free(s->wake);
    wf_loop_fini(&s->loop);
    zctx_free(&s->zctx);
    unlock(s);
    if (s->ncalls == 0) {
        serve_free(s);
    }
}
