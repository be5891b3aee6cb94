/* check.c - read histories, print the verdict
 *
 *     weft-check [--open | --accepted] [--superseded N] STORY...
 *
 * Exit code 0 when nothing was lost, divergent or duplicate.  --open lists the jobs that
 * were accepted and have no outcome, --accepted all that were accepted, and judge
 * nothing.
 */
#include "common/err.h"
#include "proto/msg.h"
#include "tests/lib/verdict.h"
#include "tests/torture/story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOBS_MAX (1u << 24)

struct reader {
    struct verdict *v;
    int list_accepted;
    unsigned long damaged, torn;
};

static void tell(void *arg, const char *line)
{
    (void) arg;
    printf("%s\n", line);
}

static int take_outcome(struct verdict *v, const struct wf_id *id,
                        const struct story_line *l)
{
    const uint64_t *n = l->number;
    const struct verdict_end end = {
        (unsigned) n[0], (unsigned) n[1], (unsigned) n[2], n[3], n[4], n[5] != 0};

    return verdict_outcome(v, id, &end);
}

static int take(struct reader *r, const struct story_line *l, const struct wf_id *id)
{
    const char *k = l->kind;

    if (strcmp(k, "accepted") == 0) {
        if (r->list_accepted && l->number[0] != 0) {
            printf("%s\n", l->id);
        }
        return verdict_accepted(r->v, id, l->number[0] != 0);
    }
    if (strcmp(k, "outcome") == 0) {
        return take_outcome(r->v, id, l);
    }
    if (strcmp(k, "start") == 0) {
        return verdict_started(r->v, id, (unsigned) l->number[0], l->number[1]);
    }
    if (strcmp(k, "fired") == 0) {
        return verdict_fired(r->v, id, l->number[0]);
    }
    if (strcmp(k, "refused") == 0) {
        return verdict_refused(r->v, id);
    }
    if (strcmp(k, "denied") == 0) {
        return verdict_denied(r->v, id);
    }
    if (strcmp(k, "damaged") == 0) {
        printf("job %s: the payload of attempt %u was damaged\n", l->id,
               (unsigned) l->number[0]);
        r->damaged++;
    }
    return 0;
}

static void read_story(struct reader *r, const char *path)
{
    FILE *f = fopen(path, "r");
    char text[512];
    int rc = 0;

    if (f == NULL) {
        perror(path);
        exit(2);
    }
    while (rc == 0 && fgets(text, sizeof text, f) != NULL) {
        struct story_line line;
        struct wf_id id;

        if (story_parse(text, &line) != 0 || wf_id_parse(line.id, &id) != 0) {
            r->torn++;
            continue;
        }
        rc = take(r, &line, &id);
    }
    (void) fclose(f);
    if (rc != 0) {
        (void) fprintf(stderr, "weft-check: %s: %s\n", path,
                       rc == WEFT_EFULL ? "absurdly much of one job" : "out of memory");
        exit(2);
    }
}

static int judge(struct reader *r)
{
    struct verdict_counts c;
    char line[200];

    verdict_judge(r->v, &c);
    verdict_line(&c, line, sizeof line);
    if (r->torn != 0) {
        printf("%lu lines are not whole\n", r->torn);
    }
    printf("%s\n", line);
    return verdict_is_good(&c) && r->damaged == 0 ? 0 : 1;
}

static void list_open(const struct verdict *v)
{
    const struct wf_id *id;
    size_t it = 0;
    char text[WF_ID_TEXT];

    while ((id = verdict_next_open(v, &it)) != NULL) {
        printf("%s\n", wf_id_text(id, text));
    }
}

int main(int argc, char **argv)
{
    struct reader r = {.v = verdict_new(JOBS_MAX, tell, NULL)};
    int open = 0, i = 1, rc = 0;

    if (r.v == NULL) {
        return 2;
    }
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--superseded") == 0 && i + 1 < argc) {
            verdict_superseded(r.v, strtoull(argv[++i], NULL, 10));
        } else if (strcmp(argv[i], "--open") == 0) {
            open = 1;
        } else if (strcmp(argv[i], "--accepted") == 0) {
            r.list_accepted = 1;
        } else {
            (void) fprintf(stderr,
                           "usage: weft-check [--open | --accepted] [--superseded N] "
                           "STORY...\n");
            return 2;
        }
    }
    verdict_expect_runs(r.v);
    for (; i < argc; i++) {
        read_story(&r, argv[i]);
    }
    if (open) {
        list_open(r.v);
    } else if (!r.list_accepted) {
        rc = judge(&r);
    }
    verdict_free(r.v);
    return rc;
}
