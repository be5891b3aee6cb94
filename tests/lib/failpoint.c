#include "common/failpoint.h"

#include "proto/msg.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAME_MAX_LEN 64
#define NAMES_MAX    512
#define FAILS_IN_ROW 3

/* A test's own switch, for a whole process: the one place that has such a thing. */
static struct {
    pthread_once_t once;
    pthread_mutex_t mutex;
    char name[NAME_MAX_LEN], action[32];
    unsigned long count, passed;
    int log_fd;
    size_t nseen;
    char seen[NAMES_MAX][NAME_MAX_LEN];
} fp = {.once = PTHREAD_ONCE_INIT, .mutex = PTHREAD_MUTEX_INITIALIZER, .log_fd = -1};

static void read_environment(void)
{
    const char *text = getenv("WEFT_FAILPOINT"), *log = getenv("WEFT_FAILPOINT_LOG");
    size_t len;

    if (log != NULL) {
        fp.log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    }
    fp.count = 1;
    (void) snprintf(fp.action, sizeof fp.action, "kill");
    if (text == NULL) {
        return;
    }
    len = strcspn(text, ":=");
    if (len >= sizeof fp.name) {
        return;
    }
    memcpy(fp.name, text, len);
    text += len;
    if (*text == ':') {
        fp.count = strtoul(text + 1, NULL, 10);
        text += strcspn(text, "=");
    }
    if (*text == '=') {
        (void) snprintf(fp.action, sizeof fp.action, "%s", text + 1);
    }
}

/* One line for each name, in one write: processes share the file. */
static void note(const char *name)
{
    char line[NAME_MAX_LEN + 1];
    int n;

    for (size_t i = 0; i < fp.nseen; i++) {
        if (strcmp(fp.seen[i], name) == 0) {
            return;
        }
    }
    if (fp.nseen < NAMES_MAX) {
        (void) snprintf(fp.seen[fp.nseen++], NAME_MAX_LEN, "%s", name);
        n = snprintf(line, sizeof line, "%s\n", name);
        if (write(fp.log_fd, line, (size_t) n) < 0) {
            fp.log_fd = -1;
        }
    }
}

static void delay(unsigned long ms)
{
    const struct timespec t = {(time_t) (ms / 1000), (long) (ms % 1000) * 1000000};

    (void) nanosleep(&t, NULL);
}

static int act(unsigned long passed)
{
    const char *what = fp.action;

    if (strcmp(what, "eio") == 0 || strcmp(what, "enospc") == 0) {
        return passed - fp.count >= FAILS_IN_ROW ? 0 : what[1] == 'i' ? EIO : ENOSPC;
    }
    if (passed != fp.count) {
        return 0;
    }
    if (strcmp(what, "kill") == 0) {
        (void) kill(getpid(), SIGKILL);
    } else if (strcmp(what, "stop") == 0) {
        (void) kill(getpid(), SIGSTOP);
    } else if (strcmp(what, "exit") == 0) {
        _exit(1);
    } else if (strncmp(what, "delay ", 6) == 0) {
        delay(strtoul(what + 6, NULL, 10));
    }
    return 0;
}

int failpoint_error(const char *name)
{
    unsigned long passed = 0;

    (void) pthread_once(&fp.once, read_environment);
    if (fp.log_fd >= 0) {
        (void) pthread_mutex_lock(&fp.mutex);
        note(name);
        (void) pthread_mutex_unlock(&fp.mutex);
    }
    if (strcmp(fp.name, name) != 0) {
        return 0;
    }
    passed = __atomic_add_fetch(&fp.passed, 1, __ATOMIC_RELAXED);
    return passed >= fp.count ? act(passed) : 0;
}

void failpoint_pass(const char *name)
{
    (void) failpoint_error(name);
}

static void pass3(const char *prefix, const char *middle, const char *suffix)
{
    char name[NAME_MAX_LEN];

    (void) snprintf(name, sizeof name, "%s.%s.%s", prefix, middle, suffix);
    failpoint_pass(name);
}

void failpoint_message(const char *prefix, const uint8_t *p, size_t len,
                       const char *suffix)
{
    /* An array of up to 15 fields, or one with a count of 16 bits; then the type. */
    size_t at = len > 0 && p[0] == 0xdc ? 3 : 1;
    const struct wf_desc *d = len > at ? wf_desc_of(p[at]) : NULL;

    if (d != NULL) {
        pass3(prefix, d->name, suffix);
    }
}

void failpoint_table(const char *prefix, unsigned table, const char *suffix)
{
    static const char *const names[] = {"none",   "keys",     "tokens",
                                        "jobs",   "attempts", "outcomes",
                                        "events", "datasets", "estimates"};

    pass3(prefix, table < ARRAY_LEN(names) ? names[table] : "none", suffix);
}
