#include "cli/tool/live.h"
#include "tests/lib/tap.h"

static void test_prefix(void)
{
    struct live live;

    live_init(&live, 100);
    is_int(live_piece(&live, 0, "hello ", 6), 6, "new bytes are shown");
    is_int(live_piece(&live, 0, "hello wo", 8), 2, "known bytes are not shown again");
    is_int(live_piece(&live, 20, "late", 4), 0, "nothing is shown behind a gap");
    is_int(live_result(&live, "hello world", 11), 3, "the rest of the result follows");
    is_int(live_result(&live, "hello wo", 8), 0, "or nothing");
    is_int(live_result(&live, "other", 5), 5, "another result follows whole");
    is_int(live_result(&live, "", 0), 0, "no result adds nothing");
    live_fini(&live);
}

static void test_attempts(void)
{
    struct live live;

    live_init(&live, 100);
    live_piece(&live, 0, "try 1 ", 6);
    is_int(live_piece(&live, 0, "try 2 done", 10), 0,
           "another attempt that differs is not mixed in");
    ok(live.diverged, "and that is remembered");
    is_int(live_result(&live, "try 2 done", 10), 10, "its whole result follows");
    live_fini(&live);
}

static void test_bound(void)
{
    struct live live;

    live_init(&live, 4);
    is_int(live_piece(&live, 0, "abc", 3), 3, "within the bound");
    is_int(live_piece(&live, 3, "def", 3), 0, "nothing is shown beyond it");
    is_int(live_result(&live, "abcdef", 6), 3, "but the result is whole");
    live_fini(&live);
}

/* A result that comes in pieces, of which "hello " was shown. */
static void test_pieces(void)
{
    struct live live;
    int again = 0;

    live_init(&live, 100);
    live_piece(&live, 0, "hello ", 6);
    is_int(live_next(&live, 11, 0, "hel", 3, &again), 0, "what was shown is not again");
    is_int(live_next(&live, 11, 3, "lo wo", 5, &again), 2, "what follows is");
    is_int(live_next(&live, 11, 8, "rld", 3, &again), 3, "to the end");
    is_int(again, 0, "nothing is repeated");
    live_fini(&live);

    live_init(&live, 100);
    live_piece(&live, 0, "hello ", 6);
    is_int(live_next(&live, 9, 0, "hel", 3, &again), 0, "another result may begin alike");
    is_int(live_next(&live, 9, 3, "met", 3, &again), 3, "but goes on differently:");
    is_int(again, 1, "what was alike is to be repeated");
    again = 0;
    is_int(live_next(&live, 9, 6, "xxx", 3, &again), 3, "then all of it is written");
    is_int(again, 0, "once");
    live_fini(&live);

    live_init(&live, 100);
    live_piece(&live, 0, "hello ", 6);
    is_int(live_next(&live, 5, 0, "hello", 5, &again), 5, "a shorter one is another");
    is_int(again, 1, "from its begin");
    live_fini(&live);
}

int main(void)
{
    test_prefix();
    test_pieces();
    test_attempts();
    test_bound();
    return done();
}
