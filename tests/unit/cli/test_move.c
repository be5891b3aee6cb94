#include "cli/data/move.h"

#include "cli/tool/text.h"
#include "tests/lib/tap.h"

#include <stdlib.h>
#include <string.h>

/* A program whose stderr is kept. */
struct bed {
    struct cli cli;
    char *text;
    size_t len;
};

static void bed_init(struct bed *b, int tty)
{
    memset(b, 0, sizeof(*b));
    b->cli.err =
        (struct out){.f = open_memstream(&b->text, &b->len), .tty = tty, .width = 80};
    b->cli.out = (struct out){.f = stdout, .width = 80};
    b->cli.command = "data put";
}

static void bed_fini(struct bed *b)
{
    fclose(b->cli.err.f);
    free(b->text);
}

static void test_to(void)
{
    const struct opt_list good = {{"nvr-02", "site=lyon", "cpus>=4"}, 3};
    const struct opt_list two = {{"nvr-02", "nvr-03"}, 2}, none = {{NULL}, 0};
    struct move_to to;
    struct bed b;

    bed_init(&b, 0);
    is_int(move_to_parse(&b.cli, &good, &to), CLI_OK, "a node and needs");
    ok(strcmp(to.node, "nvr-02") == 0 && to.n == 2 && strcmp(to.needs[1], "cpus>=4") == 0,
       "are told apart");
    is_int(move_to_parse(&b.cli, &none, &to), CLI_OK, "nothing is anywhere");
    ok(to.node == NULL && to.n == 0, "at all");
    is_int(move_to_parse(&b.cli, &two, &to), CLI_USAGE, "two nodes are a mistake");
    fflush(b.cli.err.f);
    ok(strstr(b.text, "nvr-02 and nvr-03") != NULL && strstr(b.text, "next:") != NULL,
       "which is explained");
    bed_fini(&b);
}

static void test_copies(void)
{
    static const char *const wrong[] = {"0", "63", "x", "-1", "", "1.5"};
    unsigned n = 9;
    struct bed b;

    bed_init(&b, 0);
    is_int(move_copies(&b.cli, NULL, &n), CLI_OK, "without copies");
    is_int(n, 0, "the broker's default holds");
    is_int(move_copies(&b.cli, "3", &n), CLI_OK, "a number");
    is_int(n, 3, "is one");
    is_int(move_copies(&b.cli, "all", &n), CLI_OK, "all");
    is_int(n, WEFT_EVERYWHERE, "is everywhere");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        is_int(move_copies(&b.cli, wrong[i], &n), CLI_USAGE, "not a number of copies");
    }
    bed_fini(&b);
}

static void test_waits(void)
{
    struct weft_progress p = {
        .phase = WEFT_MOVING, .node = "n1", .text = "no \033[2J room"};
    const char *at;
    struct move move;
    struct bed b;

    bed_init(&b, 1);
    move_init(&move, &b.cli, 1);
    move_on_progress(&p, &move);
    move_on_progress(&p, &move);
    move_tell(&move, move.heard_ms + MOVE_TELL_MS - 1);
    fflush(b.cli.err.f);
    ok(b.len == 0, "a short wait is not told");
    move_tell(&move, move.heard_ms + MOVE_TELL_MS);
    move_tell(&move, move.heard_ms + 2 * MOVE_TELL_MS);
    fflush(b.cli.err.f);
    at = strstr(b.text, "room");
    ok(at != NULL && strstr(at + 1, "room") == NULL,
       "without a bar what it waits for is told once");
    ok(strchr(b.text, '\033') == NULL, "without what steers a terminal");
    p.text = "";
    move_on_progress(&p, &move);
    is_str(move.note, "n1", "else there is the node");
    p.phase = WEFT_READING;
    p.node = "";
    move_on_progress(&p, &move);
    is_str(move.note, "reading ", "or what is done here");
    bed_fini(&b);
}

int main(void)
{
    test_to();
    test_copies();
    test_waits();
    return done();
}
