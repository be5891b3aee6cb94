#include "cli/tool/screen.h"

#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/tool/intr.h"
#include "cli/tool/mem.h"
#include "cli/tool/text.h"

struct screen {
    struct out *out;
    FILE *real;  /* the output while a frame is drawn */
    char *frame; /* of open_memstream() */
    size_t len;
    int keys; /* stdin is a terminal in single-key mode */
    struct termios saved;
};

static void keys_on(struct screen *screen)
{
    struct termios raw;

    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &screen->saved) < 0) {
        return;
    }
    raw = screen->saved;
    raw.c_lflag &= ~(tcflag_t) (ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    screen->keys = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

struct screen *screen_open(struct out *out)
{
    struct screen *screen = mem_calloc(1, sizeof(*screen));

    screen->out = out;
    intr_install();
    if (out->tty) {
        intr_install_quit();
        keys_on(screen);
        fputs("\033[?1049h\033[?25l\033[H\033[2J", out->f);
        fflush(out->f);
    }
    return screen;
}

void screen_close(struct screen *screen)
{
    if (screen == NULL) {
        return;
    }
    if (screen->out->tty) {
        fputs("\033[?25h\033[?1049l", screen->out->f);
        fflush(screen->out->f);
    }
    if (screen->keys) {
        tcsetattr(STDIN_FILENO, TCSANOW, &screen->saved);
    }
    free(screen);
}

void screen_begin(struct screen *screen)
{
    FILE *f;

    if (intr_resized()) {
        out_resize(screen->out);
    }
    f = screen->out->tty ? open_memstream(&screen->frame, &screen->len) : NULL;
    screen->real = screen->out->f;
    if (f != NULL) {
        screen->out->f = f;
    }
}

/* The lines of the frame that fit, each cleared to its end, and nothing below. */
static void show(const struct screen *screen, FILE *f)
{
    const char *line = screen->frame;

    fputs("\033[H", f);
    for (int row = 0; row < screen->out->height && *line != '\0'; row++) {
        size_t len = strcspn(line, "\n"),
               fit = text_fit(line, (size_t) screen->out->width);

        fputs(row > 0 ? "\r\n" : "", f);
        fwrite(line, 1, fit, f);
        fputs("\033[0m\033[K", f);
        line += len + (line[len] == '\n');
    }
    fputs("\033[J", f);
}

void screen_end(struct screen *screen)
{
    FILE *f = screen->out->f;

    screen->out->f = screen->real;
    if (f != screen->real) {
        fclose(f);
        show(screen, screen->real);
        free(screen->frame);
        screen->frame = NULL;
    }
    fflush(screen->real);
}

int screen_fd(const struct screen *screen)
{
    return screen->keys ? STDIN_FILENO : -1;
}

int screen_key(struct screen *screen)
{
    unsigned char c;

    return screen->keys && read(STDIN_FILENO, &c, 1) == 1 ? c : 0;
}
