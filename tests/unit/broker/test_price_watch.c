#include "broker/price_watch.h"
#include "common/io/file.h"
#include "tests/lib/tap.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ONE "class\n    name = c6\n    usd_h = 0.08\n"
#define TWO ONE "tiers\n    from = cloud\n    to = *\n    usd_gb = 0.09\n"

struct scene {
    struct wf_loop loop;
    struct log_sink log;
    struct price_watch *w;
    struct wf_err err;
    char folder[64], path[96], said[96];
    unsigned calls;
    size_t n; /* lines of the last call */
};

static void on_prices(void *arg, const struct price_line *lines, size_t n)
{
    struct scene *s = arg;

    s->calls++;
    s->n = n;
    (void) lines;
}

static void put(struct scene *s, const char *text)
{
    must(file_write(s->path, text, strlen(text), 0644, NULL) == 0);
}

/* How often the log told of something since the last time. */
static unsigned errors(struct scene *s)
{
    struct wf_buf b = WF_BUF_INIT(65536);
    unsigned n = 0;

    must(file_read(s->said, &b, NULL) == 0);
    for (size_t i = 0; i < b.len; i++) {
        n += b.p[i] == '\n';
    }
    wf_buf_fini(&b);
    must(ftruncate(s->log.fd, 0) == 0);
    return n;
}

static void open_scene(struct scene *s)
{
    *s = (struct scene){0};
    (void) snprintf(s->folder, sizeof s->folder, "/tmp/weft-prices-XXXXXX");
    must(mkdtemp(s->folder) != NULL);
    (void) snprintf(s->path, sizeof s->path, "%s/prices.conf", s->folder);
    (void) snprintf(s->said, sizeof s->said, "%s/log", s->folder);
    log_init(&s->log, WF_LOG_INFO);
    s->log.fd = open(s->said, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    must(s->log.fd >= 0 && wf_loop_init(&s->loop, NULL) == 0);
}

static void close_scene(struct scene *s)
{
    price_watch_free(s->w);
    wf_loop_fini(&s->loop);
    (void) close(s->log.fd);
    (void) unlink(s->path);
    (void) unlink(s->said);
    (void) rmdir(s->folder);
}

static int begin(struct scene *s)
{
    return price_watch_new(&s->loop, s->path, &s->log, on_prices, s, &s->w, &s->err);
}

static void starts(void)
{
    struct scene s;

    open_scene(&s);
    is_int(begin(&s), WEFT_ENOENT, "no file, no watch");
    put(&s, "class\n");
    is_int(begin(&s), WEFT_ECONF, "nor with a bad one");
    ok(strstr(s.err.text, "prices.conf: line 1") != NULL, "told where");
    is_int(s.calls, 0, "and nothing is taken");
    put(&s, ONE);
    is_int(begin(&s), 0, "a good one");
    ok(s.calls == 1 && s.n == 1, "is taken at once");
    close_scene(&s);
    price_watch_free(NULL);
}

static void looks_again(void)
{
    struct scene s;

    open_scene(&s);
    put(&s, ONE);
    must(begin(&s) == 0);
    price_watch_look(s.w, 0);
    is_int(s.calls, 1, "what did not change is not read again");
    put(&s, TWO);
    price_watch_look(s.w, 0);
    ok(s.calls == 2 && s.n == 2, "what did is");
    price_watch_look(s.w, 1);
    is_int(s.calls, 3, "or when it is asked for");
    is_int(errors(&s), 0, "without an error");

    put(&s, "class\n");
    price_watch_look(s.w, 0);
    is_int(s.calls, 3, "a bad file changes nothing");
    is_int(errors(&s), 1, "and is told");
    price_watch_look(s.w, 0);
    is_int(errors(&s), 0, "once");
    must(unlink(s.path) == 0);
    price_watch_look(s.w, 0);
    price_watch_look(s.w, 0);
    ok(s.calls == 3 && errors(&s) == 1, "a file that is gone neither");
    put(&s, TWO);
    price_watch_look(s.w, 0);
    is_int(s.calls, 4, "until it is back");
    close_scene(&s);
}

int main(void)
{
    starts();
    looks_again();
    return done();
}
