/* serve.c - offer a C function as a capability
 *
 *     weft token create --role agent --name shouter > token
 *     weft-agent join --state DIR < token
 *     serve DIR
 *
 * Serves upper@1, which answers with its payload in capitals, until SIGINT or SIGTERM.
 */
#include <weft/weft.h>

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static weft_server *server;

static void on_signal(int signum)
{
    (void) signum;
    weft_serve_stop(server);
}

static void upper(weft_call *call, void *arg)
{
    size_t len;
    const unsigned char *payload = weft_call_payload(call, &len);
    char *result = malloc(len + 1);

    (void) arg;
    if (result == NULL) {
        weft_call_done(call, WEFT_EFAILED, NULL, 0, "out of memory");
        return;
    }
    for (size_t i = 0; i < len; i++) {
        result[i] = (char) toupper(payload[i]);
    }
    weft_call_done(call, 0, result, len, NULL);
    free(result);
}

int main(int argc, char **argv)
{
    struct weft_serve_options options = WEFT_SERVE_OPTIONS_INIT;
    char why[256];
    int code;

    if (argc != 2) {
        fprintf(stderr, "usage: serve DIR\n");
        return 2;
    }
    options.state = argv[1];
    code = weft_serve_open(&options, &server, why, sizeof why);
    if (code != 0) {
        fprintf(stderr, "serve: %s\n  next: %s\n", why, weft_errhint(code));
        return 1;
    }
    (void) signal(SIGINT, on_signal);
    (void) signal(SIGTERM, on_signal);
    code = weft_serve_register(server, "upper@1", 0, upper, NULL);
    if (code == 0) {
        code = weft_serve_run(server);
    }
    (void) signal(SIGINT, SIG_DFL);
    (void) signal(SIGTERM, SIG_DFL);
    weft_serve_close(server);
    if (code != 0) {
        fprintf(stderr, "serve: %s\n  next: %s\n", weft_strerror(code),
                weft_errhint(code));
    }
    return code == 0 ? 0 : 1;
}
