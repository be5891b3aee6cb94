/* map.c - weft map: brokers, the links between them, and agents as a tree */
#include <inttypes.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/tool/clock.h"
#include "cli/tool/fmt.h"
#include "cli/tool/intr.h"
#include "cli/view/map.h"
#include "cli/view/node.h"
#include "cli/view/watch.h"

#define MAP_WAIT_MS 60000 /* of --wait, without --timeout */

struct map_args {
    const char *wait, *filter;
    uint64_t min, brokers, interval_ms; /* min, brokers: 0 when not given */
    int watch, sites, dot;
};

static const struct map_args defaults = {.interval_ms = WATCH_MS};

#define AT(field) offsetof(struct map_args, field)

static const struct opt opts[] = {
    {"filter", 'f', OPT_TEXT, "NEEDS", AT(filter), 0, 0,
     "only agents where this holds: site=lyon,tier!=cloud"},
    {"sites", 's', OPT_FLAG, NULL, AT(sites), 0, 0, "brokers and their links, no agents"},
    {"dot", 0, OPT_FLAG, NULL, AT(dot), 0, 0,
     "a picture for graphviz: weft map --dot | dot -Tsvg"},
    {"watch", 'w', OPT_FLAG, NULL, AT(watch), 0, 0, "refresh in place; q quits"},
    {"interval", 'i', OPT_TIME, "TIME", AT(interval_ms), 100, 0,
     "between refreshes (default 1s)"},
    {"wait", 0, OPT_CHOICE, "up|drained|offline|lost", AT(wait), 0, 0,
     "wait until all agents shown are in this state; exit 10 when they are not within "
     "--timeout (default 1m)"},
    {"min", 0, OPT_UINT, "N", AT(min), 1, 0,
     "with --wait: and there are at least N of them (default 1; 0 with --brokers)"},
    {"brokers", 0, OPT_UINT, "N", AT(brokers), 1, 0,
     "with --wait: and at least N brokers are up, this one included"},
};

static int draw(struct cli *cli, void *arg)
{
    const struct map_args *args = arg;
    struct map map = {0};
    int rc = map_get(cli, args->filter, &map);

    if (rc == CLI_OK) {
        if (args->sites) {
            map_drop_agents(&map);
        }
        (args->dot ? map_dot : cli->json ? map_json : map_print)(cli, &map);
    }
    map_fini(&map);
    return rc;
}

/* How many agents are there, and how many in the state waited for. */
static void tally(const struct map_args *args, const struct map *map, size_t *ret_all,
                  size_t *ret_in)
{
    *ret_all = *ret_in = 0;
    for (size_t i = 0; i < map->nnodes; i++) {
        /* A revoked agent never comes back: nobody waits for it. */
        if (node_is_agent(&map->nodes[i]) &&
            strcmp(map->nodes[i].state, "revoked") != 0) {
            ++*ret_all;
            *ret_in += strcmp(map->nodes[i].state, args->wait) == 0;
        }
    }
}

/* What is waited for, with defaults filled in, and what is there. */
struct goal {
    uint64_t min, brokers;
    size_t all, in, up;
};

static int is_met(const struct goal *goal)
{
    return goal->in == goal->all && goal->in >= goal->min && goal->up >= goal->brokers;
}

static int unmet(struct cli *cli, const struct map_args *args, const struct goal *goal,
                 uint64_t limit_ms)
{
    char brokers[80] = "";

    if (goal->brokers > 0) {
        snprintf(brokers, sizeof(brokers), "; %zu brokers are up, wanted %" PRIu64,
                 goal->up, goal->brokers);
    }
    cli_fail_next(
        cli, WEFT_ETIMEOUT, "`weft map` shows the others",
        "%zu of %zu agents are %s after %s, wanted all and at least %" PRIu64 "%s",
        goal->in, goal->all, args->wait, fmt_ms(limit_ms).s, goal->min, brokers);
    return CLI_UNMET;
}

static int wait_for(struct cli *cli, struct map_args *args)
{
    const uint64_t limit = cli->timeout_ms > 0 ? cli->timeout_ms : MAP_WAIT_MS;
    const uint64_t end = clock_ms() + limit;
    struct goal goal = {
        .min = args->min > 0 || args->brokers > 0 ? args->min : 1,
        .brokers = args->brokers,
    };

    intr_install();
    for (;;) {
        struct map map = {0};
        int rc = map_get(cli, args->filter, &map);

        if (rc == CLI_OK) {
            tally(args, &map, &goal.all, &goal.in);
            goal.up = map_brokers_up(&map);
        }
        map_fini(&map);
        if (rc != CLI_OK) {
            return rc;
        }
        if (is_met(&goal)) {
            return draw(cli, args);
        }
        if (intr_count() > 0) {
            return CLI_INTERRUPTED;
        }
        if (clock_ms() >= end) {
            return unmet(cli, args, &goal, limit);
        }
        cli_turn(cli, INTR_POLL_MS, -1);
    }
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    struct map_args args = *(const struct map_args *) args_;
    int rc;

    (void) n;
    (void) operands;
    if (args.brokers > 0 && args.wait == NULL) {
        return cli_usage(cli, "--brokers belongs to --wait");
    }
    if (args.dot && (cli->json || args.watch)) {
        return cli_usage(cli, "--dot goes with neither --json nor --watch");
    }
    rc = cli_connect(cli);
    if (rc == CLI_OK && args.wait != NULL) {
        rc = wait_for(cli, &args);
    }
    if (rc == CLI_OK && args.watch) {
        return watch_loop(cli, args.interval_ms, draw, &args);
    }
    return rc == CLI_OK && args.wait == NULL ? draw(cli, &args) : rc;
}

const struct cmd cmd_map = {
    .name = "map",
    .group = "Mesh",
    .operands = "",
    .summary = "Draw the mesh: brokers, their links and agents; state, load, age",
    .details =
        "  weft map --watch\n"
        "  weft map --wait=up --min 3 --timeout 30s && weft submit ...\n"
        "  weft map --wait=up --brokers 3           three sites see each other\n"
        "  weft map --sites --dot | dot -Tsvg > mesh.svg\n"
        "\n"
        "Below each broker stand its links to others, as it measured them, and below "
        "the\n"
        "one that is asked its agents; `weft -C SITE map` shows those of another site.\n"
        "RTT is between us and the broker, from there to each agent and other broker "
        "(~: a\n"
        "guess, no link measures it), and of each link; MBIT/S is to the other end and "
        "back,\n"
        "where something measured it.  HEARD is how long ago the broker heard of it: the "
        "age\n"
        "of what is shown.  A broker that nothing leads to now is cut off, and its row "
        "is "
        "what\n"
        "it said last.  CLASSES are the slots of each node class of a site, and what one "
        "costs\n"
        "by its price book.\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct map_args),
    .defaults = &defaults,
    .run = run,
};
