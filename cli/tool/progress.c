#include "cli/tool/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/tool/fmt.h"
#include "cli/tool/text.h"

#define PROGRESS_AFTER_MS 500
#define PROGRESS_EVERY_MS 100
#define PROGRESS_BAR      24

void progress_start(struct progress *progress, struct out *out, int off, uint64_t now_ms)
{
    progress->out = out;
    progress->start_ms = now_ms;
    progress->drawn_ms = now_ms;
    progress->shown = 0;
    progress->off = off || !out->tty;
    progress->bytes = 0;
}

static void bar(char *text, uint64_t done, uint64_t total, int utf8)
{
    unsigned full =
        total > 0 ? (unsigned) ((double) done / (double) total * PROGRESS_BAR) : 0;

    text[0] = '\0';
    for (unsigned i = 0; i < PROGRESS_BAR; i++) {
        strcat(text, utf8 ? (i < full ? "█" : "░") : (i < full ? "#" : "."));
    }
}

void progress_line(char *line, size_t cap, uint64_t done, uint64_t total,
                   uint64_t elapsed_ms, const char *note, int width, int utf8)
{
    char blocks[PROGRESS_BAR * 3 + 1], eta[48] = "", of[32] = "";
    uint64_t left;
    double rate = elapsed_ms > 0 ? (double) done * 1000 / (double) elapsed_ms : 0;

    bar(blocks, done, total, utf8);
    if (total > 0) {
        snprintf(of, sizeof(of), "/%" PRIu64, total);
    }
    left = total > done && rate > 0 ? (uint64_t) ((double) (total - done) / rate) : 0;
    if (left > 0) {
        snprintf(eta, sizeof(eta), "  %s left", fmt_us(left * 1000000).s);
    }
    snprintf(line, cap, "%s%s%" PRIu64 "%s  %.*f/s%s%s%s", total > 0 ? blocks : "",
             total > 0 ? " " : "", done, of, rate < 10 ? 1 : 0, rate, eta,
             *note != '\0' ? "  " : "", note);
    line[text_fit(line, width > 1 ? (size_t) width - 1 : 1)] = '\0';
}

void progress_bytes_line(char *line, size_t cap, uint64_t done, uint64_t total,
                         uint64_t elapsed_ms, const char *note, int width, int utf8)
{
    char blocks[PROGRESS_BAR * 3 + 1], eta[48] = "", of[48] = "";
    double rate = elapsed_ms > 0 ? (double) done * 1000 / (double) elapsed_ms : 0;

    bar(blocks, done, total, utf8);
    if (total > 0) {
        snprintf(of, sizeof(of), "/%s", fmt_size(total).s);
    }
    if (total > done && rate >= 1) {
        snprintf(eta, sizeof(eta), "  %s left",
                 fmt_us((uint64_t) ((double) (total - done) / rate * 1e6)).s);
    }
    snprintf(line, cap, "%s%s%s%s  %s/s%s%s%s", total > 0 ? blocks : "",
             total > 0 ? " " : "", fmt_size(done).s, of, fmt_size((uint64_t) rate).s, eta,
             *note != '\0' ? "  " : "", note);
    line[text_fit(line, width > 1 ? (size_t) width - 1 : 1)] = '\0';
}

void progress_update(struct progress *progress, uint64_t done, uint64_t total,
                     const char *note, uint64_t now_ms)
{
    char line[256];
    uint64_t elapsed = now_ms - progress->start_ms;

    if (progress->off || elapsed < PROGRESS_AFTER_MS ||
        (progress->shown && now_ms - progress->drawn_ms < PROGRESS_EVERY_MS)) {
        return;
    }
    progress->drawn_ms = now_ms;
    progress->shown = 1;
    (progress->bytes ? progress_bytes_line
                     : progress_line)(line, sizeof(line), done, total, elapsed, note,
                                      progress->out->width, progress->out->utf8);
    fprintf(progress->out->f, "\r%s\033[K", line);
    fflush(progress->out->f);
}

void progress_clear(struct progress *progress)
{
    if (progress->shown) {
        fputs("\r\033[K", progress->out->f);
        fflush(progress->out->f);
        progress->shown = 0;
    }
}
