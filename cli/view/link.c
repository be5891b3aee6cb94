#include "cli/view/link.h"

#include <inttypes.h>
#include <string.h>

#define MBIT 125000u /* bytes */

void link_json(struct json *json, const struct weft_link *l)
{
    json_text(json, "from", l->from);
    json_text(json, "to", l->to);
    json_uint(json, "rtt_us", l->rtt_us);
    json_uint(json, "jitter_us", l->jitter_us);
    json_uint(json, "loss_permille", l->loss_permille);
    json_uint(json, "up", l->up);
    json_uint(json, "down", l->down);
    json_uint(json, "samples", l->samples);
    json_uint(json, "age_ms", l->age_ms);
    json_bool(json, "metered", l->metered);
    json_uint(json, "pusd_byte", l->pusd_byte);
    json_text(json, "source", l->source);
    if (link_is_brokers(l)) {
        json_text(json, "state", l->state);
        json_uint(json, "state_ms", l->state_ms);
    }
}

int link_is_brokers(const struct weft_link *l)
{
    return *l->state != '\0';
}

int link_is_up(const struct weft_link *l)
{
    return strcmp(l->state, "up") == 0;
}

struct fmt link_state(const struct weft_link *l, const char *self)
{
    struct fmt text = {""};

    if (link_is_up(l)) {
        snprintf(text.s, sizeof(text.s), "up %.24s", fmt_ms(l->state_ms).s);
    } else if (link_is_brokers(l) && strcmp(l->from, self) != 0) {
        snprintf(text.s, sizeof(text.s), "not known");
    } else if (link_is_brokers(l)) {
        snprintf(text.s, sizeof(text.s), "cut off %.20s",
                 l->state_ms > 0 ? fmt_ms(l->state_ms).s : "");
    }
    return text;
}

struct fmt link_loss(const struct weft_link *l)
{
    struct fmt none = {""};

    return l->rtt_us == 0 ? none : fmt_permille(l->loss_permille);
}

static struct fmt mbits(uint64_t bytes_a_second)
{
    struct fmt text = {"-"};

    if (bytes_a_second >= 10 * MBIT) {
        snprintf(text.s, sizeof(text.s), "%" PRIu64, bytes_a_second / MBIT);
    } else if (bytes_a_second > 0) {
        snprintf(text.s, sizeof(text.s), "%.1f", (double) bytes_a_second / MBIT);
    }
    return text;
}

struct fmt link_mbits(const struct weft_link *l)
{
    struct fmt text = {""};

    if (l->up > 0 || l->down > 0) {
        snprintf(text.s, sizeof(text.s), "%.14s/%.14s", mbits(l->up).s, mbits(l->down).s);
    }
    return text;
}
