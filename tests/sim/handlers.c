#include "tests/sim/handlers.h"

#include "broker/core/mesh/numbers.h"
#include "tests/sim/abroad.h"
#include "tests/sim/sim.h"

#include <string.h>

static struct handler *handler_of(struct device *d, uint64_t number)
{
    for (unsigned i = 0; i < DEVICE_RUNS; i++) {
        if (d->runs[i].number == number) {
            return &d->runs[i];
        }
    }
    return NULL;
}

static void go_on(struct sim *s, struct device *d, struct handler *h, uint64_t in_us)
{
    if (h->next != NULL) {
        clock_drop(&s->clock, h->next);
    }
    h->next = actor_at(s, &d->a, s->clock.now_us + in_us, EV_RUN);
    h->next->arg = h->number;
}

void handlers_begin(struct sim *s, struct device *d, const struct run *r)
{
    struct handler *h = handler_of(d, 0);
    struct hguest *g;
    const struct host *from = d->a.roam.on ? roam_host(s, &r->home.key) : d->a.home;
    const struct hjob *j = history_known_at(s, from, &r->key.job, &g);

    if (h == NULL) {
        sim_fail(s, "%s runs more than its slots", d->a.name);
        return;
    }
    if (j != NULL && !history_is_doubtful(j) &&
        !history_is_payload(j, r->payload, r->payload_len)) {
        sim_fail(s, "job %u: the handler gets another payload", j->index);
    }
    if (j != NULL && !history_is_doubtful(j)) {
        shelf_check_run(s, d, r, j->good);
    }
    history_started(s, from, r);
    *h = (struct handler){
        .number = r->number,
        .id = r->key.job,
        .index = j != NULL ? j->index : HISTORY_JOBS,
        .attempt = r->shown.attempt,
        .manner = r->payload_len >= 6 && r->payload[4] < MANNERS ? r->payload[4] : 0,
        .prints = d->cfg.caps[r->cap].kind == WF_HANDLER_EXEC,
        .from = from,
        .stop_after_ms = r->stop_after_ms};
    h->slowness = s->swarm.hedge_pct != 0 && percent(&s->clock, 20) ? 10 : 1;
    d->starts++;
    go_on(s, d, h, below(&s->clock, 3 * MS));
}

void handlers_kill(struct sim *s, struct device *d, uint64_t number, uint64_t grace_ms)
{
    struct handler *h = handler_of(d, number);

    if (h != NULL && !h->killed) {
        h->killed = 1;
        go_on(s, d, h, below(&s->clock, 1 + grace_ms * MS));
    }
}

static void print(struct sim *s, struct device *d, const struct handler *h,
                  unsigned stream, const void *p, size_t len)
{
    struct node_event ev = {.kind = NODE_RUN_OUTPUT,
                            .run = h->number,
                            .stream = stream,
                            .data = wf_slice_make(p, len)};

    device_do(s, d, &ev);
}

static void end_run(struct sim *s, struct device *d, struct handler *h)
{
    uint8_t data[128];
    struct run_end end = {.cpu_us = 5, .rss = 1000};
    struct node_event ev = {.kind = NODE_RUN_DONE, .run = h->number, .end = &end};
    /* Of an attempt and the next, also where another site gets a block of numbers. */
    int odd = (h->attempt + h->attempt / NUMBERS_BLOCK) % 2;
    int fails = h->manner == MANNER_FAILS || (h->manner == MANNER_FLAKY && odd);

    if (h->killed) {
        end.code = WEFT_EFAILED;
        end.term_signal = 9;
    } else if (h->manner == MANNER_NO_START) {
        end.code = WEFT_ESPAWN;
        end.reason = "no such program";
    } else if (fails) {
        end.code = WEFT_EFAILED;
        end.exit_code = 1;
        end.reason = "exit 1";
    } else if (!h->prints) {
        end.data = wf_slice_make(
            data, history_result(&h->id, h->index, h->attempt, &d->a, data, sizeof data));
        end.has_data = 1;
    }
    h->number = 0;
    device_do(s, d, &ev);
}

void handlers_go_on(struct sim *s, struct device *d, uint64_t number)
{
    struct handler *h = handler_of(d, number);
    struct node_event ev = {.kind = NODE_RUN_STARTED, .run = number};
    uint8_t text[DEVICE_OUTPUT];
    size_t len;

    h->next = NULL;
    if (h->killed || (h->stage == 0 && h->manner == MANNER_NO_START) || h->stage == 3) {
        end_run(s, d, h);
        return;
    }
    switch (h->stage++) {
    case 0:
        device_do(s, d, &ev);
        break;
    case 1:
        memset(text, 'e', sizeof text);
        print(s, d, h, 2, text, below(&s->clock, 600));
        break;
    default:
        if (h->manner == MANNER_HANGS) {
            return; /* until it is killed */
        }
        len = history_result(&h->id, h->index, h->attempt, &d->a, text, sizeof text);
        if (h->manner == MANNER_FLOODS) {
            h->stage = 2;
            memset(text, 'f', sizeof text);
            len = sizeof text;
        }
        if (h->prints || h->manner == MANNER_FLOODS) {
            print(s, d, h, 1, text, len);
        }
        break;
    }
    if (h->number == number) {
        go_on(s, d, h, h->slowness * around(&s->clock, s->swarm.run_us / 2));
    }
}
void handlers_end(struct sim *s, struct device *d)
{
    for (unsigned i = 0; i < DEVICE_RUNS; i++) {
        if (d->runs[i].number != 0 && d->runs[i].next != NULL) {
            clock_drop(&s->clock, d->runs[i].next);
        }
        d->runs[i].number = 0;
        d->runs[i].next = NULL;
    }
}
