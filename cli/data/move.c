#include "cli/data/move.h"

#include <stdlib.h>
#include <string.h>

#include "cli/tool/clock.h"
#include "cli/tool/fmt.h"
#include "cli/tool/intr.h"
#include "cli/tool/text.h"
#include "cli/view/data.h"

void move_init(struct move *move, struct cli *cli, int quiet)
{
    memset(move, 0, sizeof(*move));
    move->cli = cli;
    move->start_ms = move->heard_ms = clock_ms();
    progress_start(&move->progress, &cli->err, cli->quiet || quiet, move->start_ms);
    move->progress.bytes = 1;
}

uint64_t move_ms(const struct move *move)
{
    return clock_ms() - move->start_ms;
}

void move_tell(struct move *move, uint64_t now_ms)
{
    if (*move->waits != '\0' && !move->told && move->progress.off &&
        now_ms - move->heard_ms >= MOVE_TELL_MS) {
        cli_note(move->cli, "%s; Ctrl-C to stop", move->waits);
        move->told = 1;
    }
}

static void note_wait(struct move *move, const char *text)
{
    if (*text != '\0' && strncmp(text, move->waits, sizeof(move->waits) - 1) != 0) {
        move->told = 0;
        snprintf(move->waits, sizeof(move->waits), "%s", text);
    } else if (*text == '\0') {
        *move->waits = '\0';
    }
}

void move_on_progress(const struct weft_progress *p, void *arg)
{
    struct move *move = arg;
    char *text = text_clean(*p->text != '\0' ? p->text : p->node);
    uint64_t now = clock_ms();

    /* Rate and rest are those of the phase. */
    if (p->phase != move->phase) {
        move->phase = p->phase;
        move->progress.start_ms = now;
    }
    if (p->bytes != move->bytes || p->moved != move->moved) {
        move->bytes = p->bytes;
        move->moved = p->moved;
        move->heard_ms = now;
    }
    snprintf(move->note, sizeof(move->note), "%s%s",
             p->phase == WEFT_READING ? "reading " : "", text);
    note_wait(move, *p->text != '\0' ? text : "");
    progress_update(&move->progress, p->bytes, p->total, move->note, now);
    free(text);
}

static int is_stuck(const struct move *move)
{
    return move->patience_ms != 0 && clock_ms() - move->heard_ms >= move->patience_ms;
}

int move_wait(struct move *move, weft_future *future, const char *what)
{
    struct cli *cli = move->cli;
    unsigned seen;
    int code;

    intr_install();
    seen = intr_count();
    move->heard_ms = clock_ms();
    while (!weft_future_is_done(future) && intr_count() == seen && !is_stuck(move)) {
        cli_turn(cli, INTR_POLL_MS, -1);
        move_tell(move, clock_ms());
    }
    progress_clear(&move->progress);
    if (!weft_future_is_done(future) && intr_count() == seen) {
        return cli_fail_next(cli, WEFT_ETIMEOUT,
                             "look at `weft nodes`; what has arrived is kept, the same "
                             "command goes on",
                             "%s: %s", what,
                             *move->waits != '\0' ? move->waits : "nothing moves");
    }
    if (!weft_future_is_done(future)) {
        cli_note(cli, "interrupted: what has arrived is kept, the same command goes on");
        return CLI_INTERRUPTED;
    }
    code = weft_future_error(future);
    if (code == WEFT_ENOENT && move->missing != NULL) {
        return cli_fail_next(cli, code, move->missing, "%s: %s", what,
                             weft_future_text(future));
    }
    if (code == WEFT_EPERM && move->denied != NULL) {
        return cli_fail_next(cli, code, move->denied, "%s: %s", what,
                             weft_future_text(future));
    }
    if (code == WEFT_EEXIST && move->exists != NULL) {
        return cli_fail_next(cli, code, move->exists, "%s", weft_future_text(future));
    }
    return code == 0 ? 0 : data_fail(cli, code, what, weft_future_text(future));
}

int move_to_parse(struct cli *cli, const struct opt_list *to, struct move_to *ret_to)
{
    memset(ret_to, 0, sizeof(*ret_to));
    for (size_t i = 0; i < to->n; i++) {
        const char *text = to->values[i];

        if (strpbrk(text, "=<>") != NULL) {
            ret_to->needs[ret_to->n++] = text;
        } else if (ret_to->node != NULL) {
            return cli_usage(cli,
                             "--to takes one node, not %s and %s: repeat the command, or "
                             "say what the nodes have in common",
                             ret_to->node, text);
        } else {
            ret_to->node = text;
        }
    }
    return CLI_OK;
}

int move_copies(struct cli *cli, const char *text, unsigned *ret_copies)
{
    uint64_t n = 0;

    if (text == NULL) {
        *ret_copies = 0;
    } else if (strcmp(text, "all") == 0) {
        *ret_copies = WEFT_EVERYWHERE;
    } else if (fmt_parse_uint(text, &n) == 0 && n >= 1 && n < WEFT_EVERYWHERE) {
        *ret_copies = (unsigned) n;
    } else {
        return cli_usage(cli, "--copies wants 1 to %u, or all, not `%s`",
                         WEFT_EVERYWHERE - 1, text);
    }
    return CLI_OK;
}
