/* driver.c - a client that the end-to-end tests watch and kill
 *
 *     driver storm N CAPABILITY     N jobs at once; counts the outcomes of each
 *     driver persist N CAPABILITY   as storm, and comes back when the broker is busy
 *     driver load N CAPABILITY      N at a time until SIGTERM, then as storm
 *     driver abandon N CAPABILITY   prints the ids of N accepted jobs, then waits
 *     driver fetch < IDS            the outcomes of jobs that another process submitted
 *
 * The capability's handler answers with "ID ATTEMPT" of its run, which is compared with
 * what the outcome says.  With DRIVER_FAST in the environment jobs are of class fast.
 * Lines on stdout are for the test to wait for.
 */
#include <weft/weft.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRESS 50         /* outcomes between two lines of it */
#define PAYLOAD  "describe" /* what tests/lib/worker answers with the same */

struct entry {
    weft_id id;
    weft_future *future;
    struct driver *driver;
    unsigned ends; /* how often its callback ran */
};

struct driver {
    weft_client *client;
    const char *capability;
    struct entry *entries;
    size_t n;
    int persist, load;
    pthread_mutex_t mutex; /* for what is below: callbacks run on another thread */
    pthread_cond_t cond;
    size_t ended, ok, wrong, retried, again;
    size_t submitted, twice;
    struct entry **idle; /* to be submitted again */
    size_t nidle;
};

static volatile sig_atomic_t stopped;

static void on_signal(int signum)
{
    (void) signum;
    stopped = 1;
}

static void die(const char *what, const char *why)
{
    (void) fflush(stdout);
    (void) fprintf(stderr, "driver: %s: %s\n", what, why);
    exit(1);
}

static weft_client *open_client(void)
{
    struct weft_options options = WEFT_OPTIONS_INIT;
    weft_client *client;
    char why[256];

    options.software = "driver";
    if (weft_open(&options, &client, why, sizeof why) != 0) {
        die("connect", why);
    }
    return client;
}

/* The handler said which attempt of which job it was. */
static int is_right(const struct entry *e, const struct weft_outcome *o)
{
    char id[WEFT_ID_TEXT], want[WEFT_ID_TEXT + 16];

    weft_id_text(&e->id, id);
    (void) snprintf(want, sizeof want, "%s %u", id, o->attempt);
    return memcmp(&o->id, &e->id, sizeof e->id) == 0 && o->len >= strlen(want) &&
           memcmp(o->data, want, strlen(want)) == 0;
}

/* Called with the mutex held. */
static void judge(struct driver *d, struct entry *e)
{
    const struct weft_outcome *o = weft_future_outcome(e->future);
    char id[WEFT_ID_TEXT];

    d->ended++;
    if (o == NULL) {
        int code = weft_future_error(e->future);

        weft_id_text(&e->id, id);
        printf("error %s %s: %s\n", id, weft_errname(code), weft_future_text(e->future));
    } else {
        d->ok += o->state == WEFT_JOB_OK;
        d->retried += o->attempt > 1;
        d->wrong += o->state == WEFT_JOB_OK && !is_right(e, o);
    }
    if (d->ended % PROGRESS == 0) {
        printf("ended %zu\n", d->ended);
        (void) fflush(stdout);
    }
}

static void on_done(weft_future *future, void *arg)
{
    struct entry *e = arg;
    struct driver *d = e->driver;

    (void) pthread_mutex_lock(&d->mutex);
    if (d->persist && weft_future_error(future) == WEFT_EBUSY &&
        weft_future_retry_ms(future) > 0) {
        d->again++;
        d->idle[d->nidle++] = e;
    } else {
        d->twice += e->ends++ > 0;
        judge(d, e);
        if (d->load) {
            d->idle[d->nidle++] = e;
        }
    }
    (void) pthread_cond_signal(&d->cond);
    (void) pthread_mutex_unlock(&d->mutex);
}

static void submit(struct driver *d, struct entry *e)
{
    struct weft_job job = WEFT_JOB_INIT;

    job.id = e->id;
    job.capability = d->capability;
    job.payload = PAYLOAD;
    job.payload_len = sizeof PAYLOAD - 1;
    if (getenv("DRIVER_FAST") != NULL) {
        job.job_class = WEFT_CLASS_FAST;
    }
    if (weft_submit(d->client, &job, &e->future) != 0) {
        die("submit", "refused by the library");
    }
}

static void submit_all(struct driver *d)
{
    for (size_t i = 0; i < d->n; i++) {
        d->entries[i].driver = d;
        weft_id_random(&d->entries[i].id);
        submit(d, &d->entries[i]);
    }
    d->submitted = d->n;
    printf("submitted %zu\n", d->n);
    (void) fflush(stdout);
}

/* Submit again what was refused, after the time that the broker named for the first; or,
 * for a load, the next jobs in the place of those that are over. */
static void submit_again(struct driver *d)
{
    size_t n = d->nidle;
    uint64_t wait_ms = weft_future_retry_ms(d->idle[0]->future);

    (void) pthread_mutex_unlock(&d->mutex);
    if (wait_ms > 5000) {
        die("retry", "the broker names an absurd time");
    }
    (void) usleep((useconds_t) wait_ms * 1000);
    (void) pthread_mutex_lock(&d->mutex);
    while (n-- > 0) {
        struct entry *e = d->idle[--d->nidle];

        weft_future_free(e->future);
        if (d->load) {
            weft_id_random(&e->id);
            e->ends = 0;
            d->submitted++;
        }
        submit(d, e);
        /* A future that is done calls back at once, and needs the lock. */
        (void) pthread_mutex_unlock(&d->mutex);
        weft_future_then(e->future, on_done, e);
        (void) pthread_mutex_lock(&d->mutex);
    }
}

static void await_all(struct driver *d)
{
    (void) pthread_mutex_lock(&d->mutex);
    while (d->ended < d->submitted || (d->load && !stopped)) {
        if (d->nidle > 0 && !stopped) {
            submit_again(d);
        } else {
            struct timespec until;

            (void) clock_gettime(CLOCK_REALTIME, &until);
            until.tv_sec++;
            (void) pthread_cond_timedwait(&d->cond, &d->mutex, &until);
        }
    }
    (void) pthread_mutex_unlock(&d->mutex);
}

static int storm(struct driver *d)
{
    size_t none = 0;

    (void) signal(SIGTERM, on_signal);
    submit_all(d);
    for (size_t i = 0; i < d->n; i++) {
        weft_future_then(d->entries[i].future, on_done, &d->entries[i]);
    }
    await_all(d);
    /* Closing ends what is still open: nothing may be. */
    weft_close(d->client);
    for (size_t i = 0; i < d->n; i++) {
        none += d->entries[i].ends == 0;
        weft_future_free(d->entries[i].future);
    }
    printf("outcomes=%zu ok=%zu twice=%zu none=%zu wrong=%zu\n", d->ended, d->ok,
           d->twice, none, d->wrong);
    printf("retried=%zu\nbusy=%zu\n", d->retried, d->again);
    free(d->entries);
    free(d->idle);
    return d->ok == d->submitted && d->twice == 0 && none == 0 && d->wrong == 0 ? 0 : 1;
}

static _Noreturn void abandon(struct driver *d)
{
    char id[WEFT_ID_TEXT];

    submit_all(d);
    for (size_t i = 0; i < d->n; i++) {
        if (weft_future_wait(d->entries[i].future, WEFT_UNTIL_ACCEPTED, 20000) != 0) {
            die("accepted", weft_future_text(d->entries[i].future));
        }
        weft_id_text(&d->entries[i].id, id);
        printf("id %s\n", id);
    }
    printf("accepted %zu\n", d->n);
    (void) fflush(stdout);
    for (;;) {
        (void) pause();
    }
}

static int fetch(struct driver *d)
{
    size_t n = 0, ok = 0;
    char line[80];

    while (fgets(line, sizeof line, stdin) != NULL) {
        struct entry e = {.driver = d};
        const struct weft_outcome *o;

        line[strcspn(line, "\n")] = '\0';
        if (weft_id_parse(line, &e.id) != 0 ||
            weft_watch(d->client, &e.id, NULL, NULL, NULL, &e.future) != 0) {
            die("watch", line);
        }
        n++;
        if (weft_future_wait(e.future, WEFT_UNTIL_DONE, 20000) != 0) {
            die(line, weft_future_text(e.future));
        }
        o = weft_future_outcome(e.future);
        ok += o != NULL && o->state == WEFT_JOB_OK && is_right(&e, o);
        weft_future_free(e.future);
    }
    weft_close(d->client);
    printf("fetched=%zu ok=%zu\n", n, ok);
    return ok == n ? 0 : 1;
}

static int usage(void)
{
    (void) fprintf(stderr,
                   "usage: driver storm|persist|load|abandon N CAPABILITY | fetch\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct driver d = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                       .cond = PTHREAD_COND_INITIALIZER};

    if (argc == 2 && strcmp(argv[1], "fetch") == 0) {
        d.client = open_client();
        return fetch(&d);
    }
    if (argc != 4) {
        return usage();
    }
    d.n = strtoul(argv[2], NULL, 10);
    d.capability = argv[3];
    d.entries = calloc(d.n, sizeof *d.entries);
    d.idle = calloc(d.n, sizeof(struct entry *));
    if (d.n == 0 || d.entries == NULL || d.idle == NULL) {
        return usage();
    }
    d.client = open_client();
    d.persist = strcmp(argv[1], "persist") == 0;
    d.load = strcmp(argv[1], "load") == 0;
    if (strcmp(argv[1], "abandon") == 0) {
        abandon(&d);
    }
    return storm(&d);
}
