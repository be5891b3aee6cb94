#include "cli/view/watch.h"

#include "cli/tool/clock.h"
#include "cli/tool/intr.h"
#include "cli/tool/screen.h"

/* Until the next frame is due: 1 to go on, 0 after q or a signal. */
static int pause_until(struct cli *cli, struct screen *screen, uint64_t due)
{
    uint64_t now;

    while ((now = clock_ms()) < due) {
        int ms = due - now < INTR_POLL_MS ? (int) (due - now) : INTR_POLL_MS;
        int fd = screen_fd(screen);

        if (cli_turn(cli, ms, fd)) {
            int key = screen_key(screen);

            if (key == 'q' || key == 'Q') {
                return 0;
            }
            if (key == ' ' || key == 'r') {
                return 1;
            }
        }
        if (intr_count() > 0) {
            return 0;
        }
    }
    return intr_count() == 0;
}

/* One frame; without a broker it says so at once, so that q goes on working. */
static void frame(struct cli *cli, watch_draw_fn *draw, void *arg)
{
    char why[200] = "";

    if (weft_connected(cli->client, why, sizeof(why))) {
        draw(cli, arg);
    } else {
        cli_fail_next(cli, WEFT_EUNREACH, "wait: it reconnects by itself; q quits", "%s",
                      why);
    }
}

int watch_loop(struct cli *cli, uint64_t interval_ms, watch_draw_fn *draw, void *arg)
{
    struct screen *screen = screen_open(&cli->out);
    struct out err = cli->err;
    int more = 1;

    while (more) {
        uint64_t due = clock_ms() + interval_ms;

        screen_begin(screen);
        if (cli->out.tty) {
            cli->err.f = cli->out.f;
        }
        frame(cli, draw, arg);
        cli->err = err;
        screen_end(screen);
        more = pause_until(cli, screen, due);
    }
    screen_close(screen);
    return intr_count() > 0 ? CLI_INTERRUPTED : CLI_OK;
}
