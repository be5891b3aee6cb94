#include "client/handle.h"

#include "client/data/data.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/words.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define LINGER_MS   200
#define DIAL_MS     4000 /* less than the core allows, so that the transport says why */
#define PENDING_CAP ((size_t) 96 << 20) /* more than the core lets be pending */
#define TRIES       2                   /* of each address, before weft_open() gives up */

static pthread_once_t keys_once = PTHREAD_ONCE_INIT;

static void ready_keys(void)
{
    (void) keys_init();
}

static int init_locks(struct weft_client *c)
{
    pthread_condattr_t attr;
    int rc = pthread_mutex_init(&c->mutex, NULL);

    if (rc == 0) {
        rc = pthread_condattr_init(&attr);
    }
    if (rc == 0) {
        (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        rc = pthread_cond_init(&c->cond, &attr);
        (void) pthread_condattr_destroy(&attr);
    }
    return rc == 0 ? 0 : WEFT_ENOMEM;
}

static int init_core(struct weft_client *c, const char *software, struct wf_err *err)
{
    struct wf_calls_config cfg;
    struct wf_link_config *link = &cfg.link;
    struct wf_broker_table brokers;
    int rc;

    wf_calls_config_init(&cfg);
    link->role = (unsigned) wf_role_parse(c->profile.role);
    rc = profile_brokers(&c->profile, &brokers, err);
    if (rc != 0) {
        return rc;
    }
    link->brokers = &brokers;
    keys_random(&link->epoch, sizeof link->epoch);
    keys_random(&link->seed, sizeof link->seed);
    if (!wf_utf8_ok(software, strlen(software)) ||
        wf_str_copy(link->software, sizeof link->software, software) != 0) {
        return wf_err_set(err, WEFT_EINVAL, "the software's name is too long");
    }
    if (wf_calls_init(&c->calls, &cfg) != 0) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for a client");
    }
    return 0;
}

static int init_io(struct weft_client *c, struct wf_err *err)
{
    struct uplink_opts opts = {
        .sock = {.linger_ms = LINGER_MS}, .pending_cap = PENDING_CAP, .dial_ms = DIAL_MS};
    char folder[PROFILE_PATH];
    struct roster_opts trials = {folder, NULL, DIAL_MS};
    struct keys keys;
    int rc = profile_keys(&c->profile, &keys, err);

    if (rc != 0) {
        return rc;
    }
    opts.keys = trials.keys = &keys;
    rc = profile_folder(&c->profile, folder, err);
    if (rc == 0) {
        rc = zctx_new(0, &c->zctx);
    }
    if (rc == 0) {
        rc = uplink_new(&c->loop, c->zctx, &opts, &client_uplink_cbs, c, &c->uplink, err);
    }
    if (rc == 0) {
        rc = roster_new(&c->loop, c->zctx, &trials, client_on_tried, c, &c->roster, err);
    }
    keys_wipe(&keys, sizeof keys);
    if (rc != 0) {
        return rc;
    }
    if (wf_timer_new(&c->loop, client_on_time, c, &c->timer) != 0 ||
        wf_timer_new(&c->loop, client_on_wait_time, c, &c->wait_timer) != 0 ||
        wf_wake_new(&c->loop, client_on_wake, c, &c->wake) != 0) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for a client");
    }
    return 0;
}

static void *thread_main(void *arg)
{
    struct weft_client *c = arg;

    wf_loop_run(&c->loop);
    return NULL;
}

/* Signals belong to the program: none is delivered to our thread. */
static int start_thread(struct weft_client *c, struct wf_err *err)
{
    sigset_t all, was;
    int rc;

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &was);
    rc = pthread_create(&c->thread, NULL, thread_main, c);
    (void) pthread_sigmask(SIG_SETMASK, &was, NULL);
    if (rc != 0) {
        return wf_err_set(err, WEFT_ENOMEM, "cannot start a thread: %s", strerror(rc));
    }
    c->has_thread = 1;
    return 0;
}

/* Release core, loop and all that is on it; the futures and the struct stay. */
static void fini_io(struct weft_client *c)
{
    data_free(c);
    uplink_free(c->uplink);
    roster_free(c->roster);
    wf_timer_free(c->timer);
    wf_timer_free(c->wait_timer);
    wf_wake_free(c->wake);
    wf_loop_fini(&c->loop);
    zctx_free(&c->zctx);
    wf_calls_fini(&c->calls);
}

static int hopeless(const struct weft_client *c)
{
    const struct wf_link *l = &c->calls.link;

    return l->state == WF_LINK_WAITING &&
           (wf_ways_barred(&l->ways) != 0 ||
            l->dials >= (uint64_t) TRIES * wf_ways_count(&l->ways));
}

static int wait_open(struct weft_client *c, int connect_ms, struct wf_err *err)
{
    uint64_t until_us = wf_now_us() + (uint64_t) connect_ms * 1000;
    int rc = 0;

    client_lock(c);
    c->opening = 1;
    while (rc == 0 && !wf_calls_ready(&c->calls) && !hopeless(c)) {
        rc = client_wait(c, until_us);
    }
    c->opening = 0;
    rc = client_trouble(c, err->text, sizeof err->text);
    client_unlock(c);
    return rc;
}

static int start(struct weft_client *c, const char *software, struct wf_err *err)
{
    int rc = init_core(c, software, err);

    if (rc != 0) {
        return rc;
    }
    rc = wf_loop_init(&c->loop, err);
    if (rc != 0) {
        wf_calls_fini(&c->calls);
        return rc;
    }
    rc = init_io(c, err);
    if (rc == 0) {
        client_lock(c);
        wf_calls_start(&c->calls, wf_now_us(), client_out(c));
        client_carry_out(c);
        client_unlock(c);
        rc = c->mode == WEFT_MODE_THREAD ? start_thread(c, err) : 0;
    }
    if (rc != 0) {
        fini_io(c);
    }
    return rc;
}

static int client_new(const struct weft_options *o, struct weft_client **ret_client,
                      struct wf_err *err)
{
    struct weft_client *c = wf_calloc(1, sizeof *c);

    if (c == NULL || init_locks(c) != 0) {
        wf_free(c);
        return wf_err_set(err, WEFT_ENOMEM, "no memory for a client");
    }
    c->mode = o->mode;
    c->refs = 1;
    c->timer_us = UINT64_MAX;
    wf_buf_init(&c->needs, WF_LABELS_MAX * (WF_LABEL_MAX + 8u));
    wf_buf_init(&c->inputs, WF_INPUTS_MAX * (WF_NAME_MAX + WF_REF_MAX + 16u));
    wf_buf_init(&c->prefers, WF_PREFERS_MAX * (WF_LABEL_MAX + 16u));
    wf_buf_init(&c->nears, WF_NEARS_MAX * (WF_REF_MAX + 24u));
    wf_effects_init(&c->fx[0]);
    wf_effects_init(&c->fx[1]);
    *ret_client = c;
    return 0;
}

static void client_free(struct weft_client *c)
{
    struct weft_future *f;

    while ((f = c->spare) != NULL) {
        c->spare = f->next_spare;
        wf_call_fini(&f->call);
        wf_free(f);
    }
    wf_effects_fini(&c->fx[0]);
    wf_effects_fini(&c->fx[1]);
    wf_buf_fini(&c->needs);
    wf_buf_fini(&c->inputs);
    wf_buf_fini(&c->prefers);
    wf_buf_fini(&c->nears);
    (void) pthread_cond_destroy(&c->cond);
    (void) pthread_mutex_destroy(&c->mutex);
    wf_free(c);
}

void client_unref(struct weft_client *c)
{
    client_free(c);
}

/* A program made with an older header gives fewer options: the rest keeps its default. */
static int take_options(const struct weft_options *given, struct weft_options *o,
                        struct wf_err *err)
{
    if (given != NULL) {
        if (given->size < sizeof given->size || given->size > sizeof *o) {
            return wf_err_set(err, WEFT_EINVAL, "weft_options: bad size field");
        }
        memcpy(o, given, given->size);
    }
    if (o->mode != WEFT_MODE_THREAD && o->mode != WEFT_MODE_LOOP) {
        return wf_err_set(err, WEFT_EINVAL, "weft_options: unknown mode");
    }
    return 0;
}

static int open_client(const struct weft_options *given, struct weft_client **ret_client,
                       struct wf_err *err)
{
    struct weft_client *c = NULL;
    struct weft_options o = WEFT_OPTIONS_INIT;
    int rc = take_options(given, &o, err);

    if (rc == 0) {
        rc = client_new(&o, &c, err);
    }
    if (rc != 0) {
        return rc;
    }
    rc = profile_load(o.context, &c->profile, err);
    if (rc == 0) {
        rc = start(c, o.software != NULL ? o.software : "libweft", err);
    }
    if (rc != 0) {
        client_free(c);
        return rc;
    }
    rc = o.connect_ms > 0 ? wait_open(c, o.connect_ms, err) : 0;
    if (rc != 0) {
        weft_close(c);
        return rc;
    }
    *ret_client = c;
    return 0;
}

int weft_open(const struct weft_options *options, weft_client **ret_client, char *text,
              size_t cap)
{
    struct wf_err err = {0, ""};
    int rc;

    *ret_client = NULL;
    (void) pthread_once(&keys_once, ready_keys);
    rc = open_client(options, ret_client, &err);
    if (text != NULL && cap != 0) {
        (void) wf_str_copy(
            text, cap, err.text[0] != '\0' || rc == 0 ? err.text : wf_err_sentence(rc));
    }
    return rc;
}

/* -- closing ------------------------------------------------------------------------ */

/* Have the loop's side tell every future and say good-bye. */
static void settle_last(struct weft_client *c)
{
    if (c->has_thread) {
        wf_wake_send(c->wake);
        client_unlock(c);
        (void) pthread_join(c->thread, NULL);
        client_lock(c);
    } else {
        client_on_wake(c);
    }
}

void weft_close(weft_client *c)
{
    int last;

    if (c == NULL) {
        return;
    }
    client_lock(c);
    if (!c->calls.closed) {
        wf_calls_close(&c->calls, client_out(c));
    }
    if (client_is_inside(c)) {
        c->close_later = 1;
        client_news(c);
        client_unlock(c);
        return;
    }
    settle_last(c);
    fini_io(c);
    c->closed = 1;
    if (c->follow != NULL) {
        future_give(c->follow);
    }
    c->refs--;
    last = c->refs == 0;
    client_unlock(c);
    if (last) {
        client_unref(c);
    }
}

/* -- looking and driving ------------------------------------------------------------ */

size_t weft_failed_text(weft_client *c, char *text, size_t cap)
{
    size_t len;

    client_lock(c);
    len = strlen(c->failed);
    if (text != NULL && cap != 0) {
        (void) wf_str_copy(text, cap, c->failed);
    }
    client_unlock(c);
    return len;
}

int weft_connected(weft_client *c, char *text, size_t cap)
{
    char line[WF_ERR_TEXT];
    int rc;

    client_lock(c);
    rc = client_trouble(c, line, sizeof line);
    client_unlock(c);
    if (text != NULL && cap != 0) {
        (void) wf_str_copy(text, cap, line);
    }
    return rc == 0;
}

int weft_fd(weft_client *c)
{
    return c->mode == WEFT_MODE_LOOP ? wf_loop_fd(&c->loop) : WEFT_EINVAL;
}

int weft_timeout_ms(weft_client *c)
{
    return c->mode == WEFT_MODE_LOOP ? wf_loop_timeout_ms(&c->loop) : -1;
}

int weft_process(weft_client *c)
{
    if (c->mode != WEFT_MODE_LOOP) {
        return WEFT_EINVAL;
    }
    if (client_is_inside(c)) {
        return WEFT_ESTATE;
    }
    wf_loop_turn(&c->loop);
    if (c->close_later) {
        weft_close(c);
        return WEFT_ECLOSED;
    }
    return 0;
}

uint64_t weft_rtt_us(weft_client *c)
{
    uint64_t rtt_us;

    client_lock(c);
    rtt_us = wf_ewma_mean(&c->calls.link.rtt_us);
    client_unlock(c);
    return rtt_us;
}

uint64_t weft_max_payload(weft_client *c)
{
    uint64_t most;

    client_lock(c);
    most = c->calls.link.welcome.max_payload;
    client_unlock(c);
    return most;
}
