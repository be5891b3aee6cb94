#include "broker/core/place/estimates.h"

#include "broker/core/jobs/ledger.h"
#include "common/err.h"
#include "common/mem.h"
#include "proto/name.h"

#define ROWS      3u     /* the scratch buffer of records, as datasets use it */
#define AT_ONCE   4u     /* records in one tick */
#define PAUSE_US  10000u /* between two ticks of a round */
#define SPARE_MAX 64u

struct estimate {
    uint64_t number;     /* of its record; 0: it has none */
    uint64_t written_us; /* what was learned until then is in it */
};

int estimates_init(struct estimates *e, size_t max_capabilities)
{
    *e = (struct estimates){.of = wf_calloc(max_capabilities, sizeof *e->of),
                            .spare = wf_calloc(SPARE_MAX, sizeof *e->spare),
                            .max = max_capabilities};
    if (e->of == NULL || e->spare == NULL) {
        estimates_fini(e);
        return WEFT_ENOMEM;
    }
    return 0;
}

void estimates_fini(struct estimates *e)
{
    wf_free(e->of);
    wf_free(e->spare);
    *e = (struct estimates){0};
}

/* -- names -----------------------------------------------------------------------------
 */

/* The one capability that a record is about. */
struct subject {
    struct core *c;
    struct capability *capability;
};

static const char *name_of(void *arg, enum run_noun noun, uint32_t number)
{
    struct subject *s = arg;
    const char *name = noun == RUN_CAPABILITY
                           ? s->capability->name
                           : wf_intern_name(s->c->pricing.classes, number);

    return name[0] != '\0' ? name : NULL;
}

static int number_of(void *arg, enum run_noun noun, const char *name,
                     uint32_t *ret_number)
{
    struct subject *s = arg;
    int rc;

    if (!wf_name_ok(wf_slice_of(name))) {
        return WEFT_EINVAL;
    }
    if (noun == RUN_CLASS) {
        return wf_intern_put(s->c->pricing.classes, name, ret_number);
    }
    rc = capabilities_need(&s->c->capabilities, wf_slice_of(name), &s->capability);
    if (rc == 0) {
        *ret_number = s->capability->number;
    }
    return rc;
}

/* -- reading ---------------------------------------------------------------------------
 */

static void set_spare(struct estimates *e, uint64_t number)
{
    if (e->nspare < SPARE_MAX) {
        e->spare[e->nspare++] = number;
    }
}

static int decode(struct subject *s, struct wf_slice record)
{
    const struct run_names names = {s, name_of, number_of};
    struct wf_msg msg;

    if (wf_msg_read(wf_slice_make(record.p + 8, record.len - 8), WF_MSG_estimate_rec,
                    &msg) != 0) {
        return WEFT_EPROTO;
    }
    return runtimes_decode(s->c->runtimes, &names, msg.u.estimate_rec.data.p,
                           msg.u.estimate_rec.data.len, s->c->now_us);
}

void estimates_replay(struct core *c, struct wf_slice record)
{
    struct estimates *e = &c->estimates;
    struct subject s = {c, NULL};
    struct estimate *of;
    uint64_t number = 0;

    for (unsigned i = 0; record.len > 8 && i < 8; i++) {
        number = number << 8 | record.p[i];
    }
    if (number == 0) {
        return;
    }
    if (decode(&s, record) != 0) {
        c->count.estimates_lost++;
        set_spare(e, number);
        return;
    }
    of = &e->of[s.capability->number];
    if (of->number != 0) {
        /* It went and came back while this broker ran, and has a record from before. */
        set_spare(e, number);
        return;
    }
    of->number = number;
    of->written_us = runtimes_learned_us(c->runtimes, s.capability->number);
}

/* -- writing ---------------------------------------------------------------------------
 */

static int is_changed(const struct core *c, const struct capability *cap)
{
    return runtimes_learned_us(c->runtimes, cap->number) >
           c->estimates.of[cap->number].written_us;
}

static uint64_t number_for(struct core *c, const struct estimate *of)
{
    struct estimates *e = &c->estimates;

    if (of->number != 0) {
        return of->number;
    }
    return e->nspare != 0 ? e->spare[e->nspare - 1] : ++c->jobs.next_seq;
}

static int write_one(struct core *c, struct capability *cap, struct wf_effects *out)
{
    struct estimates *e = &c->estimates;
    struct estimate *of = &e->of[cap->number];
    struct subject s = {c, cap};
    const struct run_names names = {&s, name_of, number_of};
    const uint64_t number = number_for(c, of);
    struct wf_buf *store = core_rows(c, ROWS);
    struct wf_estimate_rec m;
    int rc = runtimes_encode(c->runtimes, cap->number, &names, c->now_us, ESTIMATES_BYTES,
                             store);

    if (rc == WEFT_ENOENT) {
        return 0;
    }
    if (rc == 0) {
        m.data = wf_slice_make(store->p, store->len);
        rc = ledger_put(c, LEDGER_ESTIMATES, number, WF_MSG_estimate_rec, &m, out);
    }
    if (rc != 0) {
        c->count.estimates_lost++;
        return rc;
    }
    e->nspare -= of->number == 0 && e->nspare != 0;
    of->number = number;
    of->written_us = runtimes_learned_us(c->runtimes, cap->number);
    return 0;
}

static int may_write(const struct core *c)
{
    return c->cfg.durable && c->loaded && !c->rolled_back && !c->store_failing;
}

/* Go on with the round, or begin one; at most so many records. */
static void go_round(struct core *c, size_t most, struct wf_effects *out)
{
    struct estimates *e = &c->estimates;
    struct capability *cap;
    int rc = 0;

    if (!e->under_way) {
        e->under_way = 1;
        e->at = 0;
        e->seen = runtimes_count(c->runtimes);
    }
    while (rc == 0 && most > 0) {
        cap = wf_map_next(c->capabilities.by_name, &e->at);
        if (cap == NULL) {
            break;
        }
        if (is_changed(c, cap)) {
            rc = write_one(c, cap, out);
            most--;
        }
    }
    if (rc == 0 && most == 0) {
        return;
    }
    e->under_way = 0;
    e->round_us = c->now_us;
    e->kept = rc == 0 ? e->seen : e->kept;
}

uint64_t estimates_due_us(const struct core *c)
{
    const struct estimates *e = &c->estimates;

    if (!may_write(c)) {
        return UINT64_MAX;
    }
    if (e->under_way) {
        return c->now_us + PAUSE_US;
    }
    if (e->kept == runtimes_count(c->runtimes)) {
        return UINT64_MAX;
    }
    return wf_max_u64(e->round_us, c->started_us) + ESTIMATES_PERIOD_US;
}

void estimates_tick(struct core *c, struct wf_effects *out)
{
    runtimes_tick(c->runtimes, c->now_us);
    if (may_write(c) && (c->estimates.under_way || estimates_due_us(c) <= c->now_us)) {
        go_round(c, AT_ONCE, out);
    }
}

void estimates_stop(struct core *c, struct wf_effects *out)
{
    c->estimates.under_way = 0;
    if (may_write(c)) {
        go_round(c, SIZE_MAX, out);
    }
}
