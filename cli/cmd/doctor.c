/* doctor.c - weft doctor: what is wrong here or on the way, and what to do about it */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/tool/clock.h"
#include "cli/tool/fmt.h"
#include "cli/tool/text.h"

#define DOCTOR_PATH    600
#define DOCTOR_SYNCS   8
#define DOCTOR_SKEW_MS 2000 /* tokens and deadlines still work, logs get hard to read */
#define DOCTOR_SPACE   (64u << 20)
#define DOCTOR_FILES   256
#define DOCTOR_SYNC_US 50000
#define DOCTOR_RTT_US  500000

enum verdict { DOCTOR_OK, DOCTOR_SKIP, DOCTOR_WARN, DOCTOR_FAIL };

struct doctor {
    struct cli *cli;
    struct json json;
    char home[DOCTOR_PATH];
    char key[DOCTOR_PATH]; /* path of the context's key file; "" without one */
    char hex[65];          /* own public key */
    unsigned warned, failed;
};

__attribute__((format(printf, 5, 6))) static void say(struct doctor *doctor,
                                                      enum verdict verdict,
                                                      const char *what, const char *next,
                                                      const char *fmt, ...)
{
    static const char *const words[] = {"ok", "skip", "warn", "fail"};
    static const enum tint tints[] = {TINT_GOOD, TINT_DIM, TINT_WARN, TINT_BAD};
    struct out *out = &doctor->cli->out;
    char text[512], *clean;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    doctor->warned += verdict == DOCTOR_WARN;
    doctor->failed += verdict == DOCTOR_FAIL;
    clean = text_clean(text);
    if (doctor->cli->json) {
        json_object(&doctor->json, NULL);
        json_text(&doctor->json, "name", what);
        json_text(&doctor->json, "verdict", words[verdict]);
        json_text(&doctor->json, "text", text);
        json_text(&doctor->json, "next", verdict >= DOCTOR_WARN ? next : NULL);
        json_close_object(&doctor->json);
    } else if (out->tty) {
        out_print(out, tints[verdict], " %-4s", words[verdict]);
        fprintf(out->f, "  %-12s  %s\n", what, clean);
    } else {
        fprintf(out->f, "%s\t%s\t%s\n", words[verdict], what, clean);
    }
    if (!doctor->cli->json && verdict >= DOCTOR_WARN && *next != '\0') {
        fprintf(out->f, out->tty ? "       %-12s  next: %s\n" : "next\t%s%s\n", "", next);
    }
    fflush(out->f);
    free(clean);
}

/* Where contexts live; the same rule as weft/context.h. */
static void find_home(struct doctor *doctor)
{
    const char *weft = getenv("WEFT_HOME"), *xdg = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");

    if (weft != NULL && *weft != '\0') {
        snprintf(doctor->home, sizeof(doctor->home), "%.500s", weft);
    } else if (xdg != NULL && *xdg == '/') {
        snprintf(doctor->home, sizeof(doctor->home), "%.500s/weft", xdg);
    } else if (home != NULL && *home == '/') {
        snprintf(doctor->home, sizeof(doctor->home), "%.500s/.config/weft", home);
    }
}

static void check_folder(struct doctor *doctor)
{
    struct stat st;

    find_home(doctor);
    if (doctor->home[0] == '\0') {
        say(doctor, DOCTOR_FAIL, "folder", "set HOME or WEFT_HOME",
            "cannot tell where contexts live");
    } else if (stat(doctor->home, &st) < 0) {
        say(doctor, DOCTOR_FAIL, "folder",
            "`weft ctx add NAME TOKENFILE` makes it; a token comes from an operator",
            "%s: %s", doctor->home, strerror(errno));
    } else if (st.st_mode & 022) {
        say(doctor, DOCTOR_WARN, "folder", "chmod 700 it",
            "%s can be written by others (%03o)", doctor->home, st.st_mode & 0777u);
    } else {
        say(doctor, DOCTOR_OK, "folder", "", "%s", doctor->home);
    }
}

static void check_context(struct doctor *doctor)
{
    const char *name = doctor->cli->context;
    struct weft_context *rows = NULL, *row = NULL;
    char why[256] = "";
    size_t n = 0;
    int rc = weft_contexts(&rows, &n, why, sizeof(why));

    name = name != NULL ? name : getenv("WEFT_CONTEXT");
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (name != NULL ? strcmp(rows[i].name, name) == 0 : rows[i].selected) {
            row = &rows[i];
        }
    }
    if (rc < 0) {
        say(doctor, DOCTOR_FAIL, "context", weft_errhint(rc), "%s", why);
    } else if (row == NULL) {
        say(doctor, DOCTOR_FAIL, "context",
            n > 0 ? "`weft ctx ls` lists them, `weft ctx use NAME` selects one"
                  : "`weft ctx add NAME TOKENFILE`",
            "%s", name != NULL ? name : "none is selected");
    } else {
        say(doctor, DOCTOR_OK, "context", "", "%s: %s as %s at %s", row->name, row->role,
            row->as, row->endpoints);
        snprintf(doctor->key, sizeof(doctor->key), "%.400s/contexts/%.80s/key",
                 doctor->home, row->name);
        snprintf(doctor->hex, sizeof(doctor->hex), "%s", row->key);
    }
    weft_rows_free(rows);
}

static void check_key(struct doctor *doctor)
{
    struct stat st;

    if (doctor->key[0] == '\0') {
        say(doctor, DOCTOR_SKIP, "key", "", "no context");
    } else if (stat(doctor->key, &st) < 0) {
        say(doctor, DOCTOR_FAIL, "key", "`weft ctx rm` the context and add it again",
            "%s: %s", doctor->key, strerror(errno));
    } else if (st.st_mode & 077) {
        say(doctor, DOCTOR_FAIL, "key", "chmod 600 it; join again if others were there",
            "%s is open to others (%03o)", doctor->key, st.st_mode & 0777u);
    } else if (st.st_uid != geteuid()) {
        say(doctor, DOCTOR_WARN, "key", "run as its owner, or chown it",
            "%s belongs to uid %u", doctor->key, (unsigned) st.st_uid);
    } else {
        say(doctor, DOCTOR_OK, "key", "", "readable by you alone");
    }
}

static void check_broker(struct doctor *doctor)
{
    struct cli *cli = doctor->cli;
    uint64_t start = clock_us();
    char why[256] = "";
    int rc = doctor->key[0] != '\0' ? cli_open(cli, why, sizeof(why)) : WEFT_ENOENT;

    if (doctor->key[0] == '\0') {
        say(doctor, DOCTOR_SKIP, "broker", "", "no context");
    } else if (rc < 0) {
        const char *next = rc == WEFT_EUNREACH
                               ? "is it running, is the address right, is a "
                                 "firewall between?"
                               : weft_errhint(rc);

        say(doctor, DOCTOR_FAIL, "broker", next, "%s",
            *why != '\0' ? why : weft_strerror(rc));
    } else {
        weft_connected(cli->client, why, sizeof(why));
        say(doctor, DOCTOR_OK, "broker", "", "%s, connected in %s", why,
            fmt_us(clock_us() - start).s);
    }
}

static void check_rtt(struct doctor *doctor)
{
    uint64_t best = UINT64_MAX, us = 0, none = 0;

    if (doctor->cli->client == NULL) {
        return;
    }
    for (int i = 0; i < 3; i++) {
        int rc =
            weft_ping(doctor->cli->client, NULL, cli_wait_ms(doctor->cli), &us, &none);

        if (rc < 0) {
            say(doctor, DOCTOR_FAIL, "round trip", weft_errhint(rc), "%s",
                weft_strerror(rc));
            return;
        }
        best = us < best ? us : best;
    }
    say(doctor, best > DOCTOR_RTT_US ? DOCTOR_WARN : DOCTOR_OK, "round trip",
        "look for a nearer broker", "%s", fmt_us(best).s);
}

static void say_store(struct doctor *doctor, const struct weft_status *status)
{
    if (status->store_failing) {
        say(doctor, DOCTOR_FAIL, "store", "free space on the broker's disk, read its log",
            "%s, FAILING: nothing durable is accepted", status->store);
    } else if (strcmp(status->store, "memory") == 0) {
        say(doctor, DOCTOR_WARN, "store", "set store in broker.conf",
            "memory: a broker that stops loses its jobs");
    } else {
        say(doctor, DOCTOR_OK, "store", "", "%s, %" PRIu64 " live jobs", status->store,
            status->live);
    }
}

/* What the broker says of itself. */
static void check_status(struct doctor *doctor)
{
    struct weft_status *status = NULL;
    const char *version;
    int rc;

    if (doctor->cli->client == NULL) {
        return;
    }
    rc = weft_status(doctor->cli->client, cli_wait_ms(doctor->cli), &status);
    if (rc < 0) {
        say(doctor, DOCTOR_WARN, "status", weft_errhint(rc), "%s", weft_strerror(rc));
        return;
    }
    say_store(doctor, status);
    version = strrchr(status->software, ' ');
    version = version != NULL ? version + 1 : status->software;
    say(doctor, strcmp(version, WEFT_VERSION) == 0 ? DOCTOR_OK : DOCTOR_WARN, "version",
        "they still work together; upgrade the older one", "broker %s, this weft %s",
        version, WEFT_VERSION);
    say(doctor,
        status->agents == 0 || status->agents_up < status->agents ? DOCTOR_WARN
                                                                  : DOCTOR_OK,
        "agents",
        status->agents == 0 ? "`weft token create` makes the token that lets one join"
                            : "`weft map` shows which",
        "%" PRIu64 " up of %" PRIu64, status->agents_up, status->agents);
    weft_free(status);
}

/* The broker noted by its clock when it saw this key connect, which was just now. */
static void check_skew(struct doctor *doctor)
{
    struct weft_key *rows = NULL;
    uint64_t now = clock_wall_ms(), seen = 0, skew;
    size_t n = 0;
    int rc;

    if (doctor->cli->client == NULL) {
        return;
    }
    rc = weft_keys(doctor->cli->client, cli_wait_ms(doctor->cli), &rows, &n);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (strcmp(rows[i].key, doctor->hex) == 0) {
            seen = rows[i].seen_ms;
        }
    }
    weft_rows_free(rows);
    if (seen == 0) {
        say(doctor, DOCTOR_SKIP, "clocks", "", "only an operator can compare them");
        return;
    }
    skew = now > seen ? now - seen : seen - now;
    say(doctor, skew > DOCTOR_SKEW_MS ? DOCTOR_WARN : DOCTOR_OK, "clocks",
        "set the clock: token lifetimes and times in lists follow the broker's",
        skew > DOCTOR_SKEW_MS ? "%s apart from the broker's"
                              : "within %s of the broker's",
        skew > DOCTOR_SKEW_MS ? fmt_ms(skew).s : "2 s");
}

static void check_ntp(struct doctor *doctor)
{
    struct timex tx;
    int state;

    memset(&tx, 0, sizeof(tx));
    state = adjtimex(&tx);
    if (state < 0) {
        say(doctor, DOCTOR_SKIP, "time sync", "", "the kernel does not say");
    } else if (state == TIME_ERROR || (tx.status & STA_UNSYNC)) {
        say(doctor, DOCTOR_WARN, "time sync", "run chrony, ntpd or systemd-timesyncd",
            "this machine's clock is not synchronised");
    } else {
        say(doctor, DOCTOR_OK, "time sync", "", "synchronised");
    }
}

static void check_files(struct doctor *doctor)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        say(doctor, DOCTOR_SKIP, "open files", "", "%s", strerror(errno));
        return;
    }
    say(doctor, limit.rlim_cur < DOCTOR_FILES ? DOCTOR_WARN : DOCTOR_OK, "open files",
        "ulimit -n 1024", "%" PRIu64 " allowed", (uint64_t) limit.rlim_cur);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}

/* Median time to write 4 KiB to stable storage, or -1 with errno. */
static int sync_time(int fd, uint64_t *ret_us)
{
    static const char block[4096];
    uint64_t took[DOCTOR_SYNCS];

    for (int i = 0; i < DOCTOR_SYNCS; i++) {
        uint64_t start = clock_us();

        if (write(fd, block, sizeof(block)) != (ssize_t) sizeof(block) ||
            fdatasync(fd) < 0) {
            return -1;
        }
        took[i] = clock_us() - start;
    }
    qsort(took, DOCTOR_SYNCS, sizeof(took[0]), by_value);
    *ret_us = took[DOCTOR_SYNCS / 2];
    return 0;
}

static void check_disk(struct doctor *doctor)
{
    char path[DOCTOR_PATH + 32];
    struct statvfs fs;
    uint64_t us = 0, space;
    int fd;

    snprintf(path, sizeof(path), "%s/.doctor-XXXXXX", doctor->home);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) {
        say(doctor, doctor->key[0] != '\0' ? DOCTOR_WARN : DOCTOR_SKIP, "disk",
            "make the folder writable", "%s: %s", doctor->home, strerror(errno));
        return;
    }
    if (sync_time(fd, &us) < 0 || fstatvfs(fd, &fs) < 0) {
        say(doctor, DOCTOR_FAIL, "disk", "look at the disk behind it", "%s: %s",
            doctor->home, strerror(errno));
    } else {
        space = (uint64_t) fs.f_bavail * fs.f_frsize;
        say(doctor, us > DOCTOR_SYNC_US || space < DOCTOR_SPACE ? DOCTOR_WARN : DOCTOR_OK,
            "disk", "free space or use a faster disk", "%s to sync 4 KiB, %s free",
            fmt_us(us).s, fmt_size(space).s);
    }
    close(fd);
    unlink(path);
}

static int run(struct cli *cli, const void *args, int n, char **operands)
{
    static void (*const checks[])(struct doctor *) = {
        check_folder, check_context, check_key, check_broker, check_rtt,
        check_status, check_skew,    check_ntp, check_files,  check_disk,
    };
    struct doctor doctor = {.cli = cli};

    (void) args;
    (void) n;
    (void) operands;
    if (cli->json) {
        json_begin(&doctor.json, cli->out.f, "doctor");
        json_array(&doctor.json, "checks");
    }
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        checks[i](&doctor);
    }
    if (cli->json) {
        json_close_array(&doctor.json);
        json_uint(&doctor.json, "warned", doctor.warned);
        json_uint(&doctor.json, "failed", doctor.failed);
        json_end(&doctor.json);
    }
    return doctor.failed > 0 ? CLI_ERROR : CLI_OK;
}

const struct cmd cmd_doctor = {
    .name = "doctor",
    .group = "This program",
    .operands = "",
    .summary = "Check this machine, the context and the way to the broker",
    .details =
        "Each check is ok, warn or fail, with what to do next.  Leaves with 1 when "
        "one\nfails.\n",
    .run = run,
};
