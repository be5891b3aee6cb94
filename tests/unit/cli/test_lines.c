#include "cli/tool/lines.h"
#include "tests/lib/tap.h"

#include <unistd.h>

int main(void)
{
    struct lines lines;
    const char *line;
    size_t len;
    int fds[2];

    must(pipe(fds) == 0);
    lines_init(&lines, fds[0]);
    is_int(lines_next(&lines, &line, &len), 0, "nothing was read yet");
    must(write(fds[1], "one\n\ntw", 7) == 7);
    is_int(lines_fill(&lines), 0, "read what is there");
    ok(lines_next(&lines, &line, &len) == 1 && len == 3 && memcmp(line, "one", 3) == 0,
       "a line");
    ok(lines_next(&lines, &line, &len) == 1 && len == 0, "an empty line");
    is_int(lines_next(&lines, &line, &len), 0, "half a line waits");
    must(write(fds[1], "o", 1) == 1);
    must(close(fds[1]) == 0);
    must(lines_fill(&lines) == 0);
    must(lines_fill(&lines) == 0);
    ok(lines_next(&lines, &line, &len) == 1 && len == 3 && memcmp(line, "two", 3) == 0,
       "the last line needs no newline");
    is_int(lines_next(&lines, &line, &len), -1, "the end");
    lines_fini(&lines);
    close(fds[0]);

    lines_init(&lines, -1);
    is_int(lines_fill(&lines), -1, "a bad descriptor is an error");
    lines_fini(&lines);
    return done();
}
