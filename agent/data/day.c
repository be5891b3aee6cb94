#include "agent/data/day.h"

#include "common/io/file.h"

#include <inttypes.h>
#include <stdio.h>

#define DAY_MS   86400000u
#define FILE_MAX 128

static void path_of(char *dst, size_t cap, const char *state)
{
    (void) snprintf(dst, cap, "%s/data-day", state);
}

void day_load(struct day *d, const char *state, uint64_t wall_ms)
{
    struct wf_buf text = WF_BUF_INIT(FILE_MAX);
    struct day was = {0};
    char path[512];

    *d = (struct day){.day = wall_ms / DAY_MS};
    path_of(path, sizeof path, state);
    if (file_read(path, &text, NULL) == 0 && wf_buf_put(&text, "", 1) == 0 &&
        sscanf((const char *) text.p, "%" SCNu64 " %" SCNu64 " %" SCNu64, &was.day,
               &was.pulled, &was.given) == 3 &&
        was.day == d->day) {
        *d = was;
    }
    wf_buf_fini(&text);
}

int day_save(struct day *d, const char *state, uint64_t wall_ms, uint64_t pulled,
             uint64_t given, struct wf_err *err)
{
    const struct day now = {wall_ms / DAY_MS, pulled, given};
    char path[512], text[FILE_MAX];
    int n, rc;

    if (now.pulled == d->pulled && now.given == d->given) {
        return 0;
    }
    path_of(path, sizeof path, state);
    n = snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", now.day,
                 now.pulled, now.given);
    rc = file_write(path, text, (size_t) n, 0600, err);
    if (rc == 0) {
        *d = now;
    }
    return rc;
}
