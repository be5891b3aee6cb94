#include "cli/cli.h"

#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tool/clock.h"
#include "cli/tool/fmt.h"
#include "cli/tool/text.h"

#define AT(field) offsetof(struct cli, field)

const struct opt cli_globals[] = {
    {"context", 'C', OPT_TEXT, "NAME", AT(context), 0, 0,
     "act as this context (weft ctx ls); default $WEFT_CONTEXT, else the selected one"},
    {"json", 0, OPT_FLAG, NULL, AT(json), 0, 0,
     "print JSON with a \"schema\" member; fields are only ever added"},
    {"no-color", 0, OPT_FLAG, NULL, AT(no_color), 0, 0,
     "no colours; NO_COLOR and TERM=dumb do the same"},
    {"timeout", 0, OPT_TIME, "TIME", AT(timeout_ms), 1, 86400000,
     "longest wait for the broker and its answers (default 5s)"},
    {"quiet", 'q', OPT_FLAG, NULL, AT(quiet), 0, 0, "no notes and no progress on stderr"},
    {"help", 'h', OPT_FLAG, NULL, AT(help), 0, 0, "explain the command"},
};
const size_t cli_nglobals = sizeof(cli_globals) / sizeof(cli_globals[0]);

int cli_wait_ms(const struct cli *cli)
{
    return cli->timeout_ms > 0 ? (int) cli->timeout_ms : CLI_TIMEOUT_MS;
}

int cli_open(struct cli *cli, char *why, size_t cap)
{
    struct weft_options options = WEFT_OPTIONS_INIT;

    if (cli->client != NULL) {
        return 0;
    }
    options.context = cli->context;
    options.mode = WEFT_MODE_LOOP;
    options.connect_ms = cli_wait_ms(cli);
    options.software = "weft " WEFT_VERSION;
    return weft_open(&options, &cli->client, why, cap);
}

int cli_connect(struct cli *cli)
{
    char why[256] = "";
    int rc = cli_open(cli, why, sizeof(why));

    if (rc == WEFT_ENOENT) {
        return cli_fail_next(
            cli, rc,
            "list contexts with `weft ctx ls`, or make one from a token: "
            "`weft ctx add NAME TOKENFILE`",
            "%s", why);
    }
    return rc < 0 ? cli_fail(cli, rc, "%s", why) : CLI_OK;
}

int cli_exit_of(int code)
{
    switch (code) {
    case WEFT_OK:
        return CLI_OK;
    case WEFT_EINVAL:
        return CLI_USAGE;
    case WEFT_EUNREACH:
        return CLI_UNREACH;
    case WEFT_EAUTH:
    case WEFT_EPERM:
    case WEFT_EKEY:
    case WEFT_EREVOKED:
    case WEFT_ETOKEN:
    case WEFT_ETOKENUSED:
    case WEFT_ETOKENEXPIRED:
    case WEFT_ETOKENROLE:
        return CLI_DENIED;
    case WEFT_ENOENT:
    case WEFT_ENOCAP:
    case WEFT_ERESULT:
        return CLI_NOTFOUND;
    case WEFT_EBUSY:
    case WEFT_EQUOTA:
    case WEFT_EFULL:
        return CLI_BUSY;
    case WEFT_ETIMEOUT:
        return CLI_TIMEOUT;
    case WEFT_ESTORAGE:
        return CLI_STORAGE;
    case WEFT_EFAILED:
    case WEFT_EDEAD:
    case WEFT_EWALL:
    case WEFT_EOUTPUT:
    case WEFT_ERESOURCE:
    case WEFT_ESPAWN:
        return CLI_FAILED;
    case WEFT_ECANCELLED:
    case WEFT_EEXPIRED:
        return CLI_CANCELLED;
    default:
        return CLI_ERROR;
    }
}

/* "the join token ..." and "this join token ..." say the same. */
static const char *past_article(const char *text)
{
    return strncmp(text, "the ", 4) == 0    ? text + 4
           : strncmp(text, "this ", 5) == 0 ? text + 5
                                            : text;
}

/* On stderr as well: what is on stdout may be half of a document. */
static void report_json(struct cli *cli, int code, const char *next, const char *detail)
{
    struct json json;

    json_begin(&json, cli->err.f, "error");
    json_text(&json, "error", weft_errname(code));
    json_text(&json, "text", weft_strerror(code));
    json_text(&json, "detail", *detail != '\0' ? detail : NULL);
    json_text(&json, "next", *next != '\0' ? next : NULL);
    json_int(&json, "exit", cli_exit_of(code));
    json_end(&json);
}

static int report(struct cli *cli, int code, const char *next, const char *detail)
{
    char *clean = text_clean(detail);
    int same = strcmp(past_article(clean), past_article(weft_strerror(code))) == 0;

    fflush(cli->out.f);
    if (cli->json) {
        report_json(cli, code, next, same ? "" : clean);
        free(clean);
        return cli_exit_of(code);
    }
    out_print(&cli->err, TINT_BAD, "error %s", weft_errname(code));
    fprintf(cli->err.f, ": %s%s%s\n", weft_strerror(code),
            *clean != '\0' && !same ? ": " : "", same ? "" : clean);
    if (*next != '\0') {
        out_print(&cli->err, TINT_NOTE, "  next:");
        fprintf(cli->err.f, " %s\n", next);
    }
    free(clean);
    return cli_exit_of(code);
}

/* What is wrong with an argument is explained by the command's help. */
static int usage(struct cli *cli, const char *detail)
{
    char next[96] = "`weft help` lists the commands";

    if (cli->command != NULL) {
        snprintf(next, sizeof(next), "`weft %.40s --help` explains it", cli->command);
    }
    return report(cli, WEFT_EINVAL, next, detail);
}

int cli_fail(struct cli *cli, int code, const char *fmt, ...)
{
    char detail[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);
    return code == WEFT_EINVAL ? usage(cli, detail)
                               : report(cli, code, weft_errhint(code), detail);
}

int cli_fail_next(struct cli *cli, int code, const char *next, const char *fmt, ...)
{
    char detail[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);
    return report(cli, code, next, detail);
}

int cli_usage(struct cli *cli, const char *fmt, ...)
{
    char detail[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);
    return usage(cli, detail);
}

void cli_note(struct cli *cli, const char *fmt, ...)
{
    va_list ap;

    if (cli->quiet) {
        return;
    }
    va_start(ap, fmt);
    vfprintf(cli->err.f, fmt, ap);
    va_end(ap);
    fputc('\n', cli->err.f);
}

void cli_hint(struct cli *cli, const char *fmt, ...)
{
    va_list ap;

    if (cli->quiet || cli->json || !cli->out.tty || !cli->err.tty) {
        return;
    }
    out_print(&cli->err, TINT_NOTE, "  next:");
    fputc(' ', cli->err.f);
    va_start(ap, fmt);
    vfprintf(cli->err.f, fmt, ap);
    va_end(ap);
    fputc('\n', cli->err.f);
}

void cli_footer(struct cli *cli, const char *fmt, ...)
{
    char text[256], peer[160] = "";
    uint64_t now = clock_wall_ms(), rtt;
    va_list ap;

    if (cli->quiet || cli->json || !cli->out.tty) {
        return;
    }
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    weft_connected(cli->client, peer, sizeof(peer));
    rtt = weft_rtt_us(cli->client);
    out_print(&cli->out, TINT_DIM, "%s%sas of %s by %s%s%s%s", text,
              *text != '\0' ? "; " : "", fmt_wall(now, now).s, peer, rtt > 0 ? " (" : "",
              rtt > 0 ? fmt_us(rtt).s : "", rtt > 0 ? ")" : "");
    fputc('\n', cli->out.f);
}

int cli_turn(struct cli *cli, int ms, int fd)
{
    struct pollfd fds[2] = {{-1, POLLIN, 0}, {fd, POLLIN, 0}};
    int limit = ms;

    if (cli->client != NULL) {
        int own = weft_timeout_ms(cli->client);

        fds[0].fd = weft_fd(cli->client);
        limit = own >= 0 && own < limit ? own : limit;
    }
    if (poll(fds, 2, limit) < 0) {
        fds[1].revents = 0;
    }
    if (cli->client != NULL) {
        weft_process(cli->client);
    }
    return fd >= 0 && fds[1].revents != 0;
}

int cli_await(struct cli *cli, weft_future *future, enum weft_until until)
{
    return weft_future_wait(future, until, cli_wait_ms(cli));
}
