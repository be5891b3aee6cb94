#include "broker/core/mesh/data/sweep.h"

#include "broker/core/core_int.h"
#include "broker/core/mesh/data/imports.h"
#include "proto/name.h"

#include <string.h>

#define JOBS_LOOKED 1024u /* in a step */
#define EVERY_US    UINT64_C(60000000)

/* -- who uses them ---------------------------------------------------------------------
 */

static void mark(struct core *c, const struct job *j)
{
    struct wf_rows rows = j->inputs;
    struct wf_need_row need;
    struct wf_data_ref ref;

    while (j->guest == NULL && wf_rows_next(&rows, wf_desc_need_row(), &need)) {
        struct dataset *d = need.ref.len != 0 && wf_data_ref_parse(need.ref, &ref) == 0
                                ? dataset_get(&c->data.datasets, ref.name, ref.version)
                                : NULL;

        if (d != NULL) {
            d->used_us = c->now_us;
        }
    }
}

/* 1 when all were looked at.  Those that come meanwhile stand behind; what they name was
 * used just now. */
static int walk(struct core *c)
{
    struct jobs *t = &c->jobs;

    for (unsigned i = 0; i < JOBS_LOOKED && t->cursor != NULL; i++) {
        mark(c, CONTAINER_OF(t->cursor, struct job, in_inputs));
        t->cursor = wf_list_next(&t->with_inputs, t->cursor);
    }
    return t->cursor == NULL;
}

static int is_staged(const struct core *c, const struct dataset *d)
{
    const struct wf_list_node *all = &c->data.stages.all;

    for (const struct wf_list_node *n = wf_list_first(all); n != NULL;
         n = wf_list_next(all, n)) {
        if (strcmp(CONTAINER_OF(n, struct stage, in_all)->dataset, d->key) == 0) {
            return 1;
        }
    }
    return 0;
}

static int is_pinned(const struct dataset *d)
{
    for (const struct wf_list_node *n = wf_list_first(&d->shares); n != NULL;
         n = wf_list_next(&d->shares, n)) {
        if (CONTAINER_OF(n, struct dataset_share, node)->pinned != 0) {
            return 1;
        }
    }
    return 0;
}

/* Not used since the walk began, nor wanted here otherwise. */
static int may_go(const struct core *c, const struct dataset *d)
{
    return key_is_set(&d->home) && d->used_us < c->mesh.sweep.began_us && !is_pinned(d) &&
           !is_staged(c, d);
}

/* -- what goes -------------------------------------------------------------------------
 */

static struct dataset *next_copy(const struct core *c, const struct dataset *after)
{
    const struct wf_list_node *all = &c->data.datasets.all;
    struct wf_list_node *n =
        after != NULL ? wf_list_next(all, &after->in_all) : wf_list_first(all);

    return n != NULL ? CONTAINER_OF(n, struct dataset, in_all) : NULL;
}

static void drop_old(struct core *c, struct wf_effects *out)
{
    struct dataset *d, *next;

    for (d = next_copy(c, NULL); d != NULL; d = next) {
        next = next_copy(c, d);
        if (c->now_us - d->used_us >= SWEEP_KEEP_US && may_go(c, d)) {
            dataset_doom(c, d, out);
            c->count.copies_dropped++;
        }
    }
}

/* Those that were used longest ago; in `v`, the oldest first.  Returns how many. */
static unsigned find_oldest(const struct core *c, struct dataset **v, unsigned most)
{
    unsigned n = 0;

    for (struct dataset *d = next_copy(c, NULL); d != NULL; d = next_copy(c, d)) {
        unsigned i = n;

        if (!may_go(c, d) || (n == most && v[n - 1]->used_us <= d->used_us)) {
            continue;
        }
        if (n == most) {
            i--;
        } else {
            n++;
        }
        for (; i > 0 && v[i - 1]->used_us > d->used_us; i--) {
            v[i] = v[i - 1];
        }
        v[i] = d;
    }
    return n;
}

/* Files of all copies that are here, or (`idle`) of those that may go. */
static uint64_t files_of_copies(const struct core *c, int idle)
{
    uint64_t files = 0;

    for (const struct dataset *d = next_copy(c, NULL); d != NULL; d = next_copy(c, d)) {
        files += key_is_set(&d->home) && (!idle || may_go(c, d)) ? d->nfiles : 0;
    }
    return files;
}

static int is_barren(const struct core *c, uint64_t files)
{
    const struct sweep *s = &c->mesh.sweep;

    return s->barren_us != 0 && c->now_us - s->barren_us < EVERY_US &&
           files >= s->barren_files;
}

/* No room is to be had for so many for a while. */
static void note_barren(struct core *c, uint64_t files)
{
    struct sweep *s = &c->mesh.sweep;

    s->barren_files = files;
    s->barren_us = c->now_us;
}

static void make_room(struct core *c, struct wf_effects *out)
{
    struct dataset *v[COPIES_MAX / SWEEP_SHARE];
    const uint64_t files = c->mesh.sweep.files;
    const unsigned n =
        find_oldest(c, v, (c->mesh.imports.copies + SWEEP_SHARE - 1) / SWEEP_SHARE);

    if (n == 0 || !import_has_room(c, files, files_of_copies(c, 1))) {
        note_barren(c, n == 0 ? 0 : files);
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        dataset_doom(c, v[i], out);
        c->count.copies_dropped++;
    }
    c->mesh.sweep.barren_us = 0;
}

/* -- time ------------------------------------------------------------------------------
 */

int sweep_want(struct core *c, uint64_t files)
{
    struct sweep *s = &c->mesh.sweep;

    if (c->cfg.shared || c->mesh.imports.copies == 0 || is_barren(c, files)) {
        return 0;
    }
    if (!import_has_room(c, files, files_of_copies(c, 0))) {
        note_barren(c, files);
        return 0;
    }
    s->files = s->wanted ? wf_min_u64(s->files, files) : files;
    s->wanted = 1;
    return 1;
}

void sweep_step(struct core *c, struct wf_effects *out)
{
    struct sweep *s = &c->mesh.sweep;

    if (c->cfg.shared || c->mesh.imports.copies == 0 || c->rolled_back ||
        (c->cfg.durable && c->store_failing)) {
        s->walking = s->wanted = 0;
        return;
    }
    if (!s->walking && (s->wanted || c->now_us - s->began_us >= EVERY_US)) {
        s->walking = 1;
        s->began_us = c->now_us;
        c->jobs.cursor = wf_list_first(&c->jobs.with_inputs);
    }
    if (s->walking && walk(c)) {
        s->walking = 0;
        drop_old(c, out);
        if (s->wanted) {
            s->wanted = 0;
            make_room(c, out);
        }
    }
}

int sweep_due(const struct core *c)
{
    return c->mesh.sweep.walking || c->mesh.sweep.wanted;
}
