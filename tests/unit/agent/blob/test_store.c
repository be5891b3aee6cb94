#include "tests/unit/agent/blob/bed.h"

#include <signal.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

static void nothing_there(void)
{
    struct bed b;
    struct sample x = sample_of(1, 100);
    struct blob_info rows[4];
    struct blob_stats st;
    uint64_t at = 0;
    size_t n = 7;

    bed_init(&b);
    bed_open(&b);
    ok(!has(&b, &x), "no blob at first");
    is_int(blob_list(b.s, &at, rows, 4, &n, &b.err), 0, "the list of nothing");
    ok(n == 0 && at == 0, "is empty");
    is_int(blob_stats(b.s, &st, &b.err), 0, "stats of nothing");
    is_int(st.whole + st.parts + st.used_bytes, 0, "are zeros");
    ok(scrub_all(&b).bytes == 0, "and there is nothing to scrub");
    ok(access(b.dir, F_OK) != 0, "nothing was written for all that");
    sample_free(&x);
    bed_fini(&b);
}

static void sizes(void)
{
    static const size_t lens[] = {
        0, 1, 1000, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 300 * KIB, 1024 * KIB};
    unsigned bad = 0, lost = 0;
    struct bed b;

    bed_init(&b);
    bed_open(&b);
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        struct sample x = sample_of(i, lens[i]);

        bad += import(&b, &x) != 0 || check(&b, &x) != 0 || import(&b, &x) != 0;
        sample_free(&x);
    }
    bed_again(&b);
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        struct sample x = sample_of(i, lens[i]);

        lost += !has(&b, &x) || check(&b, &x) != 0;
        sample_free(&x);
    }
    is_int(bad, 0, "blobs of all sizes come back");
    is_int(lost, 0, "also from another process");
    bed_fini(&b);
}

/* A larger chunk, in any order, from parts. */
static void in_parts(size_t len, const char *what)
{
    struct sample x = sample_of(5, len), other = sample_of(6, len);
    struct blob_info info;
    struct bed b;
    int whole = 0, early = 0;

    printf("# %s\n", what);
    bed_init(&b);
    bed_open(&b);
    is_int(put_chunk(&b, &x, 0, NULL), WEFT_ESTATE, "a chunk of a blob not begun");
    is_int(begin(&b, &x, &info), 0, "begin");
    ok(info.have == 0 && info.flags == 0 && info.map != NULL, "nothing is there yet");
    is_int(put_chunk(&b, &x, 0, NULL), WEFT_ESTATE, "a chunk before the leaves");
    is_int(blob_leaves(b.s, &x.d, other.leaves, other.n, &b.err), WEFT_EINVAL,
           "leaves of another blob");
    is_int(blob_leaves(b.s, &x.d, x.leaves, x.n - 1, &b.err), WEFT_EINVAL, "too few");
    is_int(blob_leaves(b.s, &x.d, x.leaves, x.n, &b.err), 0, "its leaves");
    is_int(blob_write(b.s, &x.d, 1, other.p, wf_chunk_len(len, 1), NULL, &b.err),
           WEFT_EPROTO, "bytes of another blob");
    is_int(blob_write(b.s, &x.d, 1, x.p, 10, NULL, &b.err), WEFT_EINVAL, "too short");
    is_int(blob_write(b.s, &x.d, x.n, x.p, 10, NULL, &b.err), WEFT_EINVAL, "no such");
    for (size_t i = x.n; i-- > 1;) {
        must(put_chunk(&b, &x, i, &whole) == 0);
        early += whole;
    }
    is_int(blob_look(b.s, &x.d, &info, &b.err), 0, "look");
    is_int(info.have, len - wf_chunk_len(len, 0), "all but one chunk");
    ok((info.map[0] & 3) == 2, "and the map tells which");
    is_int(put_chunk(&b, &x, 1, &whole), 0, "a chunk that is there");
    ok(!has(&b, &x) && !whole && !early, "it is not whole yet");

    bed_again(&b); /* as after a kill: nothing was published */
    is_int(begin(&b, &x, &info), 0, "begin again");
    is_int(info.have, len - wf_chunk_len(len, 0), "what verifies is there still");
    ok((info.flags & BLOB_LEAVES) != 0, "with the leaves");
    is_int(put_chunk(&b, &x, 0, &whole), 0, "the last chunk");
    ok(whole && has(&b, &x) && check(&b, &x) == 0, "makes it whole");
    ok(access(file_of(&b, "partial", &x.d), F_OK) != 0, "the part is gone");
    is_int(put_chunk(&b, &x, 0, &whole), 0, "a chunk of a whole blob is fine");
    ok(whole, "and says so");
    is_int(begin(&b, &x, &info), 0, "so is beginning it");
    ok((info.flags & BLOB_WHOLE) != 0 && info.map == NULL, "it is whole");
    sample_free(&x);
    sample_free(&other);
    bed_fini(&b);
}

static void resumed(void)
{
    struct sample x = sample_of(5, 640 * KIB);
    struct blob_info info;
    struct bed b;

    bed_init(&b);
    bed_open(&b);
    must(begin(&b, &x, &info) == 0);
    must(blob_leaves(b.s, &x.d, x.leaves, x.n, &b.err) == 0);
    for (size_t i = 0; i < 6; i++) {
        must(put_chunk(&b, &x, i, NULL) == 0);
    }
    bed_close(&b);
    harm(file_of(&b, "partial", &x.d), 3 * 64 * KIB + 5);
    bed_open(&b);
    must(begin(&b, &x, &info) == 0);
    is_int(info.map[0], 0x37, "a chunk that was damaged meanwhile is not there");
    bed_close(&b);

    harm(file_of(&b, "leaves", &x.d), 20);
    bed_open(&b);
    must(begin(&b, &x, &info) == 0);
    ok(info.have == 0 && info.flags == 0, "without good leaves nothing verifies");
    is_int(blob_leaves(b.s, &x.d, x.leaves, x.n, &b.err), 0, "leaves come again");
    must(blob_look(b.s, &x.d, &info, &b.err) == 0);
    is_int(info.map[0], 0x37, "and with them what is there");
    for (size_t i = 0; i < x.n; i++) {
        must(put_chunk(&b, &x, i, NULL) == 0);
    }
    is_int(check(&b, &x), 0, "whole in the end");
    sample_free(&x);
    bed_fini(&b);
}

/* A process that is killed, wherever it is. */
static void killed(int encrypt)
{
    struct sample x = sample_of(5, 640 * KIB), small = sample_of(6, 100);
    struct blob_info info;
    unsigned kept = 0, whole = 0;
    struct bed b;
    int status;

    bed_init(&b);
    b.o.encrypt = encrypt;
    for (size_t n = 0; n <= x.n; n++) {
        pid_t pid = fork();

        must(pid >= 0);
        if (pid == 0) {
            bed_open(&b);
            must(begin(&b, &x, &info) == 0);
            must(blob_leaves(b.s, &x.d, x.leaves, x.n, &b.err) == 0);
            for (size_t i = 0; i < n; i++) {
                must(put_chunk(&b, &x, i, NULL) == 0);
            }
            must(import(&b, &small) == 0);
            must(kill(getpid(), SIGKILL) == 0);
        }
        must(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
        bed_open(&b);
        must(begin(&b, &x, &info) == 0);
        kept += info.have == wf_min_u64(n * 64 * KIB, x.len);
        whole += (info.flags & BLOB_WHOLE) != 0;
        must(check(&b, &small) == 0);
        bed_close(&b);
    }
    is_int(kept, x.n + 1, "what was written before a kill is there");
    is_int(whole, 1, "and whole when it was told to be");
    bed_open(&b);
    is_int(check(&b, &x), 0, "and good");
    sample_free(&x);
    sample_free(&small);
    bed_fini(&b);
}

/* The order of use is kept in memory within bounds. */
static void many_used(void)
{
    struct wf_digest first, d;
    struct bed b;
    unsigned bad = 0;
    char text[32], back[32];
    size_t len;

    bed_init(&b);
    bed_open(&b);
    must(blob_batch_begin(b.s, &b.err) == 0);
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "blob %u", i);
        must(blob_import(b.s, text, strlen(text), i == 0 ? &first : &d, &b.err) == 0);
    }
    must(blob_batch_end(b.s, &b.err) == 0);
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "blob %u", i);
        wf_blob_of(text, strlen(text), &d);
        bad += blob_read(b.s, &d, 0, back, sizeof back, &len, &b.err) != 0 ||
               blob_hold(b.s, &d, &b.err) != 0;
    }
    is_int(bad, 0, "thousands can be read and held");
    is_int(blob_drop(b.s, &first, &b.err), WEFT_EBUSY, "the first is held still");
    bed_fini(&b);
}

static void lies(void)
{
    struct sample x = sample_of(5, 200 * KIB);
    struct blob_info info;
    struct wf_digest none;
    struct bed b;

    bed_init(&b);
    bed_open(&b);
    is_int(blob_begin(b.s, &x.d, 900 * KIB, &info, &b.err), 0, "a size that is a lie");
    is_int(begin(&b, &x, &info), 0, "does not keep the true one out");
    must(blob_leaves(b.s, &x.d, x.leaves, x.n, &b.err) == 0);
    is_int(blob_begin(b.s, &x.d, 900 * KIB, &info, &b.err), WEFT_EINVAL,
           "once it is proven the lie is refused");
    is_int(blob_begin(b.s, &x.d, WF_BLOB_MAX + 1, &info, &b.err), WEFT_EINVAL, "too big");
    wf_blob_of("", 0, &none);
    is_int(blob_begin(b.s, &x.d, 0, &info, &b.err), WEFT_EINVAL, "no empty blob either");
    is_int(blob_begin(b.s, &none, 0, &info, &b.err), 0, "the empty blob");
    ok((info.flags & BLOB_WHOLE) != 0, "is whole at once");
    sample_free(&x);
    bed_fini(&b);
}

/* -- room ------------------------------------------------------------------------------
 */

static void evicted(void)
{
    struct sample x[6];
    struct blob_info info;
    struct bed b;

    bed_init(&b);
    b.o.cap_bytes = 450 * KIB;
    bed_open(&b);
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        x[i] = sample_of(i, 100 * KIB);
    }
    for (size_t i = 0; i < 4; i++) {
        must(import(&b, &x[i]) == 0);
    }
    must(check(&b, &x[0]) == 0); /* used last */
    must(blob_pin(b.s, &x[1].d, 1, &b.err) == 0);
    must(blob_hold(b.s, &x[2].d, &b.err) == 0);
    is_int(import(&b, &x[4]), 0, "one more than fits");
    ok(!has(&b, &x[3]), "the least recently used one goes");
    ok(b.changes == 1 && b.change.why == WEFT_EFULL &&
           wf_digest_eq(&b.change.digest, &x[3].d) && b.change.have == 0,
       "which is told");
    ok(has(&b, &x[0]) && has(&b, &x[1]) && has(&b, &x[2]), "the others stay");
    is_int(import(&b, &x[5]), 0, "and one more");
    ok(!has(&b, &x[0]) && has(&b, &x[1]) && has(&b, &x[2]) && has(&b, &x[4]),
       "pinned and held ones stay, whatever their age");
    must(blob_hold(b.s, &x[4].d, &b.err) == 0 && blob_hold(b.s, &x[5].d, &b.err) == 0);
    is_int(import(&b, &x[0]), WEFT_EFULL, "no room when all are wanted");
    ok(strstr(b.err.text, "pinned") != NULL, "and the text says why");
    is_int(blob_drop(b.s, &x[2].d, &b.err), WEFT_EBUSY, "what is held is not dropped");
    blob_release(b.s, &x[2].d);
    is_int(import(&b, &x[0]), 0, "room after a release");
    is_int(blob_drop(b.s, &x[1].d, &b.err), 0, "a pinned one can be dropped");
    is_int(blob_drop(b.s, &x[1].d, &b.err), WEFT_ENOENT, "once");
    bed_again(&b);
    is_int(import(&b, &x[3]), 0, "holds end with the process");
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        sample_free(&x[i]);
    }
    x[0] = sample_of(9, 500 * KIB);
    is_int(begin(&b, &x[0], &info), WEFT_EFULL, "a blob larger than the cap");
    ok(strstr(b.err.text, "larger") != NULL, "and the text says so");
    sample_free(&x[0]);
    bed_fini(&b);
}

/* The order of use survives, though it is not written by itself. */
static void remembers_use(void)
{
    struct sample x[3], y = sample_of(8, 100 * KIB);
    struct bed b;

    bed_init(&b);
    b.o.cap_bytes = 350 * KIB;
    bed_open(&b);
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        x[i] = sample_of(i, 100 * KIB);
        must(import(&b, &x[i]) == 0);
    }
    must(check(&b, &x[0]) == 0);
    bed_again(&b);
    must(import(&b, &y) == 0);
    ok(has(&b, &x[0]) && !has(&b, &x[1]) && has(&b, &x[2]), "also over a restart");
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        sample_free(&x[i]);
    }
    sample_free(&y);
    bed_fini(&b);
}

static void old_parts(void)
{
    struct sample part = sample_of(1, 200 * KIB), whole = sample_of(2, 100 * KIB),
                  more = sample_of(3, 100 * KIB), most = sample_of(4, 100 * KIB);
    struct blob_info info;
    struct bed b;

    bed_init(&b);
    b.o.cap_bytes = 350 * KIB;
    bed_open(&b);
    must(begin(&b, &part, &info) == 0);
    must(import(&b, &whole) == 0);
    is_int(import(&b, &more), 0, "room for more");
    ok(!has(&b, &whole) && blob_info(b.s, &part.d, &info, &b.err) == 0,
       "a whole blob goes before a young part");
    b.now_ms += 3600000 + 100;
    is_int(import(&b, &most), 0, "room for more, an hour later");
    ok(has(&b, &more) && blob_info(b.s, &part.d, &info, &b.err) == WEFT_ENOENT,
       "an old part goes before whole blobs");
    ok(access(file_of(&b, "partial", &part.d), F_OK) != 0, "with its file");
    sample_free(&part);
    sample_free(&whole);
    sample_free(&more);
    sample_free(&most);
    bed_fini(&b);
}

static void floored(void)
{
    struct sample x = sample_of(1, 100 * KIB);
    struct blob_info info;
    struct statvfs v;
    struct bed b;

    bed_init(&b);
    must(statvfs(b.root, &v) == 0);
    b.o.floor_bytes = (uint64_t) v.f_blocks * v.f_frsize;
    bed_open(&b);
    is_int(begin(&b, &x, &info), WEFT_EFULL, "the floor of the disk is kept");
    ok(strstr(b.err.text, "disk") != NULL, "and the text says so");
    sample_free(&x);
    bed_fini(&b);
}

/* -- lists, batches --------------------------------------------------------------------
 */

static void small_ones(void)
{
    enum { MANY = 100000 };
    struct blob_info rows[1000];
    struct blob_stats st;
    struct wf_digest d;
    struct bed b;
    uint64_t at = 0, seen = 0;
    unsigned bad = 0;
    size_t n, len;
    char text[32], back[64];

    bed_init(&b);
    bed_open(&b);
    for (unsigned i = 0; i < MANY; i++) {
        if (i % 10000 == 0) {
            bad += blob_batch_end(b.s, &b.err) != 0;
            bad += blob_batch_begin(b.s, &b.err) != 0;
        }
        snprintf(text, sizeof text, "blob %u", i);
        bad += blob_import(b.s, text, strlen(text), &d, &b.err) != 0;
    }
    bad += blob_batch_end(b.s, &b.err) != 0;
    is_int(bad, 0, "a hundred thousand small blobs");
    do {
        must(blob_list(b.s, &at, rows, ARRAY_LEN(rows), &n, &b.err) == 0);
        seen += n;
    } while (at != 0);
    is_int(seen, MANY, "are listed, each once");
    must(blob_stats(b.s, &st, &b.err) == 0);
    is_int(st.whole, MANY, "and counted");
    for (unsigned i = 0; i < MANY; i += 97) {
        snprintf(text, sizeof text, "blob %u", i);
        wf_blob_of(text, strlen(text), &d);
        bad += blob_read(b.s, &d, 0, back, sizeof back, &len, &b.err) != 0 ||
               len != strlen(text) || memcmp(back, text, len) != 0;
    }
    is_int(bad, 0, "and read");
    bed_fini(&b);
}

static void given_out(void)
{
    struct sample x = sample_of(1, 300 * KIB), y = sample_of(2, 100);
    struct wf_digest leaves[8];
    char path[PATH_MAX], out[128];
    struct stat st;
    struct bed b;
    uint64_t at = 0;

    bed_init(&b);
    bed_open(&b);
    must(import(&b, &x) == 0 && import(&b, &y) == 0);
    is_int(blob_read_leaves(b.s, &x.d, 1, 3, leaves, &b.err), 0, "leaves");
    ok(memcmp(leaves, x.leaves + 1, 3 * sizeof *leaves) == 0, "are those of the blob");
    is_int(blob_read_leaves(b.s, &x.d, 4, 3, leaves, &b.err), WEFT_EINVAL, "too many");
    is_int(blob_read_leaves(b.s, &y.d, 0, 1, leaves, &b.err), 0, "of a small one");
    ok(wf_digest_eq(leaves, y.leaves), "is its chunk's");
    is_int(blob_path(b.s, &x.d, path, sizeof path, &b.err), 0, "a plain file");
    ok(same_file(path, x.p, x.len), "has the bytes");
    must(stat(path, &st) == 0);
    is_int(st.st_mode & 0777, 0400, "and is not there to be written to");
    is_int(blob_path(b.s, &y.d, path, sizeof path, &b.err), WEFT_ESUPPORT,
           "a small blob has none");
    snprintf(out, sizeof out, "%s/out", b.root);
    is_int(blob_export(b.s, &y.d, out, &at, &b.err), 0, "so export it");
    ok(same_file(out, y.p, y.len), "whole");
    at = 0;
    is_int(blob_export(b.s, &y.d, out, &at, &b.err), WEFT_EEXIST, "never over a file");
    unlink(out);
    at = 0;
    is_int(blob_export(b.s, &x.d, out, &at, &b.err), 0, "export a larger one");
    ok(same_file(out, x.p, x.len), "whole");
    unlink(out);
    at = 0;
    memset(y.d.b, 1, sizeof y.d.b);
    is_int(blob_export(b.s, &y.d, out, &at, &b.err), WEFT_ENOENT,
           "one that is not there");
    ok(access(out, F_OK) != 0, "leaves no file");
    sample_free(&x);
    sample_free(&y);
    bed_fini(&b);
}

static void alone(void)
{
    struct sample x = sample_of(1, 10);
    struct blob_store *other;
    struct bed b;

    bed_init(&b);
    bed_open(&b);
    must(import(&b, &x) == 0);
    must(blob_open(&b.o, &other, &b.err) == 0);
    is_int(blob_ready(other, &b.err), WEFT_EBUSY, "a second process is kept out");
    blob_close(other);
    sample_free(&x);
    bed_fini(&b);
}

int main(void)
{
    nothing_there();
    sizes();
    in_parts(300 * KIB, "chunks of 64 KiB");
    in_parts((64u << 20) + 7, "chunks of 256 KiB");
    resumed();
    killed(0);
    killed(1);
    many_used();
    lies();
    evicted();
    remembers_use();
    old_parts();
    floored();
    small_ones();
    given_out();
    alone();
    return done();
}
