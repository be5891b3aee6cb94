/* progress.h - a bar on stderr for long work
 *
 * Drawn only on a terminal, after half a second, ten times a second at most while it
 * stands; cleared before anything else is printed there, and at the end.
 */
#ifndef CLI_TOOL_PROGRESS_H
#define CLI_TOOL_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

#include "cli/tool/out.h"

struct progress {
    struct out *out;
    uint64_t start_ms, drawn_ms;
    int shown, off;
    int bytes; /* what is counted are bytes; set after progress_start() */
};

/* `off`: never draw. */
void progress_start(struct progress *progress, struct out *out, int off, uint64_t now_ms);

/* `total` 0: not known yet.  `note` stands at the end ("" for none). */
void progress_update(struct progress *progress, uint64_t done, uint64_t total,
                     const char *note, uint64_t now_ms);
void progress_clear(struct progress *progress);

/* The bar's line, without colours: for progress_update() and tests. */
void progress_line(char *line, size_t cap, uint64_t done, uint64_t total,
                   uint64_t elapsed_ms, const char *note, int width, int utf8);

/* The same in sizes: "####.... 1.2 GiB/2.8 GiB  98 MiB/s  17 s left  nvr-02". */
void progress_bytes_line(char *line, size_t cap, uint64_t done, uint64_t total,
                         uint64_t elapsed_ms, const char *note, int width, int utf8);

#endif
