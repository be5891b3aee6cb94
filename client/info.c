#include "client/include/weft/data.h"

#include "client/ask.h"
#include "client/fill.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/name.h"
#include "proto/words.h"

#include <string.h>

/* Bytes of rows that one call collects: a broker's whole table, but not without end. */
#define WIRE_MAX ((size_t) 256 << 20)

void weft_rows_free(void *rows)
{
    wf_free(rows);
}

void weft_free(void *object)
{
    wf_free(object);
}

static int set_text(struct wf_slice *to, const char *text)
{
    struct wf_slice s = wf_slice_of(text);

    if (s.len > WF_TEXT_MAX || !wf_utf8_ok(s.p, s.len)) {
        return WEFT_EINVAL;
    }
    *to = s;
    return 0;
}

/* -- lists -------------------------------------------------------------------------- */

struct list {
    struct wf_buf wire; /* the encoded rows of all pages, one after the other */
    struct wf_rows rows;
};

/* The rows of a page, and where the next one begins. */
static struct wf_rows page_rows(const struct wf_msg *msg, uint64_t *ret_more)
{
    switch (msg->type) {
    case WF_MSG_nodes_page:
        *ret_more = msg->u.nodes_page.more;
        return msg->u.nodes_page.rows;
    case WF_MSG_jobs_page:
        *ret_more = msg->u.jobs_page.more;
        return msg->u.jobs_page.rows;
    case WF_MSG_keys_page:
        *ret_more = msg->u.keys_page.more;
        return msg->u.keys_page.rows;
    case WF_MSG_links_page:
        *ret_more = msg->u.links_page.more;
        return msg->u.links_page.rows;
    case WF_MSG_map_page:
        *ret_more = msg->u.map_page.more;
        return msg->u.map_page.rows;
    case WF_MSG_prices_page:
        *ret_more = msg->u.prices_page.more;
        return msg->u.prices_page.rows;
    case WF_MSG_datasets_page:
        *ret_more = msg->u.datasets_page.more;
        return msg->u.datasets_page.rows;
    default:
        *ret_more = 0;
        return msg->u.events_page.rows;
    }
}

/* Ask page after page, for at most `max` rows. */
static int collect(struct weft_client *c, int timeout_ms, struct wf_query *q,
                   enum wf_type want, size_t max, struct list *l)
{
    uint64_t until_us = ask_deadline_us(timeout_ms);

    wf_buf_init(&l->wire, WIRE_MAX);
    l->rows = (struct wf_rows){0};
    do {
        struct ask how = {timeout_ms, NULL, 0};
        struct weft_future *f = NULL;
        struct wf_rows rows;
        struct wf_msg msg;
        int rc;

        q->limit = wf_min_u64(max - l->rows.count, WF_PAGE_MAX);
        rc = ask(c, &how, WF_MSG_query, q, want, &msg, &f);
        if (rc == 0) {
            rows = page_rows(&msg, &q->after);
            rc = wf_buf_put(&l->wire, rows.p, rows.len);
            l->rows.count += rows.count;
            q->after = rows.count != 0 ? q->after : 0;
        }
        weft_future_free(f);
        if (rc == 0 && q->after != 0 && wf_now_us() >= until_us) {
            rc = WEFT_ETIMEOUT;
        }
        if (rc != 0) {
            wf_buf_fini(&l->wire);
            return rc;
        }
    } while (q->after != 0 && l->rows.count < max);
    l->rows.p = l->wire.p;
    l->rows.len = (uint32_t) l->wire.len;
    return 0;
}

/* Turn what was collected into an array of `size`-byte rows. */
static int build(struct list *l, size_t size, const struct wf_desc *rec, fill_fn *fill,
                 size_t max, void **ret_rows, size_t *ret_n)
{
    union fill_row row;
    struct rows r;
    size_t n = l->rows.count < max ? l->rows.count : max;
    uint8_t *at;
    int rc = rows_init(&r, 1, n * size, l->wire.len);

    if (rc == 0) {
        at = rows_array(&r, n, size);
        for (size_t i = 0; i < n && wf_rows_next(&l->rows, rec, &row); i++) {
            fill(&r, &row, at + i * size);
        }
        *ret_rows = r.base;
        *ret_n = n;
    }
    wf_buf_fini(&l->wire);
    return rc;
}

static int list(struct weft_client *c, int timeout_ms, struct wf_query *q,
                enum wf_type want, size_t max, size_t size, const struct wf_desc *rec,
                fill_fn *fill, void **ret_rows, size_t *ret_n)
{
    struct list l;
    int rc = collect(c, timeout_ms, q, want, max, &l);

    return rc == 0 ? build(&l, size, rec, fill, max, ret_rows, ret_n) : rc;
}

int weft_nodes(weft_client *c, const char *filter, int timeout_ms,
               struct weft_node **ret_rows, size_t *ret_n)
{
    struct wf_query q = {.kind = WF_QUERY_NODES};
    void *rows = NULL;
    int rc = set_text(&q.filter, filter);

    if (rc == 0) {
        rc = list(c, timeout_ms, &q, WF_MSG_nodes_page, SIZE_MAX, sizeof **ret_rows,
                  wf_desc_node_row(), fill_node, &rows, ret_n);
    }
    if (rc == 0) {
        *ret_rows = rows;
    }
    return rc;
}

int weft_jobs(weft_client *c, const char *filter, size_t max, int timeout_ms,
              struct weft_job_row **ret_rows, size_t *ret_n)
{
    struct wf_query q = {.kind = WF_QUERY_JOBS};
    void *rows = NULL;
    int rc = set_text(&q.filter, filter);

    if (rc == 0) {
        rc = list(c, timeout_ms, &q, WF_MSG_jobs_page, max != 0 ? max : SIZE_MAX,
                  sizeof **ret_rows, wf_desc_job_row(), fill_job, &rows, ret_n);
    }
    if (rc == 0) {
        *ret_rows = rows;
    }
    return rc;
}

int weft_events(weft_client *c, size_t max, int timeout_ms, struct weft_event **ret_rows,
                size_t *ret_n)
{
    struct wf_query q = {.kind = WF_QUERY_EVENTS};
    void *rows = NULL;
    int rc = list(c, timeout_ms, &q, WF_MSG_events_page, max != 0 ? max : WF_PAGE_MAX,
                  sizeof **ret_rows, wf_desc_event_row(), fill_event, &rows, ret_n);

    if (rc == 0) {
        *ret_rows = rows;
    }
    return rc;
}

static int keys(struct weft_client *c, enum wf_query_kind kind, int timeout_ms,
                struct weft_key **ret_rows, size_t *ret_n)
{
    struct wf_query q = {.kind = kind};
    void *rows = NULL;
    int rc = list(c, timeout_ms, &q, WF_MSG_keys_page, SIZE_MAX, sizeof **ret_rows,
                  wf_desc_key_row(), fill_key, &rows, ret_n);

    if (rc == 0) {
        *ret_rows = rows;
    }
    return rc;
}

int weft_keys(weft_client *c, int timeout_ms, struct weft_key **ret_rows, size_t *ret_n)
{
    return keys(c, WF_QUERY_KEYS, timeout_ms, ret_rows, ret_n);
}

int weft_tokens(weft_client *c, int timeout_ms, struct weft_key **ret_rows, size_t *ret_n)
{
    return keys(c, WF_QUERY_TOKENS, timeout_ms, ret_rows, ret_n);
}

int weft_datasets(weft_client *c, int timeout_ms, struct weft_dataset **ret_rows,
                  size_t *ret_n)
{
    struct wf_query q = {.kind = WF_QUERY_DATASETS};
    void *rows = NULL;
    int rc = list(c, timeout_ms, &q, WF_MSG_datasets_page, SIZE_MAX, sizeof **ret_rows,
                  wf_desc_dataset_row(), fill_dataset, &rows, ret_n);

    if (rc == 0) {
        *ret_rows = rows;
    }
    return rc;
}

int weft_map(weft_client *c, int timeout_ms, struct weft_broker **ret_rows, size_t *ret_n)
{
    struct wf_query q = {.kind = WF_QUERY_MAP};
    void *rows = NULL;
    int rc = list(c, timeout_ms, &q, WF_MSG_map_page, SIZE_MAX, sizeof **ret_rows,
                  wf_desc_map_row(), fill_broker, &rows, ret_n);

    if (rc == 0) {
        *ret_rows = rows;
    }
    return rc;
}

static int links(struct weft_client *c, struct wf_query *q, int timeout_ms,
                 struct weft_link **ret_rows, size_t *ret_n)
{
    void *rows = NULL;
    int rc = list(c, timeout_ms, q, WF_MSG_links_page, SIZE_MAX, sizeof **ret_rows,
                  wf_desc_link_view_row(), fill_link, &rows, ret_n);

    if (rc == 0) {
        *ret_rows = rows;
    }
    return rc;
}

int weft_links(weft_client *c, const char *node, int timeout_ms,
               struct weft_link **ret_rows, size_t *ret_n)
{
    struct wf_query q = {.kind = WF_QUERY_LINKS};
    int rc = set_text(&q.key, node);

    return rc == 0 ? links(c, &q, timeout_ms, ret_rows, ret_n) : rc;
}

int weft_map_links(weft_client *c, int timeout_ms, struct weft_link **ret_rows,
                   size_t *ret_n)
{
    struct wf_query q = {.kind = WF_QUERY_LINKS, .filter = wf_slice_of("brokers")};

    return links(c, &q, timeout_ms, ret_rows, ret_n);
}

int weft_prices(weft_client *c, int timeout_ms, struct weft_price **ret_rows,
                size_t *ret_n)
{
    struct wf_query q = {.kind = WF_QUERY_PRICES};
    void *rows = NULL;
    int rc = list(c, timeout_ms, &q, WF_MSG_prices_page, SIZE_MAX, sizeof **ret_rows,
                  wf_desc_price_row(), fill_price, &rows, ret_n);

    if (rc == 0) {
        *ret_rows = rows;
    }
    return rc;
}

/* -- one object --------------------------------------------------------------------- */

/* `make` turns the message into one allocation. */
static int object(struct weft_client *c, enum wf_query_kind kind, const char *key,
                  int timeout_ms, enum wf_type want, make_fn *make, void **ret_object)
{
    struct ask how = {timeout_ms, NULL, 0};
    struct wf_query q = {.kind = kind};
    struct weft_future *f = NULL;
    struct wf_msg msg;
    int rc = set_text(&q.key, key);

    if (rc == 0) {
        rc = ask(c, &how, WF_MSG_query, &q, want, &msg, &f);
    }
    if (rc == 0) {
        rc = make(&msg, f->call.bytes.len, ret_object);
    }
    weft_future_free(f);
    return rc;
}

#define OBJECT(kind, key, type, make, ret)                                               \
    void *made = NULL;                                                                   \
    int rc = object(c, kind, key, timeout_ms, type, make, &made);                        \
                                                                                         \
    if (rc == 0) {                                                                       \
        *(ret) = made;                                                                   \
    }                                                                                    \
    return rc

int weft_node(weft_client *c, const char *name, int timeout_ms,
              struct weft_node_full **ret_node)
{
    OBJECT(WF_QUERY_NODE, name, WF_MSG_node_info, make_node, ret_node);
}

int weft_job_show(weft_client *c, const char *prefix, int timeout_ms,
                  struct weft_job_full **ret_job)
{
    OBJECT(WF_QUERY_JOB, prefix, WF_MSG_job_info, make_job, ret_job);
}

int weft_job_why(weft_client *c, const char *prefix, int timeout_ms,
                 struct weft_why **ret_why)
{
    OBJECT(WF_QUERY_WHY, prefix, WF_MSG_why_info, make_why, ret_why);
}

int weft_status(weft_client *c, int timeout_ms, struct weft_status **ret_status)
{
    OBJECT(WF_QUERY_STATUS, NULL, WF_MSG_status_info, make_status, ret_status);
}

/* -- events and round trips --------------------------------------------------------- */

int weft_follow_events(weft_client *c, weft_event_fn *fn, void *arg)
{
    struct wf_query q = {
        .kind = WF_QUERY_EVENTS, .key = wf_slice_of("follow"), .limit = WF_PAGE_MAX};
    struct weft_future *f = NULL;
    int rc = 0;

    client_lock(c);
    if (c->follow != NULL) {
        rc = WEFT_EEXIST;
    } else if (wf_calls_ready(&c->calls) &&
               c->calls.link.welcome.role != WF_ROLE_OPERATOR) {
        rc = WEFT_EPERM;
    } else {
        f = future_take(c);
        rc = f != NULL ? 0 : WEFT_ENOMEM;
    }
    if (rc == 0) {
        f->on_event = fn;
        f->arg = arg;
        f->call.flags |= WF_CALL_PAGES;
        rc = ask_start(f, WF_MSG_query, &q, NULL, UINT64_MAX);
        if (rc == 0) {
            c->follow = f;
        } else {
            future_give(f);
        }
    }
    client_unlock(c);
    return rc;
}

static int ping_broker(struct weft_client *c, int timeout_ms, uint64_t *ret_us)
{
    struct weft_future *f;
    int rc;

    client_lock(c);
    if (client_is_inside(c)) {
        client_unlock(c);
        return WEFT_ESTATE;
    }
    f = future_take(c);
    rc = f == NULL ? WEFT_ENOMEM
                   : wf_calls_ping(&c->calls, wf_now_us(), &f->call,
                                   ask_deadline_us(timeout_ms), client_out(c));
    if (rc == 0) {
        client_stepped(c);
        rc = future_wait(f, WEFT_UNTIL_DONE, UINT64_MAX);
    }
    if (rc == 0) {
        *ret_us = f->call.rtt_us;
    }
    client_unlock(c);
    weft_future_free(f);
    return rc;
}

int weft_ping(weft_client *c, const char *node, int timeout_ms, uint64_t *ret_broker_us,
              uint64_t *ret_node_us)
{
    struct ask how = {timeout_ms, NULL, 0};
    struct wf_node_ping body = {.node = wf_slice_of(node)};
    struct weft_future *f = NULL;
    struct wf_msg msg;
    uint64_t broker_us = 0;
    int rc = body.node.len > WF_NAME_MAX || !wf_utf8_ok(body.node.p, body.node.len)
                 ? WEFT_EINVAL
                 : ping_broker(c, timeout_ms, &broker_us);

    if (rc == 0 && node != NULL) {
        rc = ask(c, &how, WF_MSG_node_ping, &body, WF_MSG_node_pong, &msg, &f);
    }
    if (rc == 0) {
        *ret_broker_us = broker_us;
        if (node != NULL && ret_node_us != NULL) {
            *ret_node_us = msg.u.node_pong.rtt_us;
        }
    }
    weft_future_free(f);
    return rc;
}

int weft_ping_from(weft_client *c, const char *broker, const char *node, int timeout_ms,
                   uint64_t *ret_us, char *why, size_t cap)
{
    struct ask how = {timeout_ms, why, cap};
    struct wf_node_ping body = {.node = wf_slice_of(node), .from = wf_slice_of(broker)};
    struct weft_future *f = NULL;
    struct wf_msg msg;
    int rc;

    if (!wf_name_ok(body.node) || !wf_name_ok(body.from)) {
        return ask_fail(&how, WEFT_EINVAL, "this is not the name of a node");
    }
    rc = ask(c, &how, WF_MSG_node_ping, &body, WF_MSG_node_pong, &msg, &f);
    if (rc == 0) {
        *ret_us = msg.u.node_pong.rtt_us;
    }
    weft_future_free(f);
    return rc;
}
