/* Files that are taken in, copied or where they are. */
#include "tests/unit/agent/blob/bed.h"

struct tree {
    char dir[80];
    struct sample a, b, c; /* a: large; b: small; c: empty */
};

static void plant(struct bed *b, struct tree *t)
{
    char path[200];

    snprintf(t->dir, sizeof t->dir, "%s/d", b->root);
    must(mkdir(t->dir, 0755) == 0);
    t->a = sample_of(1, 300 * KIB);
    t->b = sample_of(2, 1000);
    t->c = sample_of(3, 0);
    snprintf(path, sizeof path, "%s/a", t->dir);
    write_file(path, t->a.p, t->a.len);
    snprintf(path, sizeof path, "%s/sub", t->dir);
    must(mkdir(path, 0755) == 0);
    snprintf(path, sizeof path, "%s/sub/b", t->dir);
    write_file(path, t->b.p, t->b.len);
    snprintf(path, sizeof path, "%s/sub/c", t->dir);
    write_file(path, t->c.p, 0);
    snprintf(path, sizeof path, "%s/link", t->dir);
    must(symlink("a", path) == 0);
    snprintf(path, sizeof path, "%s/pipe", t->dir);
    must(mkfifo(path, 0600) == 0);
}

static void uproot(struct tree *t)
{
    sample_free(&t->a);
    sample_free(&t->b);
    sample_free(&t->c);
}

/* Files told, as letters of their names; errors apart. */
static unsigned take_in(struct bed *b, const char *path, int in_place, char *names,
                        int *ret_rc)
{
    struct blob_intake *in;
    struct blob_file f;
    unsigned n = 0, steps = 0;
    int rc = blob_intake_new(b->s, path, in_place, &in, &b->err);

    *ret_rc = rc;
    while (rc == 0 && steps++ < 100000) {
        rc = blob_intake_step(in, &f, &b->err);
        if (rc == 0) {
            names[n++] = f.path[strlen(f.path) - 1];
        } else if (rc == WEFT_ECLOSED) {
            break;
        } else if (rc != WEFT_EAGAIN) {
            *ret_rc = rc;
        }
        rc = 0;
    }
    if (*ret_rc != WEFT_EINVAL && *ret_rc != WEFT_ENOENT) {
        blob_intake_free(in);
    }
    names[n] = '\0';
    return n;
}

static void tree(int in_place)
{
    char names[16], path[200], other[PATH_MAX];
    struct blob_info info;
    struct blob_stats st;
    struct bed b;
    struct tree t;
    int rc;

    printf("# %s\n", in_place ? "in place" : "copied");
    bed_init(&b);
    plant(&b, &t);
    bed_open(&b);
    is_int(take_in(&b, t.dir, in_place, names, &rc), 3, "three files");
    ok(rc == 0 && strchr(names, 'a') && strchr(names, 'b') && strchr(names, 'c'),
       "without links and pipes: %s", names);
    ok(check(&b, &t.a) == 0 && check(&b, &t.b) == 0 && has(&b, &t.c), "all are there");
    must(blob_info(b.s, &t.a.d, &info, &b.err) == 0);
    is_int((info.flags & BLOB_IN_PLACE) != 0, in_place, "where they should be");
    must(blob_stats(b.s, &st, &b.err) == 0);
    is_int(st.in_place_bytes, in_place ? t.a.len + t.b.len : 0, "counted as that");
    is_int(st.used_bytes >= t.a.len, !in_place, "or to the cap");
    bed_again(&b);
    is_int(take_in(&b, t.dir, in_place, names, &rc), 3, "once more");
    ok(check(&b, &t.a) == 0, "is fine");
    snprintf(path, sizeof path, "%s/a", t.dir);
    is_int(blob_path(b.s, &t.a.d, other, sizeof other, &b.err), 0, "a path");
    is_int(strcmp(path, other) == 0, in_place, "which is the file's");
    ok(same_file(other, t.a.p, t.a.len), "with the bytes");
    must(blob_drop(b.s, &t.a.d, &b.err) == 0);
    ok(same_file(path, t.a.p, t.a.len), "dropping leaves the file alone");
    uproot(&t);
    bed_fini(&b);
}

static void single(void)
{
    char names[16], path[200];
    struct bed b;
    struct tree t;
    int rc;

    bed_init(&b);
    plant(&b, &t);
    bed_open(&b);
    snprintf(path, sizeof path, "%s/a", t.dir);
    is_int(take_in(&b, path, 1, names, &rc), 1, "one file");
    is_str(names, "a", "by its name");
    (void) take_in(&b, "d/a", 1, names, &rc);
    is_int(rc, WEFT_EINVAL, "a relative path");
    snprintf(path, sizeof path, "%s/none", t.dir);
    (void) take_in(&b, path, 1, names, &rc);
    is_int(rc, WEFT_ENOENT, "no such file");
    snprintf(path, sizeof path, "%s/link", t.dir);
    (void) take_in(&b, path, 1, names, &rc);
    is_int(rc, WEFT_EINVAL, "a link");
    uproot(&t);
    bed_fini(&b);
}

/* The file changes; `how` tells in which way. */
static void changed(const char *how)
{
    char names[16], path[200], other[200];
    struct blob_info info;
    struct bed b;
    struct tree t;
    int rc;

    printf("# %s\n", how);
    bed_init(&b);
    plant(&b, &t);
    bed_open(&b);
    must(take_in(&b, t.dir, 1, names, &rc) == 3);
    must(check(&b, &t.a) == 0);
    snprintf(path, sizeof path, "%s/a", t.dir);
    if (strcmp(how, "written") == 0) {
        harm(path, 100);
    } else if (strcmp(how, "written, with its old time") == 0) {
        struct stat s;

        must(stat(path, &s) == 0);
        harm(path, 100);
        must(utimensat(AT_FDCWD, path, (struct timespec[]){s.st_atim, s.st_mtim}, 0) ==
             0);
    } else if (strcmp(how, "replaced") == 0) {
        snprintf(other, sizeof other, "%s/x", t.dir);
        write_file(other, t.b.p, t.b.len);
        must(rename(other, path) == 0);
    } else if (strcmp(how, "cut") == 0) {
        must(truncate(path, 5) == 0);
    } else {
        must(unlink(path) == 0);
    }
    is_int(check(&b, &t.a), WEFT_ESTATE, "a file that is not what it was");
    ok(b.changes == 1 && b.change.why == WEFT_ESTATE && b.change.have == 0 &&
           wf_digest_eq(&b.change.digest, &t.a.d),
       "is told");
    is_int(blob_info(b.s, &t.a.d, &info, &b.err), WEFT_ENOENT, "and withdrawn");
    is_int(check(&b, &t.b), 0, "the others stay");
    uproot(&t);
    bed_fini(&b);
}

static void noticed(void)
{
    char names[16], path[200];
    struct blob_info info;
    struct blob_scrubbed r;
    struct bed b;
    struct tree t;
    int rc;

    bed_init(&b);
    plant(&b, &t);
    bed_open(&b);
    must(take_in(&b, t.dir, 1, names, &rc) == 3);
    snprintf(path, sizeof path, "%s/a", t.dir);
    harm(path, 100);
    is_int(blob_path(b.s, &t.a.d, path, sizeof path, &b.err), WEFT_ESTATE,
           "a changed file is not handed out");
    must(take_in(&b, t.dir, 1, names, &rc) == 3);
    snprintf(path, sizeof path, "%s/a", t.dir);
    must(truncate(path, 10) == 0);
    b.changes = 0;
    r = scrub_all(&b);
    ok(r.damaged == 1 && b.changes == 1 && b.change.why == WEFT_ESTATE,
       "the scrubber notices");
    is_int(blob_info(b.s, &t.a.d, &info, &b.err), WEFT_ENOENT, "and withdraws");
    must(take_in(&b, t.dir, 1, names, &rc) == 3);
    harm(path, 1);
    b.changes = 0;
    must(take_in(&b, t.dir, 1, names, &rc) == 3);
    ok(b.changes == 1 && b.change.size == 10, "adding again withdraws what was there");
    uproot(&t);
    bed_fini(&b);
}

/* A part gives way to a file in place; leaves that are lost are made anew. */
static void mixed(void)
{
    char names[16];
    struct blob_info info;
    struct bed b;
    struct tree t;
    int rc;

    bed_init(&b);
    plant(&b, &t);
    bed_open(&b);
    must(begin(&b, &t.a, &info) == 0);
    must(take_in(&b, t.dir, 1, names, &rc) == 3);
    is_int(check(&b, &t.a), 0, "a part gives way to the file");
    ok(access(file_of(&b, "partial", &t.a.d), F_OK) != 0, "and is gone");
    bed_close(&b);
    unlink(file_of(&b, "leaves", &t.a.d));
    bed_open(&b);
    is_int(check(&b, &t.a), 0, "lost leaves are made anew");
    uproot(&t);
    bed_fini(&b);
}

/* Copying goes on where it was. */
static void interrupted(void)
{
    struct sample x = sample_of(1, 80u << 20);
    struct blob_intake *in;
    struct blob_info info;
    struct blob_file f;
    char path[200];
    struct bed b;
    int rc = WEFT_EAGAIN;

    bed_init(&b);
    bed_open(&b);
    snprintf(path, sizeof path, "%s/big", b.root);
    write_file(path, x.p, x.len);
    must(blob_intake_new(b.s, path, 0, &in, &b.err) == 0);
    info.have = 0;
    while (rc == WEFT_EAGAIN && info.have == 0) {
        rc = blob_intake_step(in, &f, &b.err);
        (void) blob_info(b.s, &x.d, &info, &b.err);
    }
    blob_intake_free(in);
    ok(rc == WEFT_EAGAIN && info.have != 0 && info.have < x.len, "a copy that ended");
    bed_again(&b);
    must(begin(&b, &x, &info) == 0);
    ok(info.have != 0, "is a part");
    must(blob_intake_new(b.s, path, 0, &in, &b.err) == 0);
    while ((rc = blob_intake_step(in, &f, &b.err)) == WEFT_EAGAIN) {
    }
    is_int(rc, 0, "that is made whole");
    is_int(blob_intake_step(in, &f, &b.err), WEFT_ECLOSED, "and that was all");
    blob_intake_free(in);
    is_int(check(&b, &x), 0, "and good");
    sample_free(&x);
    bed_fini(&b);
}

int main(void)
{
    tree(0);
    tree(1);
    single();
    changed("written");
    changed("written, with its old time");
    changed("replaced");
    changed("cut");
    changed("removed");
    noticed();
    mixed();
    interrupted();
    return done();
}
