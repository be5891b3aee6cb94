#include "cli/view/disconnect.h"
#include "tests/lib/tap.h"

static void good(const char *text, enum weft_disconnect policy, uint64_t ms,
                 const char *shown)
{
    enum weft_disconnect got = WEFT_DISCONNECT_KEEP;
    uint64_t got_ms = 1;

    ok(disconnect_parse(text, &got, &got_ms) == 0 && got == policy && got_ms == ms, "%s",
       text);
    is_str(disconnect_text(got, got_ms).s, shown, "as people read it");
}

static void bad(const char *text)
{
    enum weft_disconnect policy = WEFT_DISCONNECT_STOP;
    uint64_t ms = 7;

    ok(disconnect_parse(text, &policy, &ms) == -1 && policy == WEFT_DISCONNECT_STOP &&
           ms == 7,
       "`%s` is none", text);
}

int main(void)
{
    good("keep", WEFT_DISCONNECT_KEEP, 0, "keep");
    good("stop-after=30s", WEFT_DISCONNECT_STOP, 30000, "stop after 30 s");
    good("stop-after", WEFT_DISCONNECT_STOP, 0, "stop after the broker's grace");
    good("replace-after=2m", WEFT_DISCONNECT_REPLACE, 120000, "replace after 2m");
    good("replace-after", WEFT_DISCONNECT_REPLACE, 0, "replace after the broker's grace");
    bad("");
    bad("keep=3s");
    bad("stop");
    bad("stop-after=");
    bad("stop-after=soon");
    bad("stop-after=0");
    bad("replace-afterwards=1s");
    return done();
}
