/* What a job waits for that nobody has. */
#include "broker/core/data/inputs.h"

#include "common/str.h"
#include "proto/name.h"

#include <stdio.h>
#include <string.h>

#define LOOKS     16384u /* files and holders that one question looks at */
#define PATH_MOST 80u    /* bytes of a path in what is told */

/* 1 when who runs the job lacks some of it and nobody who is connected has any. */
static int is_missing(const struct core *c, const struct job *j, const struct blob *b,
                      unsigned *looks)
{
    const struct share *own = catalogue_share(&c->data.catalogue, b, j->agent);

    if (b->size == 0 || (own != NULL && share_is_whole(own))) {
        return 0;
    }
    for (struct wf_list_node *n = wf_list_first(&b->shares); n != NULL && *looks > 0;
         n = wf_list_next(&b->shares, n)) {
        const struct share *s = CONTAINER_OF(n, struct share, of_blob);

        --*looks;
        if (s->agent != j->agent && s->agent->session != NULL) {
            return 0;
        }
    }
    return *looks > 0;
}

static int blob_missing(const struct core *c, const struct job *j,
                        const struct wf_digest *digest, unsigned *looks)
{
    const struct blob *b = catalogue_get(&c->data.catalogue, digest);

    return b == NULL || is_missing(c, j, b, looks);
}

/* The first file of a folder that is missing; NULL: none, as far as was looked. */
static const char *file_missing(const struct core *c, const struct job *j,
                                const struct wf_need_row *need, unsigned *looks)
{
    const struct dataset *d = NULL;
    struct wf_data_ref ref;
    size_t first = 0, n = 0;

    if (wf_data_ref_parse(need->ref, &ref) == 0) {
        d = dataset_get(&c->data.datasets, ref.name, ref.version);
    }
    if (d != NULL) {
        n = dataset_range(d, ref.path, &first);
    }
    for (size_t i = first; i<first + n && * looks> 0; i++) {
        --*looks;
        if (is_missing(c, j, d->files[i].blob, looks)) {
            return d->files[i].path;
        }
    }
    return NULL;
}

int inputs_missing(const struct core *c, const struct job *j, char *text, size_t cap)
{
    static const char next[] = "bring back a node that has it, or cancel the job";
    struct wf_rows rows = j->inputs;
    struct wf_need_row need;
    unsigned looks = LOOKS;

    if (j->guest != NULL || (j->agent != NULL && j->agent->neighbour != NULL)) {
        return 0; /* who has it stands in another catalogue */
    }
    while (j->agent != NULL && wf_rows_next(&rows, wf_desc_need_row(), &need)) {
        const char *path = NULL;
        char name[WF_NAME_MAX + 1];

        wf_slice_str(need.name, name, sizeof name);
        if (wf_digest_is_zero(&need.digest)) {
            path = file_missing(c, j, &need, &looks);
        } else if (blob_missing(c, j, &need.digest, &looks)) {
            path = "";
        }
        if (path != NULL) {
            (void) snprintf(text, cap, "nobody who is connected has input %s%s%.*s: %s",
                            name, *path != '\0' ? ", " : "",
                            (int) wf_utf8_cut(path, wf_min_u64(strlen(path), PATH_MOST)),
                            path, next);
            return 1;
        }
    }
    if (j->agent != NULL && !wf_digest_is_zero(&j->payload_blob) &&
        blob_missing(c, j, &j->payload_blob, &looks)) {
        (void) snprintf(text, cap, "nobody who is connected has its payload: %s", next);
        return 1;
    }
    return 0;
}
