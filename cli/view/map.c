#include "cli/view/map.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tool/fmt.h"
#include "cli/tool/mem.h"
#include "cli/tool/table.h"
#include "cli/tool/tree.h"
#include "cli/view/link.h"
#include "cli/view/node.h"

#define NOTES_MAX 4

/* -- what there is ---------------------------------------------------------------------
 */

static int is_cut(const struct weft_broker *broker)
{
    return strcmp(broker->state, "cut") == 0;
}

static int by_way(const void *a_, const void *b_)
{
    const struct weft_broker *a = a_, *b = b_;

    if (is_cut(a) != is_cut(b)) {
        return is_cut(a) - is_cut(b);
    }
    return a->hops != b->hops ? (a->hops > b->hops) - (a->hops < b->hops)
                              : strcmp(a->name, b->name);
}

int map_get(struct cli *cli, const char *filter, struct map *map)
{
    const int wait_ms = cli_wait_ms(cli);
    int rc = weft_status(cli->client, wait_ms, &map->status);

    if (rc == 0) {
        rc = weft_map(cli->client, wait_ms, &map->brokers, &map->nbrokers);
    }
    if (rc == 0) {
        rc = weft_map_links(cli->client, wait_ms, &map->links, &map->nlinks);
    }
    if (rc == 0) {
        rc = weft_nodes(cli->client, filter, wait_ms, &map->nodes, &map->nnodes);
    }
    if (rc < 0) {
        return cli_fail(cli, rc, "%s", filter != NULL ? filter : "");
    }
    node_sort(map->nodes, map->nnodes);
    if (map->nbrokers > 2) {
        qsort(map->brokers + 1, map->nbrokers - 1, sizeof(*map->brokers), by_way);
    }
    return CLI_OK;
}

void map_fini(struct map *map)
{
    weft_free(map->status);
    weft_rows_free(map->brokers);
    weft_rows_free(map->links);
    weft_rows_free(map->nodes);
    memset(map, 0, sizeof(*map));
}

void map_drop_agents(struct map *map)
{
    map->nnodes = 0;
}

size_t map_brokers_up(const struct map *map)
{
    size_t up = 0;

    for (size_t i = 0; i < map->nbrokers; i++) {
        up += !is_cut(&map->brokers[i]);
    }
    return up;
}

uint64_t map_cut_ms(const struct map *map, const struct weft_broker *broker)
{
    for (size_t i = 0; is_cut(broker) && i < map->nlinks; i++) {
        const struct weft_link *l = &map->links[i];

        if (!link_is_up(l) && strcmp(l->from, map->status->broker) == 0 &&
            strcmp(l->to, broker->name) == 0) {
            return l->state_ms;
        }
    }
    return 0;
}

/* -- classes of nodes ------------------------------------------------------------------
 */

#define HOUR 3600u

struct map_class {
    char name[65];
    uint64_t slots, pusd_s;
};

/* The one at `at`, and where the next begins; NULL: there is none. */
static const char *map_class(const char *at, struct map_class *ret)
{
    int end = 0;

    ret->name[0] = '\0';
    at += strspn(at, " ");
    if (*at != '=' && sscanf(at, "%64[^ =]%n", ret->name, &end) != 1) {
        return NULL;
    }
    at += end;
    end = 0;
    return sscanf(at, "=%" SCNu64 "@%" SCNu64 "%n", &ret->slots, &ret->pusd_s, &end) == 2
               ? at + end
               : NULL;
}

/* "gpu 4 at $0.32 an hour, plain 16": what a slot costs, where that is known. */
static void classes_cell(struct table *table, enum tint tint, const struct weft_broker *b)
{
    struct map_class class_;
    char text[512] = "";
    size_t len = 0;

    for (const char *at = b->classes; (at = map_class(at, &class_)) != NULL;) {
        const uint64_t hour =
            class_.pusd_s > UINT64_MAX / HOUR ? UINT64_MAX : class_.pusd_s * HOUR;
        const int n =
            snprintf(text + len, sizeof(text) - len, "%s%s %" PRIu64 "%s%s%s",
                     len > 0 ? ", " : "", class_.name[0] != '\0' ? class_.name : "other",
                     class_.slots, hour > 0 ? " at " : "",
                     hour > 0 ? fmt_usd(hour).s : "", hour > 0 ? "/h" : "");

        if (n < 0 || (size_t) n >= sizeof(text) - len) {
            text[len] = '\0';
            break;
        }
        len += (size_t) n;
    }
    table_cell(table, tint, "%s", text);
}

/* -- JSON ------------------------------------------------------------------------------
 */

static void broker_json(struct json *json, const struct map *map,
                        const struct weft_broker *b)
{
    struct map_class class_;

    json_object(json, NULL);
    json_text(json, "name", b->name);
    json_text(json, "key", b->key);
    json_text(json, "site", b->site);
    json_text(json, "state", b->state);
    json_uint(json, "cut_ms", map_cut_ms(map, b));
    json_uint(json, "age_ms", b->age_ms);
    json_text(json, "via", b->via);
    json_uint(json, "hops", b->hops);
    json_uint(json, "agents", b->agents);
    json_uint(json, "slots", b->slots);
    json_uint(json, "free", b->free);
    json_uint(json, "queued", b->queued);
    json_uint(json, "live", b->live);
    json_array(json, "classes");
    for (const char *at = b->classes; (at = map_class(at, &class_)) != NULL;) {
        json_object(json, NULL);
        json_text(json, "name", class_.name);
        json_uint(json, "slots", class_.slots);
        json_uint(json, "pusd_s", class_.pusd_s);
        json_close_object(json);
    }
    json_close_array(json);
    json_uint(json, "site_age_ms", b->site_age_ms);
    json_uint(json, "rtt_us", b->rtt_us);
    json_bool(json, "rtt_guessed", b->guessed);
    json_close_object(json);
}

void map_json(struct cli *cli, const struct map *map)
{
    struct json json;

    json_begin(&json, cli->out.f, "map");
    json_object(&json, "broker");
    json_text(&json, "name", map->status->broker);
    json_text(&json, "site", map->status->site);
    json_uint(&json, "up_ms", map->status->up_ms);
    json_uint(&json, "rtt_us", weft_rtt_us(cli->client));
    json_uint(&json, "slots", map->status->slots);
    json_uint(&json, "running", map->status->running);
    json_uint(&json, "queued", map->status->queued);
    json_close_object(&json);
    json_array(&json, "brokers");
    for (size_t i = 0; i < map->nbrokers; i++) {
        broker_json(&json, map, &map->brokers[i]);
    }
    json_close_array(&json);
    json_array(&json, "links");
    for (size_t i = 0; i < map->nlinks; i++) {
        json_object(&json, NULL);
        link_json(&json, &map->links[i]);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_array(&json, "nodes");
    for (size_t i = 0; i < map->nnodes; i++) {
        if (node_is_place(&map->nodes[i])) {
            json_object(&json, NULL);
            node_json(&json, &map->nodes[i]);
            json_close_object(&json);
        }
    }
    json_close_array(&json);
    json_end(&json);
}

/* -- the table -------------------------------------------------------------------------
 */

/* A row is one of these; its depth follows from that. */
struct row {
    const struct weft_broker *broker;
    const struct weft_link *link;
    const struct weft_node *node;
};

struct rows {
    struct row *v;
    unsigned *depths;
    size_t n;
};

static void add(struct rows *rows, struct row row)
{
    rows->depths[rows->n] = row.broker == NULL;
    rows->v[rows->n++] = row;
}

static void lay_out(const struct map *map, struct rows *rows)
{
    const size_t most = map->nbrokers + map->nlinks + map->nnodes + 1;

    rows->v = mem_calloc(most, sizeof(*rows->v));
    rows->depths = mem_calloc(most, sizeof(*rows->depths));
    for (size_t i = 0; i < map->nbrokers; i++) {
        add(rows, (struct row){.broker = &map->brokers[i]});
        for (size_t l = 0; l < map->nlinks && rows->n < most; l++) {
            if (strcmp(map->links[l].from, map->brokers[i].name) == 0) {
                add(rows, (struct row){.link = &map->links[l]});
            }
        }
        for (size_t k = 0; i == 0 && k < map->nnodes; k++) {
            if (node_is_agent(&map->nodes[k])) {
                add(rows, (struct row){.node = &map->nodes[k]});
            }
        }
    }
}

static struct fmt broker_state(const struct map *map, const struct weft_broker *b)
{
    const uint64_t cut_ms = map_cut_ms(map, b);
    struct fmt text = {"up"};

    if (is_cut(b)) {
        snprintf(text.s, sizeof(text.s), "cut off%s%.20s", cut_ms > 0 ? " " : "",
                 cut_ms > 0 ? fmt_ms(cut_ms).s : "");
    } else if (b == map->brokers && map->status->draining) {
        snprintf(text.s, sizeof(text.s), "draining");
    }
    return text;
}

/* "2 via lyon": links to it, and the first broker on the way. */
static void way_cell(struct table *table, const struct weft_broker *b)
{
    if (b->hops > 1) {
        table_cell(table, TINT_NONE, "%u via %s", b->hops, b->via);
    } else {
        table_cell(table, TINT_NONE, "%s", "");
    }
}

static void broker_row(struct cli *cli, struct table *table, const struct map *map,
                       const struct weft_broker *b)
{
    const int self = b == map->brokers, cut = is_cut(b);
    const enum tint tint = cut ? TINT_DIM : TINT_NONE;
    const uint64_t used = b->slots - (b->free < b->slots ? b->free : b->slots);

    table_cell(table, TINT_BOLD, "%s", b->name);
    table_cell(table,
               cut                                  ? TINT_BAD
               : self && map->status->draining != 0 ? TINT_WARN
                                                    : TINT_GOOD,
               "%s", broker_state(map, b).s);
    table_cell(table, tint, "%s%s", !self && b->guessed ? "~" : "",
               self             ? fmt_us(weft_rtt_us(cli->client)).s
               : b->rtt_us != 0 ? fmt_us(b->rtt_us).s
                                : "");
    table_cell(table, tint, "%s", "");
    table_cell(table, tint, "%s", "");
    table_cell(table, tint, "%s", "");
    table_cell(table, tint, "%s", "");
    table_cell(table, tint, "%" PRIu64 "/%" PRIu64, used, b->slots);
    table_cell(table, b->queued > 0 && !cut ? TINT_WARN : tint, "%" PRIu64, b->queued);
    table_cell(table, cut ? TINT_WARN : TINT_NONE, "%s",
               self                    ? "now"
               : cut && b->age_ms == 0 ? "never"
                                       : fmt_ms(b->age_ms).s);
    way_cell(table, b);
    table_cell(table, tint, "broker");
    table_cell(table, tint, "%s", b->site);
    table_cell(table, tint, "%s", "");
    classes_cell(table, tint, b);
}

static void link_row(struct table *table, const struct map *map,
                     const struct weft_link *l, const char *prefix, const char *arrow)
{
    const int own = strcmp(l->from, map->status->broker) == 0;
    const enum tint tint = link_is_up(l) ? TINT_NONE : TINT_DIM;

    table_cell(table, TINT_NONE, "%s%s %s", prefix, arrow, l->to);
    table_cell(table,
               link_is_up(l) ? TINT_GOOD
               : own         ? TINT_BAD
                             : TINT_DIM,
               "%s", link_state(l, map->status->broker).s);
    table_cell(table, tint, "%s", l->rtt_us > 0 ? fmt_us(l->rtt_us).s : "");
    table_cell(table, tint, "%s", l->rtt_us > 0 ? fmt_us(l->jitter_us).s : "");
    table_cell(table, l->loss_permille > 0 ? TINT_WARN : tint, "%s", link_loss(l).s);
    table_cell(table, tint, "%s", link_mbits(l).s);
    for (unsigned i = 0; i < 3; i++) {
        table_cell(table, tint, "%s", "");
    }
    table_cell(table, link_is_up(l) ? TINT_NONE : TINT_WARN, "%s", fmt_ms(l->age_ms).s);
    table_cell(table, tint, "%s", "");
    table_cell(table, tint, "link");
    for (unsigned i = 0; i < 3; i++) {
        table_cell(table, tint, "%s", "");
    }
}

static void node_row(struct table *table, const struct weft_node *node,
                     const char *prefix)
{
    int here = node_is_up(node) || strncmp(node->state, "drain", 5) == 0;
    enum tint tint = here ? TINT_NONE : TINT_DIM;

    table_cell(table, TINT_NONE, "%s%s", prefix, node->name);
    table_cell(table, node_tint(node->state), "%s", node_state(node).s);
    table_cell(table, tint, "%s", node->rtt_us > 0 ? fmt_us(node->rtt_us).s : "");
    table_cell(table, tint, "%s", node->rtt_us > 0 ? fmt_us(node->jitter_us).s : "");
    table_cell(table, tint, "%s", "");
    table_cell(table, tint, "%s", "");
    table_cell(table, here && node->cpu_permille > 900 ? TINT_WARN : tint, "%s",
               here ? fmt_permille(node->cpu_permille).s : "");
    table_cell(table, node->running > 0 ? TINT_NOTE : tint, "%s", node_slots(node).s);
    table_cell(table, tint, "%" PRIu64, node->waiting);
    table_cell(table, here ? TINT_NONE : TINT_WARN, "%s", fmt_ms(node->age_ms).s);
    table_cell(table, tint, "%s", "");
    table_cell(table, tint, "%s", node->role);
    table_cell(table, tint, "%s", node->site);
    table_cell(table, tint, "%s", node_tier(node));
    table_cell(table, tint, "%s", "");
}

/* What is not seen now, in words. */
static void print_notes(struct cli *cli, const struct map *map)
{
    size_t n = 0;

    for (size_t i = 0; i < map->nbrokers; i++) {
        const struct weft_broker *b = &map->brokers[i];
        const uint64_t cut_ms = map_cut_ms(map, b);

        if (!is_cut(b) || n++ >= NOTES_MAX) {
            continue;
        }
        out_line(&cli->out, "%s is cut off%s%s; %s%s%s", b->name,
                 cut_ms > 0 ? " for " : "", cut_ms > 0 ? fmt_ms(cut_ms).s : "",
                 b->age_ms > 0 ? "last word from it " : "never heard",
                 b->age_ms > 0 ? fmt_ms(b->age_ms).s : "", b->age_ms > 0 ? " ago" : "");
    }
    if (n > NOTES_MAX) {
        out_line(&cli->out, "and %zu more are cut off", n - NOTES_MAX);
    }
}

/* Of all brokers that are shown, whether their agents are listed or not.  Others tell how
 * many agents they have that take work; of one that is cut off they are not seen up. */
static void print_footer(struct cli *cli, const struct map *map)
{
    uint64_t agents = map->status->agents, up = map->status->agents_up;

    for (size_t i = 1; i < map->nbrokers; i++) {
        agents += map->brokers[i].agents;
        up += is_cut(&map->brokers[i]) ? 0 : map->brokers[i].agents;
    }
    if (map->nbrokers > 1) {
        cli_footer(cli, "%zu/%zu brokers, %" PRIu64 "/%" PRIu64 " agents up",
                   map_brokers_up(map), map->nbrokers, up, agents);
    } else {
        cli_footer(cli, "%" PRIu64 " of %" PRIu64 " agents up", up, agents);
    }
}

void map_print(struct cli *cli, const struct map *map)
{
    static const struct col cols[] = {{"NODE", COL_SHRINK},
                                      {"STATE", 0},
                                      {"RTT", COL_RIGHT},
                                      {"JITTER", COL_RIGHT | COL_OPTIONAL},
                                      {"LOSS", COL_RIGHT | COL_OPTIONAL},
                                      {"MBIT/S", COL_RIGHT | COL_OPTIONAL},
                                      {"CPU", COL_RIGHT | COL_OPTIONAL},
                                      {"SLOTS", COL_RIGHT},
                                      {"WAITING", COL_RIGHT},
                                      {"HEARD", COL_RIGHT},
                                      {"ROLE", COL_OPTIONAL},
                                      {"HOPS", COL_OPTIONAL},
                                      {"SITE", COL_SHRINK | COL_OPTIONAL},
                                      {"TIER", COL_OPTIONAL},
                                      {"CLASSES", COL_SHRINK | COL_OPTIONAL}};
    struct table *table = table_new(cols, sizeof(cols) / sizeof(cols[0]));
    struct rows rows = {NULL, NULL, 0};

    lay_out(map, &rows);
    for (size_t i = 0; i < rows.n; i++) {
        const struct row *row = &rows.v[i];
        char prefix[TREE_TEXT] = "";

        if (cli->out.tty) {
            tree_prefix(rows.depths, rows.n, i, cli->out.utf8, prefix);
        }
        if (row->broker != NULL) {
            broker_row(cli, table, map, row->broker);
        } else if (row->link != NULL) {
            link_row(table, map, row->link, cli->out.tty ? prefix : row->link->from,
                     !cli->out.tty   ? " ->"
                     : cli->out.utf8 ? "→"
                                     : "->");
        } else {
            node_row(table, row->node, prefix);
        }
    }
    table_print(table, &cli->out, 0, 0);
    if (cli->out.tty) {
        print_notes(cli, map);
    }
    print_footer(cli, map);
    table_free(table);
    free(rows.v);
    free(rows.depths);
}
