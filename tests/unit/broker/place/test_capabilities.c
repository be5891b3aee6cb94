#include "broker/core/place/capabilities.h"

#include "common/err.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

#define JOBS 200

struct bench {
    struct capabilities caps;
    struct capability *echo;
    struct jobs jobs;
    unsigned n;
};

static void open_bench(struct bench *b)
{
    *b = (struct bench){.n = 0};
    must(capabilities_init(&b->caps, 3, NULL, 1) == 0);
    must(capabilities_need(&b->caps, wf_slice_of("echo"), &b->echo) == 0);
    must(jobs_init(&b->jobs, JOBS, 100, 1) == 0);
}

static void close_bench(struct bench *b)
{
    jobs_fini(&b->jobs);
    capabilities_fini(&b->caps);
}

/* A queued job; picky ones want a node. */
static struct job *queue(struct bench *b, unsigned priority, const char *pin, int first)
{
    struct wf_submit m = {.node = wf_slice_of(pin)};
    struct job *j = NULL;

    memcpy(m.job.b, &b->n, sizeof b->n);
    b->n++;
    must(jobs_add(&b->jobs, &m, NULL, &j) == 0);
    job_move(&b->jobs, j, WF_JOB_QUEUED);
    j->priority = priority;
    capability_enqueue(b->echo, j, first);
    return j;
}

static int fits_all(const struct job *j, void *arg)
{
    (void) arg;
    return j != NULL;
}

/* Only jobs for the node named. */
static int fits_node(const struct job *j, void *arg)
{
    return strcmp(j->pin, arg) == 0;
}

static int fits_none(const struct job *j, void *arg)
{
    (void) arg;
    return j == NULL;
}

static void is_made_once(void)
{
    struct capability *a, *b;
    struct bench x;

    open_bench(&x);
    must(capabilities_need(&x.caps, wf_slice_of("echo"), &a) == 0);
    ok(a == x.echo && capabilities_get(&x.caps, wf_slice_of("echo")) == a, "once");
    ok(capabilities_get(&x.caps, wf_slice_of("ech")) == NULL, "by its whole name");
    must(capabilities_need(&x.caps, wf_slice_of("b"), &b) == 0);
    must(capabilities_need(&x.caps, wf_slice_of("c"), &b) == 0);
    is_int(capabilities_need(&x.caps, wf_slice_of("d"), &b), WEFT_EFULL, "bounded");
    close_bench(&x);
}

static void keeps_order(void)
{
    struct job *a, *b, *picky, *c;
    struct bench x;

    open_bench(&x);
    a = queue(&x, 4, "", 0);
    picky = queue(&x, 4, "n1", 0);
    b = queue(&x, 4, "", 0);
    c = queue(&x, 9, "", 0);
    is_int(x.echo->nready, 4, "four wait");
    ok(capability_pick(x.echo, 9, fits_all, NULL) == c, "each priority for itself");
    ok(capability_pick(x.echo, 4, fits_all, NULL) == a, "the oldest first");
    capability_dequeue(x.echo, a);
    ok(capability_pick(x.echo, 4, fits_all, NULL) == picky, "picky or not");
    capability_dequeue(x.echo, picky);
    ok(capability_pick(x.echo, 4, fits_all, NULL) == b, "then the younger");
    capability_enqueue(x.echo, a, 1);
    ok(capability_pick(x.echo, 4, fits_all, NULL) == a, "a retried one goes first");
    ok(capability_pick(x.echo, 4, fits_none, NULL) == NULL, "none may fit");
    ok(capability_pick(x.echo, 0, fits_all, NULL) == NULL, "none may be there");
    capability_dequeue(x.echo, a);
    capability_dequeue(x.echo, a);
    is_int(x.echo->nready, 2, "to take one out twice is harmless");
    close_bench(&x);
}

static void passes_by(void)
{
    struct job *wanted, *got = NULL;
    struct bench x;
    char node[] = "n2";
    unsigned tries = 0;

    open_bench(&x);
    for (unsigned i = 0; i < 150; i++) {
        (void) queue(&x, 4, "n1", 0);
    }
    wanted = queue(&x, 4, "n2", 0);
    while (got == NULL && tries < 10) {
        got = capability_pick(x.echo, 4, fits_node, node);
        tries++;
    }
    ok(got == wanted, "behind many others that do not fit, one is found");
    ok(tries > 1 && tries <= 4, "after a few bounded looks: %u", tries);
    close_bench(&x);
}

int main(void)
{
    is_made_once();
    keeps_order();
    passes_by();
    return done();
}
