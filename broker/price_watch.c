#include "broker/price_watch.h"

#include "common/mem.h"
#include "common/str.h"

#include <string.h>
#include <sys/stat.h>

#define LOOK_US 2000000u

/* What tells one content of a file from another. */
struct stamp {
    uint64_t size, inode, s, ns;
    int gone;
};

struct price_watch {
    struct wf_timer *timer;
    const struct log_sink *log;
    price_watch_fn *fn;
    void *arg;
    struct stamp stamp;
    char path[256];
};

static struct stamp stamp_of(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0) {
        return (struct stamp){.gone = 1};
    }
    return (struct stamp){.size = (uint64_t) st.st_size,
                          .inode = (uint64_t) st.st_ino,
                          .s = (uint64_t) st.st_mtim.tv_sec,
                          .ns = (uint64_t) st.st_mtim.tv_nsec};
}

static int same(const struct stamp *a, const struct stamp *b)
{
    return a->size == b->size && a->inode == b->inode && a->s == b->s && a->ns == b->ns &&
           a->gone == b->gone;
}

/* The stamp is taken before the file is read: a change in between is seen next time. */
static int read_file(struct price_watch *w, struct wf_err *err)
{
    struct price_file f;
    int rc;

    w->stamp = stamp_of(w->path);
    rc = price_file_load(w->path, &f, err);
    if (rc == 0) {
        w->fn(w->arg, f.lines, f.n);
        price_file_fini(&f);
    }
    return rc;
}

void price_watch_look(struct price_watch *w, int always)
{
    struct stamp now = stamp_of(w->path);
    struct wf_err err = {0};
    char text[2 * sizeof err.text];

    if ((always || !same(&now, &w->stamp)) && read_file(w, &err) != 0) {
        wf_str_escape(text, sizeof text, err.text, strlen(err.text));
        log_error(w->log, "prices", "kept", "text=\"%s: the old prices hold\"", text);
    }
}

static void on_time(void *arg)
{
    struct price_watch *w = arg;

    price_watch_look(w, 0);
    wf_timer_start_at(w->timer, wf_now_us() + LOOK_US);
}

int price_watch_new(struct wf_loop *loop, const char *path, const struct log_sink *log,
                    price_watch_fn *fn, void *arg, struct price_watch **ret_watch,
                    struct wf_err *err)
{
    struct price_watch *w = wf_calloc(1, sizeof *w);
    int rc;

    if (w == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "out of memory");
    }
    w->log = log;
    w->fn = fn;
    w->arg = arg;
    rc = wf_str_copy(w->path, sizeof w->path, path);
    if (rc == 0) {
        rc = wf_timer_new(loop, on_time, w, &w->timer);
    }
    rc = rc != 0 ? wf_err_set(err, rc, "%.128s", path) : read_file(w, err);
    if (rc != 0) {
        price_watch_free(w);
        return rc;
    }
    wf_timer_start_at(w->timer, wf_now_us() + LOOK_US);
    *ret_watch = w;
    return 0;
}

void price_watch_free(struct price_watch *w)
{
    if (w != NULL) {
        wf_timer_free(w->timer);
        wf_free(w);
    }
}
