/* Which files a get is about, and where each of them goes to. */
#include "client/data/get_int.h"

#include "common/map.h"
#include "common/mem.h"
#include "proto/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int get_add(struct get *g, struct wf_slice path, const struct wf_digest *digest,
            uint64_t size)
{
    struct get_file *f;

    if (g->n >= GET_FILES_MAX || size > WF_BLOB_MAX) {
        return WEFT_ETOOBIG;
    }
    if (g->n == g->cap) {
        size_t cap = g->cap != 0 ? g->cap * 2 : 16;
        struct get_file *v = wf_realloc(g->files, cap * sizeof *v);

        if (v == NULL) {
            return WEFT_ENOMEM;
        }
        g->files = v;
        g->cap = cap;
    }
    f = &g->files[g->n];
    *f = (struct get_file){.digest = *digest, .size = size, .same = GET_NONE};
    f->path = wf_memdup(path.p, path.len);
    if (f->path == NULL) {
        return WEFT_ENOMEM;
    }
    g->n++;
    g->total += size;
    return 0;
}

/* -- a dataset -------------------------------------------------------------------------
 */

static void ask_page(struct get *g, uint64_t after)
{
    struct transfer *t = &g->t;
    struct wf_query q = {.kind = WF_QUERY_DATASET, .after = after};
    char key[WF_REF_MAX + 1];
    int n = snprintf(key, sizeof key, "%.*s", (int) g->parts.name.len,
                     (const char *) g->parts.name.p);

    if (g->version != 0) {
        (void) snprintf(key + n, sizeof key - (size_t) n, "@%" PRIu64, g->version);
    }
    q.key = wf_slice_of(key);
    if (transfer_inner(t) != NULL) {
        transfer_asked(t,
                       wf_calls_request(&t->client->calls, &t->inner->call, WF_MSG_query,
                                        &q, NULL, UINT64_MAX, client_out(t->client)));
    }
}

void get_list(struct get *g, uint64_t now_us)
{
    g->phase = GET_LISTING;
    g->version = g->parts.version;
    g->heard_us = now_us;
    ask_page(g, 0);
}

/* A file at or below the path that the ref names: *ret_rest is its path from there on,
 * empty for the file itself. */
static int is_below(struct wf_slice at, struct wf_slice path, struct wf_slice *ret_rest)
{
    if (at.len == 0) {
        *ret_rest = path;
        return 1;
    }
    if (path.len < at.len || memcmp(path.p, at.p, at.len) != 0) {
        return 0;
    }
    if (path.len == at.len) {
        *ret_rest = wf_slice_of(NULL);
        return 1;
    }
    *ret_rest = wf_slice_make(path.p + at.len + 1, path.len - at.len - 1);
    return path.p[at.len] == '/';
}

/* A broker's paths are checked: what comes from others never leaves the folder. */
static int take_rows(struct get *g, struct wf_rows rows)
{
    struct wf_file_row row;
    struct wf_slice rest;
    int rc = 0;

    while (rc == 0 && wf_rows_next(&rows, wf_desc_file_row(), &row)) {
        if (!wf_path_ok(row.path)) {
            return WEFT_EPROTO;
        }
        if (is_below(g->parts.path, row.path, &rest)) {
            g->is_file |= rest.len == 0;
            rc = get_add(g, rest.len != 0 ? rest : row.path, &row.digest, row.size);
        }
    }
    return rc;
}

int get_listed(struct get *g, uint64_t now_us)
{
    struct transfer *t = &g->t;
    struct wf_dataset_row row;
    struct wf_rows rows;
    struct wf_msg msg;
    uint64_t more;
    int rc;

    if (transfer_answer(t, WF_MSG_dataset_info, &msg) != 1) {
        return 0;
    }
    g->heard_us = now_us;
    rows = msg.u.dataset_info.dataset;
    if (wf_rows_next(&rows, wf_desc_dataset_row(), &row)) {
        g->version = row.version;
    }
    rc = take_rows(g, msg.u.dataset_info.files);
    more = msg.u.dataset_info.files.count != 0 ? msg.u.dataset_info.more : 0;
    transfer_inner_done(t);
    if (rc != 0) {
        transfer_end(t, rc, rc == WEFT_ETOOBIG ? "more files than one get takes" : "");
        return 0;
    }
    if (more != 0) {
        ask_page(g, more);
        return 0;
    }
    if (g->n == 0 && g->parts.path.len != 0) {
        transfer_end(t, WEFT_ENOENT, "the dataset has no such file or folder");
        return 0;
    }
    return 1;
}

/* -- a lone blob -----------------------------------------------------------------------
 */

void get_locate(struct get *g, uint64_t now_us)
{
    struct transfer *t = &g->t;
    const struct wf_digest_row row = {g->digest, 0};
    struct wf_buf store = WF_BUF_INIT(256);
    struct wf_locate m = {0};

    g->phase = GET_LOCATING;
    g->is_file = 1;
    g->heard_us = now_us;
    if (wf_rows_add(&store, &m.rows, wf_desc_digest_row(), &row) != 0) {
        transfer_end(t, WEFT_ENOMEM, "");
    } else if (transfer_inner(t) != NULL) {
        transfer_asked(t,
                       wf_calls_request(&t->client->calls, &t->inner->call, WF_MSG_locate,
                                        &m, NULL, UINT64_MAX, client_out(t->client)));
    }
    wf_buf_fini(&store);
}

int get_located(struct get *g)
{
    struct transfer *t = &g->t;
    struct wf_at_row row;
    struct wf_msg msg;
    int rc = WEFT_ENOENT;
    char name[WF_DIGEST_SIZE * 2 + 1];

    if (transfer_answer(t, WF_MSG_located, &msg) != 1) {
        return 0;
    }
    while (rc == WEFT_ENOENT &&
           wf_rows_next(&msg.u.located.rows, wf_desc_at_row(), &row)) {
        if (wf_digest_eq(&row.digest, &g->digest)) {
            rc = get_add(g, wf_slice_of(wf_digest_text(&g->digest, name)), &row.digest,
                         row.size);
        }
    }
    transfer_inner_done(t);
    if (rc != 0) {
        transfer_end(t, rc,
                     rc == WEFT_ENOENT ? "no node that is connected has this blob" : "");
    }
    return rc == 0;
}

/* -- where to --------------------------------------------------------------------------
 */

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* Is that a folder, or meant as one? */
static int is_folder(const char *path)
{
    size_t len = strlen(path);
    struct stat st;

    return (len != 0 && path[len - 1] == '/') ||
           (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

static int set_path(struct get_file *f, const char *folder, const char *name)
{
    size_t len = strlen(folder) + strlen(name) + 2;
    char *path = wf_calloc(len, 1);
    int slash = folder[0] != '\0' && folder[strlen(folder) - 1] != '/';

    if (path == NULL) {
        return WEFT_ENOMEM;
    }
    (void) snprintf(path, len, "%s%s%s", folder, slash ? "/" : "", name);
    wf_free(f->path);
    f->path = path;
    return 0;
}

/* The most `~` that stand behind SINK_PART at the end of a name in a path; -1: it ends no
 * name. */
static int part_marks(const char *path)
{
    const char *p = path;
    int most = -1;

    while ((p = strstr(p, SINK_PART)) != NULL) {
        int marks = (int) strspn(p + strlen(SINK_PART), "~");

        p += strlen(SINK_PART) + (size_t) marks;
        if ((*p == '/' || *p == '\0') && marks > most) {
            most = marks;
        }
    }
    return most;
}

/* Names of parts end with what no name of the files ends with, for else one would be
 * written over another.  The same files have the same end, so that a later get finds what
 * is there. */
static int choose_part_end(struct get *g)
{
    int marks = 0;

    for (size_t i = 0; i < g->n; i++) {
        int used = part_marks(g->files[i].path);

        marks = used >= marks ? used + 1 : marks;
    }
    if (marks > SINK_PART_MAX - (int) strlen(SINK_PART)) {
        return WEFT_EINVAL;
    }
    (void) strcpy(g->part_end, SINK_PART);
    memset(g->part_end + strlen(SINK_PART), '~', (size_t) marks);
    return 0;
}

static int place_files(struct get *g)
{
    int rc = 0;

    for (size_t i = 0; i < g->n && rc == 0; i++) {
        struct get_file *f = &g->files[i];

        if (!g->is_file) {
            rc = set_path(f, g->to, f->path);
        } else if (is_folder(g->to)) {
            rc = set_path(f, g->to, last_part(f->path));
        } else {
            rc = set_path(f, "", g->to);
        }
    }
    return rc;
}

/* Equal files are fetched once. */
static int find_equal(struct get *g)
{
    uint64_t seed;

    keys_random(&seed, sizeof seed);
    g->first = wf_map_new(GET_FILES_MAX, seed);
    if (g->first == NULL) {
        return WEFT_ENOMEM;
    }
    for (size_t i = 0; i < g->n; i++) {
        struct get_file *f = &g->files[i];
        const struct get_file *same = wf_map_get(g->first, &f->digest, sizeof f->digest);
        int rc = 0;

        if (same != NULL) {
            f->same = (size_t) (same - g->files);
        } else {
            rc = wf_map_put(g->first, &f->digest, sizeof f->digest, f);
        }
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

int get_place(struct get *g)
{
    const char *text = "no memory for the list of files";
    int rc = 0;

    if (g->to == NULL && g->n != 1) {
        rc = WEFT_EINVAL;
        text = "it is not one file: name one, or a folder that they go to";
    } else if (g->to == NULL && g->write == NULL && g->files[0].size > g->max) {
        rc = WEFT_ETOOBIG;
        text = "it is larger than the memory that it may take";
    } else if (g->to != NULL && choose_part_end(g) != 0) {
        rc = WEFT_EINVAL;
        text = "names of its files end with .part and too many ~: get them one by one";
    } else if (g->to != NULL) {
        rc = place_files(g);
    }
    if (rc == 0) {
        rc = find_equal(g);
    }
    if (rc != 0) {
        transfer_end(&g->t, rc, text);
    }
    return rc;
}
