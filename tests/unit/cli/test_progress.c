#include "cli/tool/progress.h"
#include "cli/tool/text.h"
#include "tests/lib/tap.h"

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
    test_when();
    return done();
}
