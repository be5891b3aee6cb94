#include "tests/torture/story.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int story_open(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

int story_write(int fd, const char *kind, const char *id, unsigned n,
                const uint64_t *numbers)
{
    char line[256];
    int len =
        snprintf(line, sizeof line, "{\"k\":\"%s\",\"id\":\"%s\",\"n\":\"", kind, id);

    for (unsigned i = 0; i < n; i++) {
        len += snprintf(line + len, sizeof line - (size_t) len, "%s%llx",
                        i == 0 ? "" : " ", (unsigned long long) numbers[i]);
    }
    len += snprintf(line + len, sizeof line - (size_t) len, "\"}\n");
    return write(fd, line, (size_t) len) == len ? 0 : -1;
}

int story_parse(const char *text, struct story_line *ret_line)
{
    char numbers[160] = "", end = 0;
    char *at = numbers, *next;

    memset(ret_line, 0, sizeof *ret_line);
    if (sscanf(text,
               "{\"k\":\"%15[a-z]\",\"id\":\"%32[0-9a-f]\",\"n\":\"%159[0-9a-f ]\"%c",
               ret_line->kind, ret_line->id, numbers, &end) < 2 ||
        strlen(ret_line->id) != 32 || strstr(text, "\"}") == NULL) {
        return -1;
    }
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
