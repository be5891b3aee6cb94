/* loop.c - weft in a poll loop that has other things to do
 *
 *     loop CAPABILITY < LINES
 *
 * Each line of standard input becomes a job; results are printed as they come, while
 * more lines are read.  No thread is started: all work is done in weft_process().
 */
#include <weft/weft.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct app {
    weft_client *client;
    const char *capability;
    char line[4096];
    size_t len;
    unsigned long open, failed;
    int at_end; /* of the input */
};

static void on_done(weft_future *future, void *arg)
{
    const struct weft_outcome *outcome = weft_future_outcome(future);
    struct app *app = arg;

    app->open--;
    if (outcome != NULL && outcome->state == WEFT_JOB_OK) {
        printf("%.*s\n", (int) outcome->len, (const char *) outcome->data);
    } else {
        app->failed++;
        fprintf(stderr, "loop: %s\n",
                outcome != NULL ? outcome->reason : weft_future_text(future));
    }
    weft_future_free(future);
}

static void submit(struct app *app, const char *line, size_t len)
{
    struct weft_job job = WEFT_JOB_INIT;
    weft_future *future;
    int code;

    job.capability = app->capability;
    job.payload = line;
    job.payload_len = len;
    code = weft_submit(app->client, &job, &future);
    if (code != 0) {
        app->failed++;
        fprintf(stderr, "loop: %s\n", weft_strerror(code));
        return;
    }
    app->open++;
    weft_future_then(future, on_done, app);
}

/* Submit the whole lines that have come; a line that is too long is cut. */
static void on_input(struct app *app)
{
    ssize_t n = read(STDIN_FILENO, app->line + app->len, sizeof app->line - app->len);
    char *start = app->line, *end;

    app->at_end = n <= 0;
    app->len += n > 0 ? (size_t) n : 0;
    while ((end = memchr(start, '\n', app->len)) != NULL) {
        submit(app, start, (size_t) (end - start));
        app->len -= (size_t) (end + 1 - start);
        start = end + 1;
    }
    memmove(app->line, start, app->len);
    if (app->len != 0 && (app->at_end || app->len == sizeof app->line)) {
        submit(app, app->line, app->len);
        app->len = 0;
    }
}

static void run(struct app *app)
{
    while (!app->at_end || app->open != 0) {
        struct pollfd fds[2] = {
            {.fd = weft_fd(app->client), .events = POLLIN},
            {.fd = app->at_end ? -1 : STDIN_FILENO, .events = POLLIN}};

        (void) poll(fds, 2, weft_timeout_ms(app->client));
        if (fds[1].revents != 0) {
            on_input(app);
        }
        if (weft_process(app->client) != 0) {
            break;
        }
    }
}

int main(int argc, char **argv)
{
    struct weft_options options = WEFT_OPTIONS_INIT;
    struct app app = {.capability = argv[argc > 1]};
    char why[256];

    if (argc != 2) {
        fprintf(stderr, "usage: loop CAPABILITY < LINES\n");
        return 2;
    }
    options.mode = WEFT_MODE_LOOP;
    if (weft_open(&options, &app.client, why, sizeof why) != 0) {
        fprintf(stderr, "loop: %s\n", why);
        return 1;
    }
    run(&app);
    weft_close(app.client);
    return app.failed == 0 ? 0 : 1;
}
