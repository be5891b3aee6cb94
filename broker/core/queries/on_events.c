/* Events: what happens here is kept, logged and told to who follows it.  Brokers follow
 * their neighbours: of these an operator sees warnings and errors, under the name of the
 * broker.  What was heard is not passed on, so it goes one link far and never round. */
#include "broker/core/jobs/ledger.h"

#include "common/log.h"
#include "common/str.h"
#include "proto/name.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HEARD_MAX 32u /* events of a neighbour that are taken in a second */

/* -- ours ------------------------------------------------------------------------------
 */

static int is_told(const struct session *s, const struct news_item *item, int heard)
{
    return s->follows_events &&
           (s->role == WF_ROLE_OPERATOR || (!heard && item->level <= WF_LOG_WARN));
}

static void publish(struct core *c, const struct news_item *item, int heard,
                    struct wf_effects *out)
{
    const struct wf_event_row row = news_row(item);
    struct wf_events_page page = {0};
    const struct session *s;
    size_t it = 0;

    if (c->sessions.followers == 0) {
        return;
    }
    wf_buf_clear(&c->news_store);
    (void) wf_rows_add(&c->news_store, &page.rows, wf_desc_event_row(), &row);
    while ((s = wf_map_next(c->sessions.by_peer, &it)) != NULL) {
        if (is_told(s, item, heard)) {
            wf_effects_send(out, s->peer, WF_MSG_events_page, &page);
        }
    }
}

/* Of our own. */
static const struct news_item *keep(struct core *c, unsigned level, const char *kind,
                                    const char *node, const struct wf_id *job,
                                    const char *text, struct wf_effects *out)
{
    const uint64_t evicted = news_evicted(&c->news);
    struct news_item *item = news_add(&c->news, c->wall_ms, level, kind, node, job, text);

    if (evicted != 0) {
        ledger_drop_event(c, evicted, out);
    }
    if (level <= WF_LOG_WARN) {
        ledger_event(c, item, out);
    }
    return item;
}

void core_news(struct core *c, struct wf_effects *out, unsigned level, const char *kind,
               const char *node, const struct wf_id *job, const char *fmt, ...)
{
    char text[WF_TEXT_MAX + 1], safe[2 * WF_TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    (void) vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    text[wf_utf8_cut(text, strlen(text))] = '\0';
    wf_str_escape(safe, sizeof safe, text, strlen(text));
    wf_effects_trace(out, level, kind, "node=%s text=\"%s\"",
                     node[0] != '\0' ? node : "-", safe);
    publish(c, keep(c, level, kind, node, job, text, out), 0, out);
}

void query_events(struct turn *t)
{
    const struct wf_query *q = &t->msg->u.query;
    const uint64_t limit = q->limit != 0 ? q->limit : WF_PAGE_MAX;
    const int follow = wf_slice_is(q->key, "follow");
    struct wf_events_page page = {.req = q->req};
    struct wf_buf *store = core_rows(t->c, 0);
    uint64_t seq = t->c->news.next;
    const struct news_item *item;

    if (t->s->role != WF_ROLE_OPERATOR && (t->s->role != WF_ROLE_BROKER || !follow)) {
        refuse(t, WEFT_EPERM, q->req, NULL, 0, "events are for operators");
        return;
    }
    /* A neighbour hears of what happens from now on. */
    for (uint64_t i = 0; t->s->role == WF_ROLE_OPERATOR && i < limit; i++) {
        item = news_before(&t->c->news, seq);
        if (item == NULL) {
            break;
        }
        seq = item->seq;
    }
    while ((item = news_from(&t->c->news, seq)) != NULL) {
        const struct wf_event_row row = news_row(item);

        if (wf_rows_add(store, &page.rows, wf_desc_event_row(), &row) != 0) {
            break;
        }
        seq = item->seq + 1;
    }
    wf_effects_send(t->out, t->s->peer, WF_MSG_events_page, &page);
    if (follow && !t->s->follows_events) {
        t->s->follows_events = 1;
        t->c->sessions.followers++;
    }
}

/* -- those of neighbours ---------------------------------------------------------------
 */

void events_follow(const struct session *s, struct wf_effects *out)
{
    const struct wf_query q = {.kind = WF_QUERY_EVENTS, .key = wf_slice_of("follow")};

    if (s->role == WF_ROLE_BROKER) {
        wf_effects_send(out, s->peer, WF_MSG_query, &q);
    }
}

static int may_tell(struct core *c, struct session *s)
{
    if (c->now_us - s->told_us >= 1000000) {
        s->told_us = c->now_us;
        s->told = 0;
    }
    if (s->told == HEARD_MAX) {
        c->count.events_dropped++;
        return 0;
    }
    s->told++;
    return 1;
}

void on_events(struct turn *t)
{
    struct wf_rows rows = t->msg->u.events_page.rows;
    struct wf_event_row row;

    while (wf_rows_next(&rows, wf_desc_event_row(), &row)) {
        char kind[WF_NAME_MAX + 1], text[WF_TEXT_MAX + 1];

        if (row.level <= WF_LOG_WARN && wf_name_ok(row.kind) && may_tell(t->c, t->s)) {
            wf_slice_str(row.kind, kind, sizeof kind);
            wf_slice_str(row.text, text, sizeof text);
            /* It is logged and stored there. */
            publish(t->c,
                    news_add_heard(&t->c->news, t->c->wall_ms, (unsigned) row.level, kind,
                                   t->s->principal->name, &row.job, text),
                    1, t->out);
        }
    }
}
