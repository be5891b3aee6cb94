#include "common/io/roster.h"

#include "common/io/broker_file.h"
#include "common/mem.h"

#include <stdio.h>

#define PATH_CAP 640

struct roster {
    char path[PATH_CAP];
    struct scout *scout;
    uint64_t kept; /* number of the change that the file has */
    int failed;
};

static void path_in(char dst[PATH_CAP], const char *folder)
{
    (void) snprintf(dst, PATH_CAP, "%s/brokers", folder);
}

void roster_recall(const char *folder, struct wf_broker_table *t)
{
    char path[PATH_CAP];

    path_in(path, folder);
    (void) broker_file_load(path, t, NULL);
}

int roster_new(struct wf_loop *l, void *ctx, const struct roster_opts *opts, scout_fn *fn,
               void *arg, struct roster **ret_roster, struct wf_err *err)
{
    struct roster *r = wf_calloc(1, sizeof *r);
    int rc;

    if (r == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for the brokers");
    }
    path_in(r->path, opts->folder);
    rc = scout_new(l, ctx, opts->keys, opts->dial_ms, fn, arg, &r->scout, err);
    if (rc != 0) {
        wf_free(r);
        return rc;
    }
    *ret_roster = r;
    return 0;
}

void roster_free(struct roster *r)
{
    if (r != NULL) {
        scout_free(r->scout);
        wf_free(r);
    }
}

void roster_effect(struct roster *r, const struct wf_link *l, const struct wf_effect *x)
{
    if (x->kind == WF_EFFECT_TRY) {
        const struct wf_broker *b = &l->ways.brokers.v[x->arg];

        r->failed = scout_try(r->scout, b->endpoint, b->key.b) != 0;
    } else if (x->kind == WF_EFFECT_UNTRY) {
        r->failed = 0;
        scout_drop(r->scout);
    }
}

int roster_failed(struct roster *r)
{
    int failed = r->failed;

    r->failed = 0;
    return failed;
}

int roster_keep(struct roster *r, const struct wf_link *l, struct wf_err *err)
{
    const struct wf_broker_table *t = &l->ways.brokers;

    if (r->kept == t->changes) {
        return 0;
    }
    r->kept = t->changes;
    return broker_file_save(r->path, t, err);
}
