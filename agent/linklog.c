#include "agent/linklog.h"

#include "common/err.h"
#include "common/io/notify.h"
#include "proto/words.h"

#include <string.h>

static void log_up(struct linklog *l, const struct log_sink *log,
                   const struct wf_link *link, const char *endpoint)
{
    const struct wf_link_welcome *w = &link->welcome;

    l->logged = 0;
    l->why = 0;
    log_info(log, "agent", "connected", "broker=%s site=%s endpoint=%s as=%s tier=%s",
             w->broker, w->site, endpoint, w->name, wf_tier_name(w->tier));
    notify_status("connected to %s at %s as %s", w->broker, endpoint, w->name);
}

/* The transport knows more about a connection that did not come up than the link does. */
static const char *reason(const struct linklog *l, const struct wf_link *link)
{
    if (link->error != WEFT_EUNREACH) {
        return link->error_text;
    }
    switch (l->why) {
    case WEFT_EUNREACH:
        return "nobody answers there";
    case WEFT_EPROTO:
        return "something answers there that is not the broker with the key we know";
    default:
        return link->error_text;
    }
}

static const char *next_step(int error, int why)
{
    if (error == WEFT_EAUTH || error == WEFT_EREVOKED) {
        return "if this node may come back: stop it, `weft-agent leave`, then "
               "`weft-agent join` with a fresh token from `weft token create`";
    }
    if (error == WEFT_EUNREACH && why == WEFT_EPROTO) {
        return "if the broker was set up anew: `weft-agent leave`, then join again";
    }
    return wf_err_next(error);
}

static void log_down(struct linklog *l, const struct log_sink *log,
                     const struct wf_link *link, const char *endpoint)
{
    unsigned bit = (unsigned) -link->error & 63;
    int refused = link->error == WEFT_EAUTH || link->error == WEFT_EREVOKED;
    char why[WF_ERR_TEXT];

    (void) wf_log_value(why, sizeof why, reason(l, link), strlen(reason(l, link)));
    if ((l->logged & UINT64_C(1) << bit) == 0) {
        l->logged |= UINT64_C(1) << bit;
        log_write(log, refused ? WF_LOG_ERROR : WF_LOG_WARN, "agent",
                  l->is_up  ? "disconnected"
                  : refused ? "refused"
                            : "cannot-connect",
                  "endpoint=%s error=%s why=%s next=\"%s\" text=\"trying again\"",
                  endpoint, wf_err_name(link->error), why,
                  next_step(link->error, l->why));
        notify_status("not connected: %s: %s", endpoint, reason(l, link));
    } else {
        log_debug(log, "agent", "cannot-connect", "endpoint=%s error=%s why=%s", endpoint,
                  wf_err_name(link->error), why);
    }
    l->why = 0;
}

int linklog_step(struct linklog *l, const struct log_sink *log,
                 const struct wf_link *link, const char *endpoint)
{
    int was_up = l->is_up;

    if (link->state == l->state) {
        return 0;
    }
    if (link->state == WF_LINK_READY) {
        log_up(l, log, link, endpoint);
        l->is_up = 1;
    } else if (link->state == WF_LINK_WAITING) {
        log_down(l, log, link, endpoint);
        l->is_up = 0;
    } else if (link->state == WF_LINK_IDLE) {
        l->is_up = 0;
    }
    l->state = link->state;
    return was_up != l->is_up;
}
