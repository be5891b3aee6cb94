/* load.c - a client of the torture
 *
 *     torture-load run STORY CAPABILITY CLASS WINDOW PER_SECOND
 *     torture-load fetch STORY SECONDS < IDS
 *
 * `run` submits jobs with WINDOW of them open, each submitted, forgotten, repeated,
 * cancelled or watched as its id says (work.h), and writes down what it is told before it
 * acts on it.  Started again after a kill it goes on with what its story left open: it
 * fetches what was accepted, and submits again or forgets what was not.  SIGTERM: no new
 * ones; ends when none is open, or at the next SIGTERM.  `fetch` reads the outcomes of
 * jobs once more, by id; exit code 1 when one has none after SECONDS.
 */
#include "common/map.h"
#include "common/mem.h"
#include "tests/lib/fnv.h"
#include "tests/torture/story.h"
#include "tests/torture/work.h"

#include <weft/weft.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define JOBS_MAX (1u << 22)

struct load;

enum kind { SUBMIT, WATCH, CANCEL, REPEAT, LOGS, KINDS };

struct job {
    weft_id id;
    char text[WEFT_ID_TEXT];
    struct load *load;
    int accepted, over;    /* as the story of an earlier process tells */
    unsigned open;         /* its futures that are open, and the retry that is due */
    unsigned kinds[KINDS]; /* how many of which */
};

/* One future of a job. */
struct call {
    struct job *job;
    struct call *next; /* of those that are due again */
    weft_future *future;
    uint64_t handle;
    uint64_t due_ms;
    enum kind kind;
};

struct load {
    weft_client *client;
    int story;
    const char *capability;
    enum weft_class job_class;
    unsigned window, per_second;
    struct wf_map *jobs;
    struct call *again;
    unsigned open; /* jobs */
    uint64_t handles;
    uint64_t made, credit, done, begun_ms;
    int fetching;
};

static volatile sig_atomic_t stopped;

static void on_signal(int signum)
{
    (void) signum;
    stopped++;
}

static _Noreturn void die(const char *what, const char *why)
{
    (void) fprintf(stderr, "torture-load: %s: %s\n", what, why);
    exit(1);
}

static uint64_t now_ms(void)
{
    struct timespec t;

    (void) clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

static void tell(const struct job *j, const char *kind, unsigned n, const uint64_t *x)
{
    if (story_write(j->load->story, kind, j->text, n, x) != 0) {
        die("story", "cannot be written");
    }
}

static struct job *job_of(struct load *l, const weft_id *id)
{
    struct job *j = wf_map_get(l->jobs, id, sizeof *id);

    if (j == NULL) {
        j = wf_calloc(1, sizeof *j);
        if (j == NULL) {
            die("job", "out of memory");
        }
        j->id = *id;
        j->load = l;
        weft_id_text(id, j->text);
        if (wf_map_put(l->jobs, &j->id, sizeof j->id, j) != 0) {
            die("job", "too many");
        }
    }
    return j;
}

/* -- calls ------------------------------------------------------------------------------
 */

static void on_accepted(weft_future *future, void *arg);
static void on_done(weft_future *future, void *arg);
static void call_start(struct call *c);

static void job_closed(struct job *j)
{
    if (--j->open == 0) {
        j->load->open--;
        if (j->over) {
            j->load->done++;
        }
    }
}

static struct call *call_new(struct job *j)
{
    struct call *c = wf_calloc(1, sizeof *c);

    if (c == NULL) {
        die("call", "out of memory");
    }
    c->job = j;
    /* Unique among all processes that had this job. */
    c->handle = now_ms() << 20 | (++j->load->handles & 0xfffff);
    if (j->open++ == 0) {
        j->load->open++;
    }
    return c;
}

static void call_free(struct call *c)
{
    weft_future_free(c->future);
    c->job->kinds[c->kind]--;
    job_closed(c->job);
    wf_free(c);
}

static void call_later(struct call *c, uint64_t ms)
{
    weft_future_free(c->future);
    c->future = NULL;
    c->due_ms = now_ms() + (ms < 50 ? 50 : ms > 2000 ? 2000 : ms);
    c->next = c->job->load->again;
    c->job->load->again = c;
}

static void on_output(const weft_id *id, unsigned attempt, int stream, uint64_t offset,
                      const void *data, size_t len, void *arg)
{
    (void) id;
    (void) attempt;
    (void) stream;
    (void) offset;
    (void) data;
    (void) len;
    (void) arg;
}

static int start_submit(struct call *c)
{
    struct weft_job job = WEFT_JOB_INIT;
    struct load *l = c->job->load;
    const uint8_t *id = c->job->id.bytes;
    char payload[WORK_PAYLOAD_MAX];

    job.id = c->job->id;
    job.capability = l->capability;
    job.payload = payload;
    job.payload_len = work_payload(id, payload);
    job.job_class = l->job_class;
    job.priority = id[6] % 10;
    job.disconnect = (enum weft_disconnect)(id[7] % 10 == 0   ? WEFT_DISCONNECT_KEEP
                                            : id[7] % 10 == 1 ? WEFT_DISCONNECT_STOP
                                                              : WEFT_DISCONNECT_REPLACE);
    job.disconnect_ms = 300;
    return weft_submit(l->client, &job, &c->future);
}

static void call_start(struct call *c)
{
    struct load *l = c->job->load;
    const weft_id *id = &c->job->id;
    int rc = 0;

    switch (c->kind) {
    case SUBMIT:
        rc = start_submit(c);
        break;
    case WATCH:
        rc = weft_watch(l->client, id, on_output, NULL, NULL, &c->future);
        break;
    case CANCEL:
        rc = weft_cancel(l->client, id, &c->future);
        break;
    case REPEAT:
        rc = weft_retry(l->client, id, NULL, &c->future);
        break;
    case LOGS:
        rc = weft_logs(l->client, id, on_output, NULL, &c->future);
        break;
    default:
        break;
    }
    if (rc == WEFT_EFULL || rc == WEFT_ENOMEM) {
        call_later(c, 100);
        return;
    }
    if (rc != 0) {
        die("call", weft_errname(rc));
    }
    weft_future_then(c->future, on_done, c);
    if (c->kind == SUBMIT) {
        weft_future_accepted(c->future, on_accepted, c);
    }
}

static void also(struct job *j, enum kind kind)
{
    struct call *c = call_new(j);

    c->kind = kind;
    j->kinds[kind]++;
    call_start(c);
}

/* -- what is told -----------------------------------------------------------------------
 */

static void on_accepted(weft_future *future, void *arg)
{
    struct call *c = arg;
    struct job *j = c->job;
    /* What was asked for and granted must hold: whoever asks for class fast sees to it
     * that brokers live. */
    uint64_t durable = weft_future_class(future) != WEFT_CLASS_FAST ||
                       j->load->job_class == WEFT_CLASS_FAST;
    int again = j->accepted;

    tell(j, "accepted", 1, &durable);
    j->accepted = 1;
    if (again) {
        return;
    }
    switch (work_manner(j->id.bytes)) {
    case WORK_FORGETS:
        call_free(c);
        return;
    case WORK_CANCELS:
        also(j, CANCEL);
        return;
    case WORK_WATCHES:
        also(j, WATCH);
        return;
    default:
        return;
    }
}

static void tell_outcome(const struct job *j, const struct weft_outcome *o)
{
    uint64_t rest = fnv_hash(0, o->node, strlen(o->node));
    uint64_t x[6] = {o->state, (uint64_t) -o->code, o->attempt};

    rest = fnv_hash(rest, o->reason, strlen(o->reason));
    rest = fnv_hash(rest, &o->exit_code, sizeof o->exit_code);
    rest = fnv_hash(rest, &o->term_signal, sizeof o->term_signal);
    rest = fnv_hash(rest, &o->cut, sizeof o->cut);
    x[3] = fnv_hash(0, o->data, o->len);
    x[4] = rest;
    x[5] = o->state == WEFT_JOB_OK && o->code == 0;
    tell(j, "outcome", 6, x);
}

static int is_passing(int error)
{
    switch (error) {
    case WEFT_EBUSY:
    case WEFT_EQUOTA:
    case WEFT_ESTORAGE:
    case WEFT_ENOCAP:
    case WEFT_ENOAGENT:
    case WEFT_EUNREACH:
    case WEFT_ETIMEOUT:
    case WEFT_EFULL:
    case WEFT_ENOMEM:
        return 1;
    default:
        return 0;
    }
}

/* It came to its end without an outcome. */
static void on_error(struct call *c, int error)
{
    struct job *j = c->job;
    uint64_t code = (uint64_t) -error;

    if (is_passing(error)) {
        call_later(c, weft_future_retry_ms(c->future));
        return;
    }
    if (error == WEFT_ENOENT && (c->kind == WATCH || j->accepted)) {
        tell(j, "denied", 1, &code);
    } else if (error != WEFT_ECLOSED && c->kind == SUBMIT) {
        tell(j, "refused", 1, &code);
    }
    if (error != WEFT_ECLOSED) {
        printf("%s %s: %s: %s\n", c->kind == WATCH ? "watch" : "submit", j->text,
               weft_errname(error), weft_future_text(c->future));
        (void) fflush(stdout);
    }
    call_free(c);
}

/* A job that repeats another is one like all, but for its payload. */
static void on_repeated(struct call *c, int error)
{
    uint64_t durable = 1;

    if (error == 0) {
        struct job *j = job_of(c->job->load, weft_future_id(c->future));

        tell(j, "accepted", 1, &durable);
        j->accepted = 1;
        also(j, WATCH);
    }
    call_free(c);
}

static void look_back(struct job *j, const struct weft_outcome *o)
{
    if (o->state == WEFT_JOB_FAILED || o->state == WEFT_JOB_DEAD) {
        also(j, j->id.bytes[9] % 2 == 0 ? REPEAT : LOGS);
    }
}

static void on_done(weft_future *future, void *arg)
{
    struct call *c = arg;
    struct job *j = c->job;
    const struct weft_outcome *o = weft_future_outcome(future);
    int error = weft_future_error(future);

    if (c->kind == CANCEL || c->kind == LOGS) {
        call_free(c); /* its outcome tells */
        return;
    }
    if (c->kind == REPEAT) {
        on_repeated(c, error);
        return;
    }
    if (o == NULL) {
        if (error != 0) {
            on_error(c, error);
        } else {
            call_free(c);
        }
        return;
    }
    if (!j->load->fetching) {
        tell(j, "fired", 1, &c->handle);
    }
    tell_outcome(j, o);
    if (!j->over && !j->load->fetching && !stopped) {
        look_back(j, o);
    }
    j->over = 1;
    call_free(c);
}

/* -- run --------------------------------------------------------------------------------
 */

static void begin(struct job *j)
{
    tell(j, "submit", 0, NULL);
    also(j, SUBMIT);
    if (work_manner(j->id.bytes) == WORK_TWICE) {
        also(j, SUBMIT);
    }
}

/* What earlier processes of this client left open. */
static void go_on(struct load *l, const char *path)
{
    FILE *f = fopen(path, "r");
    char text[512];
    struct job *j;
    size_t it = 0;

    while (f != NULL && fgets(text, sizeof text, f) != NULL) {
        struct story_line line;
        weft_id id;

        if (story_parse(text, &line) != 0 || weft_id_parse(line.id, &id) != 0) {
            continue;
        }
        j = job_of(l, &id);
        j->accepted |= strcmp(line.kind, "accepted") == 0;
        j->over |= strcmp(line.kind, "outcome") == 0 ||
                   strcmp(line.kind, "refused") == 0 || strcmp(line.kind, "denied") == 0;
    }
    if (f != NULL) {
        (void) fclose(f);
    }
    while ((j = wf_map_next(l->jobs, &it)) != NULL) {
        int forgets = work_manner(j->id.bytes) == WORK_FORGETS;

        if (j->over || (j->accepted && forgets)) {
            continue;
        }
        if (j->accepted) {
            also(j, WATCH);
        } else if (!forgets || j->id.bytes[8] % 2 == 0) {
            begin(j);
        }
    }
}

static void submit_more(struct load *l)
{
    uint64_t may = (now_ms() - l->begun_ms) * l->per_second / 1000;

    while (!stopped && l->open < l->window && l->credit < may) {
        weft_id id;

        weft_id_random(&id);
        begin(job_of(l, &id));
        l->made++;
        l->credit++;
    }
    /* Time that was lost is not made up for. */
    if (l->credit + l->window < may) {
        l->credit = may - l->window;
    }
}

static void start_due(struct load *l)
{
    struct call **at = &l->again;
    uint64_t now = now_ms();
    struct call *due = NULL, *c;

    while ((c = *at) != NULL) {
        if (c->due_ms > now) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        c->next = due;
        due = c;
    }
    while ((c = due) != NULL) {
        due = c->next;
        /* Nobody waits for an answer that has come by another way. */
        if (stopped > 1 || (c->job->over && !l->fetching)) {
            call_free(c);
        } else {
            call_start(c);
        }
    }
}

static void turn(struct load *l)
{
    struct pollfd p = {.fd = weft_fd(l->client), .events = POLLIN};
    int ms = weft_timeout_ms(l->client);

    (void) poll(&p, 1, ms < 0 || ms > 20 ? 20 : ms);
    if (weft_process(l->client) != 0) {
        die("process", "refused");
    }
    start_due(l);
}

static void tell_open(const struct load *l)
{
    const struct job *j;
    size_t it = 0;

    printf("left open %u\n", l->open);
    while ((j = wf_map_next(l->jobs, &it)) != NULL) {
        if (j->open != 0) {
            printf(
                "open %s: submit %u watch %u cancel %u repeat %u logs %u, accepted %d, "
                "over %d\n",
                j->text, j->kinds[SUBMIT], j->kinds[WATCH], j->kinds[CANCEL],
                j->kinds[REPEAT], j->kinds[LOGS], j->accepted, j->over);
        }
    }
}

static int run(struct load *l, const char *path)
{
    uint64_t told_ms = 0;

    go_on(l, path);
    l->begun_ms = now_ms();
    while (stopped < 2 && (!stopped || l->open > 0)) {
        submit_more(l);
        turn(l);
        if (now_ms() - told_ms >= 1000) {
            told_ms = now_ms();
            printf("made %llu done %llu open %u\n", (unsigned long long) l->made,
                   (unsigned long long) l->done, l->open);
            (void) fflush(stdout);
        }
    }
    tell_open(l);
    return l->open == 0 ? 0 : 1;
}

/* -- fetch ------------------------------------------------------------------------------
 */

static int fetch(struct load *l, unsigned seconds)
{
    uint64_t end_ms = now_ms() + seconds * UINT64_C(1000);
    char line[80];
    int more = 1;
    unsigned long n = 0;

    l->fetching = 1;
    while ((more || l->open > 0) && now_ms() < end_ms && !stopped) {
        while (more && l->open < l->window) {
            weft_id id;
            struct job *j;

            more = fgets(line, sizeof line, stdin) != NULL;
            line[strcspn(line, "\n")] = '\0';
            if (!more || weft_id_parse(line, &id) != 0) {
                continue;
            }
            j = job_of(l, &id);
            j->accepted = 1;
            also(j, WATCH);
            n++;
        }
        turn(l);
    }
    printf("fetched %lu, %u have no outcome\n", n - l->open, l->open);
    return l->open == 0 && !more ? 0 : 1;
}

/* -- main -------------------------------------------------------------------------------
 */

static enum weft_class class_of(const char *name)
{
    return strcmp(name, "durable") == 0 ? WEFT_CLASS_DURABLE
           : strcmp(name, "fast") == 0  ? WEFT_CLASS_FAST
                                        : WEFT_CLASS_BEST;
}

int main(int argc, char **argv)
{
    struct weft_options options = WEFT_OPTIONS_INIT;
    struct load l = {.window = 64};
    const struct sigaction on = {.sa_handler = on_signal};
    char why[256];
    int rc, fetching = argc == 4 && strcmp(argv[1], "fetch") == 0;

    if (!fetching && !(argc == 7 && strcmp(argv[1], "run") == 0)) {
        (void) fprintf(
            stderr, "usage: torture-load run STORY CAPABILITY CLASS WINDOW PER_SECOND\n"
                    "       torture-load fetch STORY SECONDS < IDS\n");
        return 2;
    }
    (void) sigaction(SIGTERM, &on, NULL);
    l.story = story_open(argv[2]);
    l.jobs = wf_map_new(JOBS_MAX, 1);
    if (l.story < 0 || l.jobs == NULL) {
        die(argv[2], "cannot be opened");
    }
    options.mode = WEFT_MODE_LOOP;
    options.connect_ms = 0;
    options.software = "torture";
    if (weft_open(&options, &l.client, why, sizeof why) != 0) {
        die("connect", why);
    }
    if (fetching) {
        rc = fetch(&l, (unsigned) atoi(argv[3]));
    } else {
        l.capability = argv[3];
        l.job_class = class_of(argv[4]);
        l.window = (unsigned) atoi(argv[5]);
        l.per_second = (unsigned) atoi(argv[6]);
        rc = run(&l, argv[2]);
    }
    (void) fflush(stdout);
    weft_close(l.client);
    /* The rest ends with the process. */
    return rc;
}
