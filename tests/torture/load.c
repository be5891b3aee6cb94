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
 * jobs once more, by id; exit code 1 when one has none after SECONDS.  With TORTURE_SITE
 * in the environment there are several brokers, and what one denies another may know.
 */
#include "tests/torture/calls.h"
#include "tests/torture/story.h"
#include "tests/torture/work.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOBS_MAX (1u << 22)

static volatile sig_atomic_t stopped;

static void on_signal(int signum)
{
    (void) signum;
    stopped++;
}

/* -- run --------------------------------------------------------------------------------
 */

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
            job_call(j, WATCH);
        } else if (!forgets || j->id.bytes[8] % 2 == 0) {
            job_begin(j);
        }
    }
}

static void submit_more(struct load *l)
{
    uint64_t may = (now_ms() - l->begun_ms) * l->per_second / 1000;

    while (!stopped && l->open < l->window && l->credit < may) {
        weft_id id;

        weft_id_random(&id);
        job_begin(job_of(l, &id));
        l->made++;
        l->credit++;
    }
    /* Time that was lost is not made up for. */
    if (l->credit + l->window < may) {
        l->credit = may - l->window;
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
    calls_due(l);
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
            job_call(j, WATCH);
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
    struct load l = {.window = 64, .stopped = &stopped};
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
    l.is_site = getenv("TORTURE_SITE") != NULL;
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
    jobs_free(&l);
    return rc;
}
