#include "cli/tool/progress.h"
#include "cli/tool/text.h"
#include "tests/lib/tap.h"

#include <string.h>

static void test_line(void)
{
    char line[256];

    progress_line(line, sizeof(line), 50, 100, 1000, "", 100, 0);
    is_str(line, "############............ 50/100  50/s  1 s left", "half way");
    progress_line(line, sizeof(line), 0, 100, 0, "", 100, 0);
    is_str(line, "........................ 0/100  0.0/s", "before anything is done");
    progress_line(line, sizeof(line), 7, 0, 2000, "1 failed", 100, 0);
    is_str(line, "7  3.5/s  1 failed", "of an unknown number");
    progress_line(line, sizeof(line), 100, 100, 1000, "", 100, 0);
    is_str(line, "######################## 100/100  100/s", "at the end");
    progress_line(line, sizeof(line), 1, 2, 1000, "", 20, 1);
    is_int(text_width(line), 19, "cut to the terminal");
}

static void test_bytes(void)
{
    const uint64_t mib = 1 << 20;
    char line[256];

    progress_bytes_line(line, sizeof(line), 50 * mib, 100 * mib, 1000, "n1", 100, 0);
    is_str(line, "############............ 50 MiB/100 MiB  50 MiB/s  1 s left  n1",
           "bytes have units");
    progress_bytes_line(line, sizeof(line), 2 * mib, 0, 1000, "", 100, 0);
    is_str(line, "2 MiB  2 MiB/s", "of an unknown size");
    progress_bytes_line(line, sizeof(line), 0, 100 * mib, 0, "", 100, 0);
    is_str(line, "........................ 0 B/100 MiB  0 B/s", "at the begin");
    progress_bytes_line(line, sizeof(line), UINT64_C(1) << 62, UINT64_C(1) << 63, 1000,
                        "", 100, 0);
    ok(strncmp(line, "############............ 4 EiB/8 EiB", 35) == 0,
       "however large they are");
}

static void test_when(void)
{
    char *text = NULL;
    size_t len = 0;
    struct out out = {.f = open_memstream(&text, &len), .tty = 1, .width = 80};
    struct progress progress;

    progress_start(&progress, &out, 0, 1000);
    progress_update(&progress, 1, 10, "", 1400);
    fflush(out.f);
    is_int(len, 0, "short work has no bar");
    progress_update(&progress, 1, 10, "", 1600);
    ok(len > 0 && text[0] == '\r', "long work has one");
    len = 0;
    progress_clear(&progress);
    ok(strstr(text, "\r\033[K") != NULL && !progress.shown, "it is cleared");
    fclose(out.f);
    free(text);
}

int main(void)
{
    test_line();
    test_bytes();
    test_when();
    return done();
}
