/* The files of the spool: whole, or put aside. */
#include "agent/keeper.h"
#include "common/io/file.h"
#include "tests/lib/tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char state[64];

struct seen {
    unsigned n;
    char order[32]; /* the first letter of each value */
    uint64_t last;  /* lsn */
    size_t len;
};

static void see(void *arg, uint64_t lsn, struct wf_slice key, struct wf_slice value)
{
    struct seen *s = arg;

    must(key.len == SPOOL_KEY && s->n < sizeof s->order - 1);
    s->order[s->n++] = (char) value.p[0];
    s->last = lsn;
    s->len = value.len;
}

static struct spool *on(const char *dir)
{
    struct spool *s = NULL;

    must(spool_new(dir, &s, NULL) == 0);
    return s;
}

static int put(struct spool *s, uint8_t id, uint64_t lsn, const char *value)
{
    uint8_t record[SPOOL_KEY + 100];
    size_t len = strlen(value);

    memset(record, id, 16);
    memcpy(record + 16, "\0\0\1\2", 4);
    must(len <= 100);
    memcpy(record + SPOOL_KEY, value, len);
    return spool_put(s, lsn, record, SPOOL_KEY + len, NULL);
}

static struct seen load(struct spool *s, struct spool_counts *c)
{
    struct seen seen = {0};
    struct wf_err err = {0, ""};

    ok(spool_load(s, see, &seen, c, &err) == 0, "it loads %s", err.text);
    return seen;
}

static unsigned entries(const char *dir)
{
    char path[128];
    unsigned n = 0;
    DIR *d;

    (void) snprintf(path, sizeof path, "%s/%s", state, dir);
    d = opendir(path);
    while (d != NULL && readdir(d) != NULL) {
        n++;
    }
    if (d != NULL) {
        (void) closedir(d);
    }
    return n >= 2 ? n - 2 : 0;
}

static const char *path_of(uint8_t id, char *dst)
{
    int at = snprintf(dst, 160, "%s/spool/", state);

    for (int i = 0; i < 16; i++) {
        at += snprintf(dst + at, 3, "%02x", id);
    }
    (void) snprintf(dst + at, 10, "-00000102");
    return dst;
}

static void clean(struct spool *s)
{
    size_t n = 0;

    must(spool_wipe(s, &n, NULL) == 0);
}

static void keeps(void)
{
    struct spool *s = on(state);
    struct spool_counts c = {9, 9, 9, 9, 9};
    struct seen seen = load(s, &c);
    char path[160];
    struct stat st;
    size_t n = 0;

    ok(seen.n == 0 && c.records == 0 && c.unread == 0, "no folder is an empty spool");
    is_int(access(state, F_OK) == 0 && entries("spool") == 0, 1, "and stays none");
    ok(put(s, 3, 7, "third") == 0 && put(s, 1, 9, "last") == 0 &&
           put(s, 2, 5, "first") == 0,
       "records are kept");
    must(stat(path_of(3, path), &st) == 0);
    is_int(st.st_mode & 0777, 0600, "in files of our own");
    spool_free(s);
    s = on(state);
    seen = load(s, &c);
    is_str(seen.order, "ftl", "and given out in the order they were made");
    ok(seen.last == 9 && seen.len == 4 && c.records == 3 && c.bytes == 3 * SPOOL_KEY + 14,
       "in full");
    ok(put(s, 1, 10, "again") == 0 && put(s, 3, 0, "") == 0 && put(s, 3, 0, "") == 0,
       "one is replaced, one deleted, twice");
    seen = load(s, &c);
    is_str(seen.order, "fa", "which holds");
    is_int(entries("spool"), 2, "nothing else lies about");
    ok(spool_wipe(s, &n, NULL) == 0 && n == 2 && access(state, F_OK) == 0, "all goes");
    (void) snprintf(path, sizeof path, "%s/spool", state);
    ok(access(path, F_OK) != 0, "with its folder");
    ok(spool_wipe(s, &n, NULL) == 0 && n == 0, "once is enough");
    ok(put(s, 1, 1, "x") == 0, "which is made anew");
    clean(s);
    spool_free(s);
}

static size_t slurp(const char *path, uint8_t *dst, size_t cap)
{
    FILE *f = fopen(path, "r");
    size_t n;

    must(f != NULL);
    n = fread(dst, 1, cap, f);
    (void) fclose(f);
    return n;
}

static void spit(const char *path, const uint8_t *p, size_t len)
{
    FILE *f = fopen(path, "w");

    must(f != NULL && fwrite(p, 1, len, f) == len && fclose(f) == 0);
}

static void sees_damage(void)
{
    struct spool *s = on(state);
    struct spool_counts c;
    struct seen seen = {0};
    uint8_t file[200];
    char path[160], other[200];
    unsigned given = 0, lost = 0;
    size_t len;

    must(put(s, 1, 1, "value") == 0);
    len = slurp(path_of(1, path), file, sizeof file);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        file[bit / 8] ^= (uint8_t) (1u << bit % 8);
        spit(path, file, len);
        must(spool_load(s, see, &seen, &c, NULL) == 0);
        given += c.records;
        lost += c.damaged + c.unread != 1;
        file[bit / 8] ^= (uint8_t) (1u << bit % 8);
    }
    ok(given == 0 && lost == 0, "a flipped bit, wherever it is, is seen");
    for (size_t cut = 0; cut < len; cut++) {
        spit(path, file, cut);
        must(spool_load(s, see, &seen, &c, NULL) == 0);
        given += c.records;
        lost += c.damaged != 1;
    }
    ok(given == 0 && lost == 0, "as is a file that was cut short");
    for (unsigned i = 0; i < SPOOL_ASIDE + 9; i++) {
        spit(path_of((uint8_t) (100 + i), other), file, 9);
    }
    must(spool_load(s, see, &seen, &c, NULL) == 0);
    ok(c.damaged == SPOOL_ASIDE + 9 && c.aside == SPOOL_ASIDE,
       "so many are put aside, no more");
    spit(path_of(2, other), file, len);
    must(spool_load(s, see, &seen, &c, NULL) == 0);
    ok(c.records == 0 && c.damaged == 1, "and a good one under another's name");
    file[4] = 2;
    spit(path, file, len);
    must(spool_load(s, see, &seen, &c, NULL) == 0);
    ok(c.unread == 1 && c.damaged == 0 && access(path, F_OK) == 0,
       "what a newer program wrote is left alone");
    file[4] = 1;
    spit(path, file, len);
    must(spool_load(s, see, &seen, &c, NULL) == 0);
    is_int(c.records, 1, "and a whole one is good");
    clean(s);
    spool_free(s);
}

static void survives_power_cuts(void)
{
    struct spool *s = on(state);
    struct spool_counts c;
    char path[160], torn[200];
    struct seen seen;

    must(put(s, 1, 1, "value") == 0);
    (void) snprintf(torn, sizeof torn, "%s.Ab3dEf", path_of(1, path));
    spit(torn, (const uint8_t *) "WFSP half of", 12);
    (void) snprintf(torn, sizeof torn, "%s/spool/README", state);
    spit(torn, (const uint8_t *) "mine", 4);
    must(spool_load(s, NULL, NULL, &c, NULL) == 0);
    ok(c.records == 1 && entries("spool") == 3, "looking changes nothing");
    seen = load(s, &c);
    ok(seen.n == 1 && c.damaged == 0 && entries("spool") == 2,
       "a write that was cut off leaves nothing, others' files stay");
    clean(s);
    spool_free(s);
}

static void nothing(void *arg, struct node_event *ev)
{
    unsigned *n = arg;

    *n += ev->kind == NODE_RECORD;
}

static void fails_politely(void)
{
    const struct rlimit none = {30, RLIM_INFINITY};
    struct rlimit was;
    struct log_sink log;
    struct node_event ev;
    struct keeper k;
    unsigned n = 0;
    int rc;
    uint8_t record[60] = {1};
    struct wf_err err = {0, ""};
    char path[160];

    log_init(&log, WF_LOG_ERROR);
    must(keeper_open(&k, state, &log, nothing, &n, NULL) == 0);
    keeper_append(&k, 1, record, sizeof record);
    ok(!keeper_failure(&k, &ev), "all is well");
    (void) signal(SIGXFSZ, SIG_IGN);
    must(getrlimit(RLIMIT_FSIZE, &was) == 0 && setrlimit(RLIMIT_FSIZE, &none) == 0);
    record[0] = 2;
    rc = spool_put(k.spool, 2, record, sizeof record, &err);
    keeper_append(&k, 2, record, sizeof record);
    record[0] = 3;
    keeper_append(&k, 3, record, sizeof record);
    record[0] = 1;
    keeper_append(&k, 4, record, SPOOL_KEY);
    must(setrlimit(RLIMIT_FSIZE, &was) == 0);
    ok(rc == WEFT_EIO && strstr(err.text, "spool/02") != NULL,
       "no room for a file: the text names it");
    ok(keeper_failure(&k, &ev) && ev.kind == NODE_STORE_ERROR && ev.lsn == 2,
       "the core hears from which record on");
    ok(!keeper_failure(&k, &ev), "once");
    is_int(entries("spool"), 0, "half a file does not stay; deleting goes on");
    record[0] = 2;
    keeper_append(&k, 5, record, sizeof record);
    ok(!keeper_failure(&k, &ev) && entries("spool") == 1, "it goes on by itself");
    keeper_load(&k);
    is_int(n, 1, "what is there comes back as an event");
    keeper_lost(&k);
    ok(keeper_failure(&k, &ev) && ev.lsn == 6, "lost effects are failures too");
    clean(k.spool);
    (void) snprintf(path, sizeof path, "%s/spool", state);
    spit(path, (const uint8_t *) "", 0);
    keeper_append(&k, 6, record, sizeof record);
    ok(keeper_failure(&k, &ev), "something else in its place");
    n = 0;
    keeper_load(&k);
    is_int(n, 0, "is no reason not to start");
    must(unlink(path) == 0);
    keeper_close(&k);
}

int main(void)
{
    (void) snprintf(state, sizeof state, "/tmp/weft-spool-XXXXXX");
    must(mkdtemp(state) != NULL);
    keeps();
    sees_damage();
    survives_power_cuts();
    fails_politely();
    must(rmdir(state) == 0);
    return done();
}
