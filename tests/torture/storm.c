/* storm.c - hundreds of agents in one process, for storms of reconnecting
 *
 *     torture-storm N
 *
 * As an operator (the context of the environment) it makes a token for each, enrols it,
 * and keeps them all connected: real cores of agents over real connections, without
 * capabilities.  Prints `up N of N` when that changes by much, and `all back MS` when
 * all are connected again after at least a tenth was cut off, counted from the moment
 * that the first of them was.
 */
#include "agent/core/event.h"
#include "agent/core/node.h"
#include "common/io/enrol.h"
#include "common/io/loop.h"
#include "common/io/uplink.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/token.h"

#include <weft/weft.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct agent {
    struct storm *storm;
    struct keys keys;
    struct node *node;
    struct uplink *uplink;
    struct wf_timer *timer;
    struct wf_effects fx;
    int ready;
};

struct storm {
    struct wf_loop loop;
    void *zctx;
    unsigned n, up, least, told;
    int all_were_up;
    uint64_t cut_us; /* when the first went; 0: all are there */
    unsigned nendpoints;
    char endpoint[WF_TOKEN_ENDPOINTS][WF_ENDPOINT_MAX + 1];
    uint8_t broker[KEY_BYTES];
    struct agent *agents;
};

static _Noreturn void die(const char *what, const char *why)
{
    (void) fprintf(stderr, "torture-storm: %s: %s\n", what, why);
    exit(1);
}

/* -- enrolment --------------------------------------------------------------------------
 */

static void enrol_one(struct storm *s, weft_client *operator_, struct agent *a)
{
    struct weft_token how = WEFT_TOKEN_INIT;
    struct wf_token token;
    struct wf_join_result result;
    struct enrol e = {
        .token = &token, .key = a->keys.pub, .software = "torture", .timeout_ms = 20000};
    struct wf_err err = {0, ""};
    char name[32], why[200] = "";
    char *text;

    (void) snprintf(name, sizeof name, "storm-%u", (unsigned) (a - s->agents));
    how.name = name;
    how.ttl_ms = 3600000;
    if (weft_token_create(operator_, &how, 20000, &text, why, sizeof why) != 0) {
        die("token", why);
    }
    if (wf_token_parse(text, strlen(text), &token, &err) != 0) {
        die("token", err.text);
    }
    weft_free(text);
    keys_make(&a->keys);
    if (enrol_run(&e, &result, &err) != 0) {
        die("enrol", err.text);
    }
    memcpy(s->broker, token.broker.b, KEY_BYTES);
    s->nendpoints = token.nendpoints;
    for (unsigned i = 0; i < s->nendpoints; i++) {
        (void) wf_str_copy(s->endpoint[i], sizeof s->endpoint[i], token.endpoints[i]);
    }
}

static void enrol_all(struct storm *s)
{
    struct weft_options options = WEFT_OPTIONS_INIT;
    weft_client *operator_;
    char why[200];

    options.connect_ms = 20000;
    if (weft_open(&options, &operator_, why, sizeof why) != 0) {
        die("connect", why);
    }
    for (unsigned i = 0; i < s->n; i++) {
        enrol_one(s, operator_, &s->agents[i]);
    }
    weft_close(operator_);
    printf("enrolled %u\n", s->n);
    (void) fflush(stdout);
}

/* -- what comes and goes ----------------------------------------------------------------
 */

static void tell(struct storm *s)
{
    if (s->up == s->n) {
        if (s->cut_us != 0 && s->n - s->least >= (s->n + 9) / 10) {
            printf("all back %llu\n",
                   (unsigned long long) (wf_now_us() - s->cut_us) / 1000);
        }
        s->cut_us = 0;
        s->least = s->n;
        s->all_were_up = 1;
    } else if (s->all_were_up) {
        s->cut_us = s->cut_us != 0 ? s->cut_us : wf_now_us();
        s->least = s->up < s->least ? s->up : s->least;
    }
    if (s->up == s->n || s->up == 0 || s->up / 50 != s->told / 50) {
        s->told = s->up;
        printf("up %u of %u\n", s->up, s->n);
        (void) fflush(stdout);
    }
}

/* -- one agent --------------------------------------------------------------------------
 */

static void carry_out(struct agent *a, const struct wf_effect *x)
{
    switch (x->kind) {
    case WF_EFFECT_SEND:
        (void) uplink_send(a->uplink, wf_effect_bytes(&a->fx, x), x->len);
        break;
    case WF_EFFECT_CONNECT:
        if (uplink_connect(a->uplink, a->storm->endpoint[x->arg], a->storm->broker,
                           NULL) != 0) {
            die("dial", a->storm->endpoint[x->arg]);
        }
        break;
    case WF_EFFECT_DISCONNECT:
        uplink_flush(a->uplink);
        uplink_disconnect(a->uplink);
        break;
    default:
        break;
    }
}

static void step(struct agent *a, struct node_event *ev)
{
    int ready;

    ev->now_us = wf_now_us();
    node_step(a->node, ev, &a->fx);
    for (size_t i = 0; i < a->fx.n; i++) {
        carry_out(a, &a->fx.v[i]);
    }
    wf_effects_clear(&a->fx);
    wf_timer_start_at(a->timer, node_wakeup_us(a->node));
    ready = node_link(a->node)->state == WF_LINK_READY;
    if (ready != a->ready) {
        a->ready = ready;
        a->storm->up += ready ? 1u : UINT32_MAX;
        tell(a->storm);
    }
}

static void step_kind(struct agent *a, enum node_event_kind kind)
{
    struct node_event ev = {.kind = kind};

    step(a, &ev);
}

static void on_up(void *arg)
{
    step_kind(arg, NODE_LINK_UP);
}

static void on_down(void *arg, int why)
{
    (void) why;
    step_kind(arg, NODE_LINK_DOWN);
}

static void on_refused(void *arg)
{
    step_kind(arg, NODE_LINK_REFUSED);
}

static void on_frame(void *arg, const uint8_t *bytes, size_t len)
{
    struct wf_msg msg;
    struct node_event ev = {.kind = NODE_MSG, .msg = &msg};
    struct wf_cursor c;

    wf_cur_init(&c, bytes, len);
    while (wf_cur_left(&c) != 0 && wf_msg_decode(&c, &msg) == 0) {
        step(arg, &ev);
    }
}

static void on_time(void *arg)
{
    step_kind(arg, NODE_TICK);
}

static void open_one(struct storm *s, struct agent *a)
{
    static const struct uplink_cbs cbs = {on_up, on_down, on_refused, on_frame, NULL};
    const struct uplink_opts opts = {.sock = {.linger_ms = 300, .heartbeat_ms = -1},
                                     .keys = &a->keys,
                                     .dial_ms = 8000};
    struct node_config cfg;
    struct wf_err err = {0, ""};

    node_config_init(&cfg);
    cfg.link.nendpoints = s->nendpoints;
    keys_random(&cfg.link.epoch, sizeof cfg.link.epoch);
    keys_random(&cfg.link.seed, sizeof cfg.link.seed);
    keys_random(&cfg.seed, sizeof cfg.seed);
    a->storm = s;
    wf_effects_init(&a->fx);
    if (node_new(&cfg, &a->node) != 0 ||
        wf_timer_new(&s->loop, on_time, a, &a->timer) != 0 ||
        uplink_new(&s->loop, s->zctx, &opts, &cbs, a, &a->uplink, &err) != 0) {
        die("agent", err.text);
    }
    step_kind(a, NODE_START);
}

static void on_signal(void *arg, int signum)
{
    struct storm *s = arg;

    (void) signum;
    wf_loop_stop(&s->loop);
}

int main(int argc, char **argv)
{
    struct storm s = {.n = argc == 2 ? (unsigned) atoi(argv[1]) : 0};
    struct rlimit files;
    struct wf_err err = {0, ""};

    if (s.n == 0 || s.n > 10000) {
        (void) fprintf(stderr, "usage: torture-storm N\n");
        return 2;
    }
    (void) getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void) setrlimit(RLIMIT_NOFILE, &files);
    s.agents = wf_calloc(s.n, sizeof *s.agents);
    if (s.agents == NULL || keys_init() != 0 || wf_loop_init(&s.loop, &err) != 0 ||
        wf_loop_signals(&s.loop, on_signal, &s, &err) != 0 || zctx_new(0, &s.zctx) != 0) {
        die("start", err.text);
    }
    s.least = s.n;
    enrol_all(&s);
    for (unsigned i = 0; i < s.n; i++) {
        open_one(&s, &s.agents[i]);
    }
    wf_loop_run(&s.loop);
    /* All that it holds ends with the process. */
    return 0;
}
