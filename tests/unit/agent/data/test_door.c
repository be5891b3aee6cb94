/* door: what a caller on this machine is answered; the caller is a thread, so that the
 * program's own side (ask.h) can be it, too. */
#include "agent/data/ask.h"
#include "agent/data/day.h"
#include "agent/data/door.h"
#include "tests/unit/agent/data/disk.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

struct bed {
    struct disk d;
    struct data *data;
    struct door *door;
    unsigned held;
    struct node_hold hold;
    unsigned notices;
    uint64_t left_ms;
};

static void on_event(void *arg, struct node_event *ev)
{
    struct bed *t = arg;

    if (ev->kind == NODE_BLOB_HELD) {
        t->held++;
        t->hold = *ev->hold;
    }
}

static void on_notice(void *arg, uint64_t left_ms)
{
    struct bed *t = arg;

    t->notices++;
    t->left_ms = left_ms;
}

static void moved(void *arg, struct node_data_counts *ret_counts)
{
    (void) arg;
    *ret_counts = (struct node_data_counts){.pull = {.moved = 700, .wasted = 7},
                                            .give = {.given = 70}};
}

static const struct door_cbs cbs = {on_notice, moved};

static void bed_init(struct bed *t)
{
    memset(t, 0, sizeof *t);
    disk_init(&t->d, NULL);
    must(data_new(&t->d.loop, t->d.config, &t->d.log, on_event, t, &t->data, NULL) == 0);
    must(door_new(&t->d.loop, t->d.dir, t->data, &cbs, t, &t->door, NULL) == 0);
}

static void bed_fini(struct bed *t)
{
    data_free(t->data);
    door_free(t->door);
    disk_fini(&t->d);
}

/* -- by hand --------------------------------------------------------------------------
 */

static int dial(const struct bed *t)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void) snprintf(a.sun_path, sizeof a.sun_path, "%s/" DOOR_NAME, t->d.dir);
    must(fd >= 0 && connect(fd, (struct sockaddr *) &a, sizeof a) == 0);
    return fd;
}

/* Everything that is answered until the door closes the connection. */
static const char *answer(struct bed *t, int fd)
{
    static char text[65536];
    size_t len = 0;
    uint64_t end_us = wf_now_us() + WATCHDOG_US;

    for (;;) {
        ssize_t n = recv(fd, text + len, sizeof text - 1 - len, MSG_DONTWAIT);

        must(wf_now_us() < end_us);
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            break;
        }
        len += n > 0 ? (size_t) n : 0;
        if (n < 0) {
            (void) uv_run(&t->d.loop.uv, UV_RUN_ONCE);
        }
    }
    text[len] = '\0';
    close(fd);
    return text;
}

static const char *say(struct bed *t, const char *line)
{
    int fd = dial(t);

    must(send(fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t) strlen(line));
    return answer(t, fd);
}

static void test_lines(void)
{
    struct bed t;
    struct stat st;
    char line[1024];
    int fd, many[DOOR_CALLERS];

    bed_init(&t);
    must(stat(disk_path(&t.d, DOOR_NAME), &st) == 0);
    is_int(st.st_mode & 0777, 0600, "nobody else may come in");
    is_str(say(&t, "ls\n"), "end OK \n", "no blobs");
    ok(access(t.d.config->data, F_OK) != 0, "and none are made by asking");
    disk_put(&t.d, "hello", "hello", 5);
    (void) snprintf(line, sizeof line, "add %s\n", disk_path(&t.d, "hello"));
    ok(strstr(say(&t, line), " 5 hello\nend OK") != NULL, "a file is added");
    run_until(&t.d, t.held == 1);
    ok(t.hold.have == 5 && !t.hold.gone, "and the core hears of it");
    ok(strstr(say(&t, "ls\n"), " 5 5 \nend OK") != NULL, "there it is");
    ok(strstr(say(&t, "stats\n"), "stat whole 1\n") != NULL, "one is whole");
    ok(strstr(say(&t, "stats\n"), "stat fetched 700\nstat wasted 7\nstat given 70\n") !=
           NULL,
       "and what was moved is told");
    ok(strstr(say(&t, "scrub\n"), "end OK") != NULL, "nothing is damaged");
    ok(strncmp(say(&t, "add hello\n"), "end EINVAL", 10) == 0, "not a full path");
    ok(strncmp(say(&t, "add /no/such\n"), "end ENOENT", 10) == 0, "no such file");
    ok(strncmp(say(&t, "make tea\n"), "end EINVAL", 10) == 0, "no such request");
    fd = dial(&t);
    must(send(fd, "l", 1, MSG_NOSIGNAL) == 1);
    run_until(&t.d, recv(fd, line, 1, MSG_DONTWAIT) < 0);
    must(send(fd, "s\n", 2, MSG_NOSIGNAL) == 2);
    ok(strstr(answer(&t, fd), "end OK") != NULL, "a line may come in parts");
    memset(line, 'x', sizeof line);
    fd = dial(&t);
    for (unsigned i = 0; i < DOOR_LINE / sizeof line + 1; i++) {
        (void) send(fd, line, sizeof line, MSG_NOSIGNAL);
    }
    (void) answer(&t, fd);
    close(dial(&t));
    for (unsigned i = 0; i < DOOR_CALLERS; i++) {
        many[i] = dial(&t);
        (void) uv_run(&t.d.loop.uv, UV_RUN_NOWAIT);
    }
    ok(strncmp(say(&t, "ls\n"), "end EBUSY", 9) == 0, "too many at once");
    for (unsigned i = 0; i < DOOR_CALLERS; i++) {
        close(many[i]);
    }
    /* Who leaves before the answer; and who is still there at the end. */
    fd = dial(&t);
    must(send(fd, "ls\n", 3, MSG_NOSIGNAL) == 3);
    close(fd);
    ok(strstr(say(&t, "ls\n"), "end ") != NULL, "others are answered");
    fd = dial(&t);
    must(send(fd, "scrub\n", 6, MSG_NOSIGNAL) == 6);
    (void) uv_run(&t.d.loop.uv, UV_RUN_ONCE);
    bed_fini(&t);
    close(fd);
}

/* -- by weft-agent data ---------------------------------------------------------------
 */

struct asker {
    struct ask_opts o;
    struct wf_err err;
    int rc;
    struct disk *d;
    volatile int over;
    struct wf_timer *timer;
};

static void *ask_on(void *arg)
{
    struct asker *a = arg;

    a->rc = ask_run(&a->o, &a->err);
    a->over = 1;
    return NULL;
}

static int ask(struct bed *t, const char *action, const char *path, int in_place,
               struct wf_err *ret_err)
{
    struct asker a = {.o = {t->d.dir, action, path, in_place, 30000}};
    pthread_t thread;

    must(pthread_create(&thread, NULL, ask_on, &a) == 0);
    while (!a.over) {
        (void) uv_run(&t->d.loop.uv, UV_RUN_ONCE);
    }
    must(pthread_join(thread, NULL) == 0);
    *ret_err = a.err;
    return a.rc;
}

static void test_asking(void)
{
    struct bed t;
    struct wf_err err = {0, ""};
    char out[512], text[8192];
    size_t n;
    FILE *f;
    int was, rc;

    bed_init(&t);
    must(mkdir(disk_path(&t.d, "tree"), 0700) == 0);
    must(mkdir(disk_path(&t.d, "tree/sub"), 0700) == 0);
    disk_put(&t.d, "tree/one", "1", 1);
    disk_put(&t.d, "tree/sub/two", "22", 2);
    (void) snprintf(out, sizeof out, "%s", disk_path(&t.d, "out"));
    (void) fflush(stdout);
    was = dup(STDOUT_FILENO);
    must(was >= 0 && freopen(out, "w", stdout) != NULL);
    rc = ask(&t, "add", disk_path(&t.d, "tree"), 1, &err);
    (void) fflush(stdout);
    must(dup2(was, STDOUT_FILENO) >= 0);
    close(was);
    is_int(rc, 0, "a folder in place");
    f = fopen(out, "r");
    must(f != NULL);
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    (void) fclose(f);
    ok(strstr(text, " 1 one\n") != NULL && strstr(text, " 2 sub/two\n") != NULL,
       "a line a file");
    run_until(&t.d, t.held == 2);
    is_int(t.hold.flags, WF_HOLD_IN_PLACE, "the core hears where they are");
    is_int(ask(&t, "add", "/no/such", 0, &err), WEFT_ENOENT, "no such folder");
    is_int(ask(&t, "add", NULL, 0, &err), WEFT_EINVAL, "no folder");
    is_int(ask(&t, "frob", NULL, 0, &err), WEFT_EINVAL, "no such action");
    is_int(ask(&t, "ls", "/tmp", 0, &err), WEFT_EINVAL, "one word too many");
    is_int(ask(&t, "notice", NULL, 0, &err), 0, "this machine is taken away");
    ok(t.notices == 1 && t.left_ms == 30000, "in 30 s");
    t.d.dir[strlen(t.d.dir) - 1] ^= 1;
    is_int(ask(&t, "ls", NULL, 0, &err), WEFT_EUNREACH, "no agent there");
    t.d.dir[strlen(t.d.dir) - 1] ^= 1;
    bed_fini(&t);
}

/* An agent that keeps no data has a door all the same. */
static void test_without_data(void)
{
    struct bed t;

    memset(&t, 0, sizeof t);
    disk_init(&t.d, NULL);
    must(door_new(&t.d.loop, t.d.dir, NULL, &cbs, &t, &t.door, NULL) == 0);
    is_str(say(&t, "ls\n"), "end ESUPPORT this agent keeps no data: its data_cap is 0\n",
           "nothing to list");
    is_str(say(&t, "notice soon\n"), "end EINVAL give milliseconds\n", "when?");
    is_int(t.notices, 0, "nobody knows");
    is_str(say(&t, "notice 1500\n"), "end OK \n", "it hears that its end is near");
    ok(t.notices == 1 && t.left_ms == 1500, "how near");
    door_free(t.door);
    disk_fini(&t.d);
}

static void test_day(void)
{
    const uint64_t day = 86400000;
    struct disk d;
    struct day a;

    disk_init(&d, NULL);
    day_load(&a, d.dir, 10 * day);
    ok(a.pulled == 0 && a.given == 0, "nothing was used");
    is_int(day_save(&a, d.dir, 10 * day, 0, 0, NULL), 0, "nothing to write");
    ok(access(disk_path(&d, "data-day"), F_OK) != 0, "so nothing is");
    is_int(day_save(&a, d.dir, 10 * day + 5, 7, 8, NULL), 0, "something was used");
    day_load(&a, d.dir, 11 * day - 1);
    ok(a.pulled == 7 && a.given == 8, "the same day it counts");
    day_load(&a, d.dir, 11 * day);
    ok(a.pulled == 0 && a.given == 0, "the next day it does not");
    disk_put(&d, "data-day", "rubbish", 7);
    day_load(&a, d.dir, 10 * day);
    is_int(a.pulled, 0, "nor does what cannot be read");
    disk_fini(&d);
}

int main(void)
{
    (void) signal(SIGPIPE, SIG_IGN); /* as the agent does */
    test_lines();
    test_asking();
    test_without_data();
    test_day();
    return done();
}
