#include "cli/view/map.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tool/fmt.h"
#include "cli/tool/text.h"
#include "cli/view/link.h"
#include "cli/view/node.h"

/* Names and texts of peers inside quotes. */
static void put_text(FILE *f, const char *text)
{
    char *clean = text_clean(text);

    for (const char *p = clean; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\') {
            fputc('\\', f);
        }
        fputc(*p, f);
    }
    free(clean);
}

/* A name, of its own kind: a broker and an agent may be called alike. */
static void put_id(FILE *f, const char *kind, const char *name)
{
    fprintf(f, "\"%s/", kind);
    put_text(f, name);
    fputc('"', f);
}

static void put_broker(FILE *f, const struct map *map, const struct weft_broker *b)
{
    const int cut = strcmp(b->state, "cut") == 0;
    const uint64_t used = b->slots - (b->free < b->slots ? b->free : b->slots);

    fputs("    ", f);
    put_id(f, "broker", b->name);
    fputs(" [label=\"", f);
    put_text(f, b->name);
    if (*b->site != '\0' && strcmp(b->site, b->name) != 0) {
        fputs("\\nsite ", f);
        put_text(f, b->site);
    }
    fprintf(f, "\\n%" PRIu64 "/%" PRIu64 " slots, %" PRIu64 " wait", used, b->slots,
            b->queued);
    if (cut && b->age_ms > 0) {
        fprintf(f, "\\ncut off, heard %s ago", fmt_ms(b->age_ms).s);
    } else if (cut) {
        fputs("\\ncut off", f);
    }
    fprintf(f, "\", shape=box%s];\n",
            cut                 ? ", style=dashed, color=red"
            : b == map->brokers ? ", style=bold"
                                : "");
}

/* The less, the better it tells of the link: who is asked, who is reached and measured
 * it, who is reached, who was. */
static unsigned rank(const struct map *map, const struct weft_link *l)
{
    if (strcmp(l->from, map->status->broker) == 0) {
        return 0;
    }
    return !link_is_up(l) ? 3 : l->rtt_us == 0 ? 2 : 1;
}

static int is_pair(const struct weft_link *a, const struct weft_link *b)
{
    return (strcmp(a->from, b->from) == 0 && strcmp(a->to, b->to) == 0) ||
           (strcmp(a->from, b->to) == 0 && strcmp(a->to, b->from) == 0);
}

/* Both ends tell of a link, which is one line. */
static int is_told_better(const struct map *map, size_t i)
{
    for (size_t j = 0; j < map->nlinks; j++) {
        const unsigned mine = rank(map, &map->links[i]),
                       other = rank(map, &map->links[j]);

        if (j != i && is_pair(&map->links[i], &map->links[j]) &&
            (other < mine || (other == mine && j < i))) {
            return 1;
        }
    }
    return 0;
}

static void put_link(FILE *f, const struct map *map, const struct weft_link *l)
{
    const struct fmt rate = link_mbits(l), loss = link_loss(l);

    fputs("    ", f);
    put_id(f, "broker", l->from);
    fputs(" -- ", f);
    put_id(f, "broker", l->to);
    fprintf(f, " [label=\"%s", l->rtt_us > 0 ? fmt_us(l->rtt_us).s : "");
    if (*loss.s != '\0') {
        fprintf(f, "\\nloss %s", loss.s);
    }
    if (*rate.s != '\0') {
        fprintf(f, "\\n%s Mbit/s", rate.s);
    }
    if (!link_is_up(l)) {
        fprintf(f, "\\n%s", link_state(l, map->status->broker).s);
    }
    fprintf(f, "\"%s];\n", link_is_up(l) ? "" : ", style=dashed, color=red");
}

static void put_agent(FILE *f, const struct map *map, const struct weft_node *node)
{
    const int up = node_is_up(node);

    fputs("    ", f);
    put_id(f, "agent", node->name);
    fputs(" [label=\"", f);
    put_text(f, node->name);
    if (!up) {
        fprintf(f, "\\n%s", node_state(node).s);
    }
    fprintf(f, "\"%s];\n    ", up ? "" : ", style=dashed");
    put_id(f, "broker", map->status->broker);
    fputs(" -- ", f);
    put_id(f, "agent", node->name);
    fprintf(f, " [label=\"%s\"%s];\n", node->rtt_us > 0 ? fmt_us(node->rtt_us).s : "",
            up ? "" : ", style=dashed");
}

void map_dot(struct cli *cli, const struct map *map)
{
    FILE *f = cli->out.f;

    fputs("graph weft {\n    node [fontname=\"sans-serif\"];\n"
          "    edge [fontname=\"sans-serif\"];\n",
          f);
    for (size_t i = 0; i < map->nbrokers; i++) {
        put_broker(f, map, &map->brokers[i]);
    }
    for (size_t i = 0; i < map->nlinks; i++) {
        if (!is_told_better(map, i)) {
            put_link(f, map, &map->links[i]);
        }
    }
    for (size_t i = 0; i < map->nnodes; i++) {
        if (node_is_agent(&map->nodes[i])) {
            put_agent(f, map, &map->nodes[i]);
        }
    }
    fputs("}\n", f);
}
