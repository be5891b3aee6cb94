/* The log about the connection: each failure once an outage, with what to do next. */
#include "agent/linklog.h"
#include "common/err.h"
#include "tests/lib/tap.h"

#include <fcntl.h>
#include <unistd.h>

static int fds[2];
static char text[4096];

/* What was logged since. */
static const char *logged(void)
{
    ssize_t n = read(fds[0], text, sizeof text - 1);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static int has(const char *what)
{
    return strstr(text, what) != NULL;
}

static int look(struct linklog *l, struct wf_link *link, unsigned state, int error,
                const char *why)
{
    struct log_sink sink = {.fd = fds[1], .level = WF_LOG_INFO};

    link->state = state;
    link->error = error;
    (void) snprintf(link->error_text, sizeof link->error_text, "%s", why);
    return linklog_step(l, &sink, link, "tcp://192.0.2.1:7400");
}

int main(void)
{
    struct linklog l = {0};
    struct wf_link link = {.welcome = {.broker = "hq", .name = "cam-17"}};

    must(pipe2(fds, O_NONBLOCK) == 0);
    is_int(look(&l, &link, WF_LINK_DIALLING, 0, ""), 0, "dialling is no news");
    l.why = WEFT_EUNREACH;
    is_int(look(&l, &link, WF_LINK_WAITING, WEFT_EUNREACH, "broke"), 0, "it fails");
    (void) logged();
    ok(has("event=cannot-connect") && has("nobody answers") && has("next="),
       "with reason and next step");
    (void) look(&l, &link, WF_LINK_DIALLING, WEFT_EUNREACH, "");
    (void) look(&l, &link, WF_LINK_WAITING, WEFT_EUNREACH, "broke");
    is_str(logged(), "", "the same again is not logged");
    (void) look(&l, &link, WF_LINK_DIALLING, WEFT_EUNREACH, "");
    (void) look(&l, &link, WF_LINK_WAITING, WEFT_EAUTH, "key unknown");
    (void) logged();
    ok(has("level=error") && has("event=refused") && has("weft-agent leave"),
       "a refused key is an error with its own next step");
    (void) look(&l, &link, WF_LINK_DIALLING, 0, "");
    is_int(look(&l, &link, WF_LINK_READY, 0, ""), 1, "up is a change");
    (void) logged();
    ok(has("event=connected broker=hq") && has("as=cam-17"), "and logged");
    is_int(look(&l, &link, WF_LINK_READY, 0, ""), 0, "staying up is none");
    is_int(look(&l, &link, WF_LINK_WAITING, WEFT_EUNREACH, "evil\"\ntext"), 1, "down");
    (void) logged();
    ok(has("event=disconnected") && strchr(text, '\n') == strrchr(text, '\n'),
       "peer text does not break the line");
    return done();
}
