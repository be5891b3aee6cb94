#include "cli/tool/live.h"

#include <stdlib.h>
#include <string.h>

#include "cli/tool/mem.h"

void live_init(struct live *live, size_t max)
{
    memset(live, 0, sizeof(*live));
    live->max = max;
}

void live_fini(struct live *live)
{
    free(live->shown);
    memset(live, 0, sizeof(*live));
}

size_t live_piece(struct live *live, uint64_t offset, const void *data, size_t len)
{
    size_t at, known, fresh;

    if (live->diverged || offset > live->len) {
        return 0;
    }
    at = (size_t) offset;
    known = live->len - at < len ? live->len - at : len;
    if (known > 0 && memcmp(live->shown + at, data, known) != 0) {
        live->diverged = 1;
        return 0;
    }
    fresh = len - known;
    if (fresh > live->max - live->len) {
        return 0;
    }
    if (fresh > 0) {
        live->shown = mem_grow(live->shown, &live->cap, live->len + fresh, 1);
        memcpy(live->shown + live->len, (const char *) data + known, fresh);
        live->len += fresh;
    }
    return fresh;
}

size_t live_next(struct live *live, uint64_t total, uint64_t offset, const void *data,
                 size_t len, int *ret_again)
{
    size_t at = offset < live->len ? (size_t) offset : live->len;
    size_t known = live->len - at < len ? live->len - at : len;

    if (live->again) {
        return len;
    }
    if (total >= live->len &&
        (known == 0 || memcmp(live->shown + at, data, known) == 0)) {
        return len - known;
    }
    live->again = 1;
    *ret_again = 1;
    return len;
}

size_t live_result(struct live *live, const void *data, size_t len)
{
    if (len < live->len || (live->len > 0 && memcmp(live->shown, data, live->len) != 0)) {
        return len;
    }
    return len - live->len;
}
