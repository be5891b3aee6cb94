#include "tests/torture/story.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int story_open(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

int story_write(int fd, const char *kind, const char *id, unsigned n,
                const uint64_t *numbers)
{
    char line[256];
    struct timespec t;
    int len;

    (void) clock_gettime(CLOCK_REALTIME, &t);
    len = snprintf(line, sizeof line,
                   "{\"k\":\"%s\",\"id\":\"%s\",\"t\":%lld.%03ld,\"n\":\"", kind, id,
                   (long long) t.tv_sec, t.tv_nsec / 1000000);
    for (unsigned i = 0; i < n; i++) {
        len += snprintf(line + len, sizeof line - (size_t) len, "%s%llx",
                        i == 0 ? "" : " ", (unsigned long long) numbers[i]);
    }
    len += snprintf(line + len, sizeof line - (size_t) len, "\"}\n");
    return write(fd, line, (size_t) len) == len ? 0 : -1;
}

int story_parse(const char *text, struct story_line *ret_line)
{
    char numbers[160] = "";
    char *at = numbers, *next;
    int head = 0;

    memset(ret_line, 0, sizeof *ret_line);
    (void) sscanf(text,
                  "{\"k\":\"%15[a-z]\",\"id\":\"%32[0-9a-f]\",\"t\":%*[0-9.],\"n\":\"%n",
                  ret_line->kind, ret_line->id, &head);
    if (head == 0 || strlen(ret_line->id) != 32 || strstr(text + head, "\"}") == NULL) {
        return -1;
    }
    (void) sscanf(text + head, "%159[0-9a-f ]", numbers);
    while (ret_line->n < STORY_NUMBERS) {
        uint64_t x = strtoull(at, &next, 16);

        if (next == at) {
            break;
        }
        ret_line->number[ret_line->n++] = x;
        at = next;
    }
    return 0;
}
