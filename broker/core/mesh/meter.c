#include "broker/core/mesh/meter.h"

#include "common/err.h"

#define PAUSE_US    200000u  /* a span ends when nothing came for so long, */
#define SPAN_US     1000000u /* and after so long at most */
#define SPAN_MIN_US 50000u   /* less is what some buffer on the way had gathered */
#define LOSS_NEWS   20u      /* per mille; samples are seldom enough */
#define RETELL_US   (UINT64_C(300) * 1000000)

void meter_begin(struct meter *m)
{
    m->rtt = (struct wf_rtt){0};
    m->probed = m->sampled = 0;
    m->from_us = m->told_us = 0;
    m->looked = 0;
    m->down.told = 0;
    m->told = (struct link_seen){.up = 0};
}

/* The two kinds of samples are not mixed. */
static void anew(struct meter *m, int probed)
{
    if (m->probed != probed) {
        m->probed = probed;
        m->rtt = (struct wf_rtt){0};
    }
}

void meter_probed(struct meter *m, uint64_t rtt_us, uint64_t now_us)
{
    if (rtt_us != 0) {
        anew(m, 1);
        m->sampled |= wf_rtt_add(&m->rtt, rtt_us, now_us);
    } else if (m->probed) {
        wf_rtt_lost(&m->rtt);
        m->sampled = 1;
    }
}

void meter_unprobed(struct meter *m)
{
    anew(m, 0);
}

void meter_ponged(struct meter *m, uint64_t rtt_us, uint64_t now_us)
{
    if (!m->probed) {
        m->sampled |= wf_rtt_add(&m->rtt, rtt_us, now_us);
    }
}

/* -- throughput ------------------------------------------------------------------------
 */

static void end_span(struct meter *m)
{
    const uint64_t took_us = m->last_us - m->from_us;

    if (took_us >= SPAN_MIN_US &&
        wf_rate_add(&m->down, m->bytes, took_us, 1, m->last_us)) {
        m->looked = 0;
    }
    m->from_us = 0;
}

/* What the first one of a span took is not known: the others came in the time since. */
static void begin_span(struct meter *m, uint64_t now_us)
{
    m->from_us = m->last_us = now_us;
    m->bytes = 0;
}

void meter_came(struct meter *m, uint64_t bytes, uint64_t now_us)
{
    if (m->from_us != 0 && now_us - m->last_us > PAUSE_US) {
        end_span(m);
    }
    if (m->from_us == 0) {
        begin_span(m, now_us);
        return;
    }
    m->bytes += bytes;
    m->last_us = now_us;
    if (now_us - m->from_us >= SPAN_US) {
        end_span(m);
        begin_span(m, now_us);
    }
}

/* -- the other end ---------------------------------------------------------------------
 */

int meter_heard(struct meter *m, const struct wf_link_row *row, uint64_t now_us)
{
    const uint64_t age_us = wf_min_u64(row->age_ms, UINT32_MAX) * 1000;

    if (row->rtt_us > WF_RTT_MAX_US || row->jitter_us > WF_RTT_MAX_US) {
        return WEFT_EPROTO;
    }
    m->told = (struct link_seen){.rtt_us = row->rtt_us,
                                 .jitter_us = row->jitter_us,
                                 .loss_pm = row->loss_pm,
                                 .down = wf_min_u64(row->down, WF_RATE_MAX),
                                 .samples = row->samples,
                                 .at_us = now_us - wf_min_u64(age_us, now_us)};
    return 0;
}

void meter_view(const struct meter *m, uint64_t now_us, struct link_seen *ret_link)
{
    *ret_link = m->told;
    if (m->rtt.n != 0) {
        ret_link->rtt_us = wf_rtt_us(&m->rtt);
        ret_link->jitter_us = wf_rtt_jitter_us(&m->rtt);
        ret_link->loss_pm = wf_rtt_loss_pm(&m->rtt);
        ret_link->samples = m->rtt.n;
        ret_link->at_us = m->rtt.at_us;
    }
    ret_link->up = m->told.down;
    ret_link->down = wf_rate_get(&m->down, now_us);
}

static int is_loss_news(const struct wf_rtt *r)
{
    const uint32_t pm = wf_rtt_loss_pm(r);

    return pm >= r->told_pm + LOSS_NEWS || pm + LOSS_NEWS <= r->told_pm;
}

/* Only a sample makes news of the way. */
static int is_news(struct meter *m, uint64_t now_us)
{
    const int due = m->told_us == 0 || now_us - m->told_us >= RETELL_US;
    const int sampled = m->sampled;

    m->sampled = 0;
    if (sampled && m->rtt.n != 0 &&
        (due || wf_rtt_news(&m->rtt) || is_loss_news(&m->rtt))) {
        return 1;
    }
    if (m->looked && !due) {
        return 0;
    }
    m->looked = 1;
    return wf_rate_news(&m->down, now_us);
}

int meter_news(struct meter *m, uint64_t now_us, struct wf_link_row *ret_row)
{
    if (m->from_us != 0 && now_us - m->last_us > PAUSE_US) {
        end_span(m);
    }
    if (!is_news(m, now_us)) {
        return 0;
    }
    wf_rtt_told(&m->rtt);
    wf_rate_told(&m->down, now_us);
    m->told_us = now_us;
    *ret_row = (struct wf_link_row){.rtt_us = wf_rtt_us(&m->rtt),
                                    .jitter_us = wf_rtt_jitter_us(&m->rtt),
                                    .loss_pm = wf_rtt_loss_pm(&m->rtt),
                                    .down = wf_rate_get(&m->down, now_us),
                                    .samples = m->rtt.n};
    if (m->rtt.n != 0) {
        ret_row->age_ms = (now_us - m->rtt.at_us) / 1000;
    }
    return 1;
}
