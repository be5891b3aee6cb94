#include "client/data/parts.h"

#include "common/err.h"
#include "tests/lib/tap.h"

#include <stdio.h>
#include <string.h>

#define FILES 2500u

static char paths[FILES][16];

static void file_at(const void *files, size_t i, struct wf_file_row *ret_file)
{
    (void) files;
    *ret_file = (struct wf_file_row){.path = wf_slice_of(paths[i]), .size = i};
    ret_file->digest.b[0] = (uint8_t) i;
    ret_file->digest.b[1] = (uint8_t) (i >> 8);
}

static void test_stage(void)
{
    struct parts p;
    struct wf_msg msg;
    struct wf_digest_row row;
    size_t n = 0, rows = 0;
    int more = 1, same = 1;

    parts_init(&p, NULL, FILES, file_at);
    p.stage.mine = 1;
    for (; more == 1; n++) {
        more = parts_stage(&p, n, &msg);
        same &= msg.u.stage.mine == 1 && msg.u.stage.more == (uint64_t) more;
        while (wf_rows_next(&msg.u.stage.rows, wf_desc_digest_row(), &row)) {
            same &= row.size == rows;
            rows++;
        }
    }
    is_int(more, 0, "the last part says so");
    is_int(n, (FILES + WF_PAGE_MAX - 1) / WF_PAGE_MAX, "as many parts as it takes");
    is_int(rows, FILES, "with all blobs");
    ok(same, "in order, each with the terms");
    parts_fini(&p);
}

static void test_put(void)
{
    struct parts p;
    struct wf_msg msg;

    parts_init(&p, NULL, FILES, file_at);
    p.put.name = wf_slice_of("x");
    is_int(parts_put(&p, 0, &msg), 1, "a dataset takes several messages");
    is_int(msg.u.dataset_put.files.count, WF_DATASET_PAGE, "full ones");
    is_int(parts_put(&p, 2, &msg), 0, "until the last");
    is_int(msg.u.dataset_put.files.count, FILES - 2 * WF_DATASET_PAGE, "with the rest");
    ok(wf_slice_is(msg.u.dataset_put.name, "x"), "each has the name");
    parts_fini(&p);
    parts_init(&p, NULL, 0, file_at);
    is_int(parts_put(&p, 0, &msg), 0, "no files are one message");
    is_int(parts_stage(&p, 0, &msg), 0, "of both kinds");
    parts_fini(&p);
}

static void test_labels(void)
{
    const char *good[] = {"source=osm", "residency=eu+ch"};
    const char *bad[] = {"source"}, *need[] = {"cpus>=4"}, *empty[] = {""};
    const char *many[WF_LABELS_MAX + 1];
    char large[WF_LABEL_MAX + 2];
    const char *too_large[] = {large};
    struct wf_buf store = WF_BUF_INIT(8192);
    struct wf_rows rows = {0};

    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        many[i] = "a=b";
    }
    ok(parts_labels(&store, good, 2, 0, &rows) == NULL && rows.count == 2, "labels");
    ok(wf_slice_is(parts_residency(rows), "eu+ch"), "one of them is the residency");
    rows = (struct wf_rows){0};
    is_int(parts_residency(rows).len, 0, "or none");
    ok(parts_labels(&store, bad, 1, 0, &rows) != NULL, "a label has a value");
    ok(parts_labels(&store, need, 1, 0, &rows) != NULL, "and is no comparison");
    ok(parts_labels(&store, need, 1, 1, &rows) == NULL, "a need may be one");
    ok(parts_labels(&store, empty, 1, 1, &rows) != NULL, "but not nothing");
    ok(parts_labels(&store, too_large, 1, 1, &rows) != NULL, "nor too long");
    ok(parts_labels(&store, many, ARRAY_LEN(many), 0, &rows) != NULL, "nor too many");
    ok(parts_labels(&store, NULL, 1, 0, &rows) != NULL, "nor missing");
    wf_buf_fini(&store);
}

int main(void)
{
    for (size_t i = 0; i < FILES; i++) {
        (void) snprintf(paths[i], sizeof paths[i], "f%04zu", i);
    }
    test_stage();
    test_put();
    test_labels();
    return done();
}
