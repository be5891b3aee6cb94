#include "cli/view/disconnect.h"

#include <stdio.h>
#include <string.h>

#include "cli/tool/fmt.h"

int disconnect_parse(const char *text, enum weft_disconnect *ret_policy, uint64_t *ret_ms)
{
    size_t len = strcspn(text, "=");
    int timed = text[len] == '=';
    uint64_t ms = 0;

    if (timed && (fmt_parse_time(text + len + 1, &ms) < 0 || ms == 0)) {
        return -1;
    }
    if (strcmp(text, "keep") == 0) {
        *ret_policy = WEFT_DISCONNECT_KEEP;
    } else if (len == strlen("stop-after") && memcmp(text, "stop-after", len) == 0) {
        *ret_policy = WEFT_DISCONNECT_STOP;
    } else if (len == strlen("replace-after") &&
               memcmp(text, "replace-after", len) == 0) {
        *ret_policy = WEFT_DISCONNECT_REPLACE;
    } else {
        return -1;
    }
    *ret_ms = ms;
    return 0;
}

struct disconnect_text disconnect_text(enum weft_disconnect policy, uint64_t ms)
{
    struct disconnect_text text;

    if (policy == WEFT_DISCONNECT_KEEP) {
        snprintf(text.s, sizeof(text.s), "keep");
    } else {
        snprintf(text.s, sizeof(text.s), "%s after %s",
                 policy == WEFT_DISCONNECT_STOP ? "stop" : "replace",
                 ms > 0 ? fmt_ms(ms).s : "the broker's grace");
    }
    return text;
}
