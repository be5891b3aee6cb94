/* weft-scale: many brokers with many agents, with the real cores
 *
 * Lives through the same jobs once for each mode (world.h) and prints one JSON object.
 * Exit: 0 when all jobs came to an end, all brokers knew all others and no link broke; 1
 * when not, or when the processor's time was up.
 */
#include "tests/sim/scale/report.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRAIN_NS   (3600 * EV_S)
#define MMAP_BYTES (128 << 10)

static int usage(void)
{
    fprintf(stderr,
            "usage: weft-scale [--brokers N] [--agents N] [--warm S] [--seconds S]\n"
            "                  [--load PM] [--changes N] [--modes digests,truth,alone]\n"
            "                  [--seed S] [--keys] [--limit S]\n"
            "  --agents   a broker, in the mean; 100\n"
            "  --warm     seconds until jobs come; 20\n"
            "  --seconds  while they come; 60\n"
            "  --load     of all slots, per mille; 700\n"
            "  --changes  that are followed until all brokers know; 10\n"
            "  --keys     all brokers are told the keys of all agents\n"
            "  --limit    seconds of processor for a mode; 1800\n");
    return 2;
}

/* 1 when the argument is a number in the range. */
static int number(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
    char *end;
    unsigned long long v = strtoull(text, &end, 10);

    *ret = v;
    return end != text && *end == '\0' && v >= min && v <= max;
}

static int modes_of(const char *text, unsigned *ret_modes)
{
    *ret_modes = 0;
    while (*text != '\0') {
        const size_t len = strcspn(text, ",");
        unsigned m = 0;

        while (m < WORLD_MODES && (strlen(report_modes[m]) != len ||
                                   memcmp(report_modes[m], text, len) != 0)) {
            m++;
        }
        if (m == WORLD_MODES) {
            return 0;
        }
        *ret_modes |= 1u << m;
        text += len + (text[len] == ',');
    }
    return *ret_modes != 0;
}

static int option(const char *name, const char *text, struct options *o, unsigned *modes)
{
    const struct {
        const char *name;
        unsigned *to;
        uint64_t min, max;
    } numbers[] = {{"--brokers", &o->brokers, 2, WORLD_BROKERS_MAX},
                   {"--agents", &o->agents, 1, 2000},
                   {"--warm", &o->warm_s, 1, 3600},
                   {"--seconds", &o->seconds, 1, 3600},
                   {"--load", &o->load_pm, 1, 2000},
                   {"--changes", &o->follow, 0, 1000},
                   {"--limit", &o->limit_s, 1, 86400}};
    uint64_t v;

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (strcmp(name, numbers[i].name) == 0 &&
            number(text, numbers[i].min, numbers[i].max, &v)) {
            *numbers[i].to = (unsigned) v;
            return 1;
        }
    }
    if (strcmp(name, "--seed") == 0) {
        return number(text, 0, UINT64_MAX, &o->seed);
    }
    return strcmp(name, "--modes") == 0 && modes_of(text, modes);
}

static int parse(int argc, char **argv, struct options *o, unsigned *modes)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--keys") == 0) {
            o->keys = 1;
            continue;
        }
        if (i + 1 == argc || !option(argv[i], argv[i + 1], o, modes)) {
            return -1;
        }
        i++;
    }
    return 0;
}

/* Until every broker knows every other, or jobs are to come. */
static int meet(struct world *w, struct lived *l)
{
    const uint64_t began_ns = w->ev.now_ns;
    int goes_on = 1;

    for (unsigned s = 1; s <= w->o->warm_s && goes_on; s++) {
        goes_on = world_run(w, began_ns + s * EV_S);
        if (goes_on && s > 1 && l->known_s == 0 && world_knowing(w) == w->o->brokers) {
            l->known_s = s;
        }
    }
    return goes_on;
}

static int work(struct world *w)
{
    const unsigned changes = w->mode == WORLD_ALONE ? 0 : w->o->follow;
    const uint64_t began_ns = w->ev.now_ns, all_ns = w->o->seconds * EV_S;
    int goes_on = 1;

    world_begin_work(w);
    for (unsigned i = 0; i < changes && goes_on; i++) {
        world_change(w);
        goes_on = world_run(w, began_ns + all_ns * (i + 1) / (changes + 1));
    }
    return goes_on && world_run(w, began_ns + all_ns);
}

static int live(const struct options *o, enum world_mode mode, int last)
{
    struct lived l = {.whole = 1};
    struct world w;
    int held;

    world_new(&w, o, mode);
    w.began = clock();
    l.whole = meet(&w, &l);
    sums_take(&l.from, &w);
    l.whole = l.whole && work(&w);
    sums_take(&l.to, &w);
    l.whole = l.whole && world_run(&w, w.ev.now_ns + DRAIN_NS);
    held = report_mode(&w, &l, last);
    sums_free(&l.from);
    sums_free(&l.to);
    world_free(&w);
    return held;
}

int main(int argc, char **argv)
{
    struct options o = {.brokers = 10,
                        .agents = 100,
                        .warm_s = 20,
                        .seconds = 60,
                        .load_pm = 700,
                        .follow = 10,
                        .limit_s = 1800,
                        .seed = 1};
    unsigned modes = (1u << WORLD_MODES) - 1;
    int held = 1;

    if (parse(argc, argv, &o, &modes) != 0) {
        return usage();
    }
    /* What a core did not touch of a large table takes no memory: thousands are empty. */
    (void) mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
    printf("{\n  \"schema\":\"weft.eval_scale.v1\",\n"
           "  \"brokers\":%u,\"agents_a_broker\":%u,\"seconds\":%u,\"load_pm\":%u,"
           "\"seed\":%" PRIu64 ",\"keys\":%s,\n",
           o.brokers, o.agents, o.seconds, o.load_pm, o.seed, o.keys ? "true" : "false");
    for (unsigned m = 0; m < WORLD_MODES; m++) {
        if ((modes >> m & 1) != 0) {
            held &= live(&o, (enum world_mode) m, modes >> (m + 1) == 0);
            (void) fflush(stdout);
        }
    }
    printf("}\n");
    return held ? 0 : 1;
}
