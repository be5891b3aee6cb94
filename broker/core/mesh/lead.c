#include "broker/core/mesh/lead.h"

#include "broker/core/core_int.h"
#include "broker/core/mesh/gossip/gossip.h"
#include "common/err.h"
#include "common/str.h"

#include <stdio.h>
#include <string.h>

/* What it says of itself, which borrows; empty when nothing is known. */
static struct wf_site_fact site_of(const struct core *c, const struct wf_key *broker)
{
    struct gossip_fact f;
    struct wf_cursor cur;
    struct wf_msg msg;

    if (gossip_get(c->word.gossip, broker, WF_FACT_SITE, wf_slice_make(NULL, 0), &f) ==
        0) {
        wf_cur_init(&cur, f.body.p, f.body.len);
        if (wf_msg_decode(&cur, &msg) == 0 && msg.type == WF_MSG_site_fact) {
            return msg.u.site_fact;
        }
    }
    return (struct wf_site_fact){{0}};
}

void lead_to(struct turn *t, uint64_t req, const struct wf_key *broker, const char *what)
{
    const struct wf_site_fact site = site_of(t->c, broker);
    struct wf_error m = {
        .code = (uint64_t) -WEFT_ENOENT, .about = t->msg->type, .req = req};
    char text[WF_TEXT_MAX + 1], name[WF_NAME_MAX + 1], digits[17];
    char endpoint[WF_ENDPOINT_MAX + 1] = "";
    struct wf_broker_row row;
    struct wf_rows at;

    wf_hex(digits, broker->b, 8);
    word_addresses(core_rows(t->c, 3), &m.at, 8, broker, &site);
    at = m.at;
    if (wf_rows_next(&at, wf_desc_broker_row(), &row)) {
        wf_slice_str(row.endpoint, endpoint, sizeof endpoint);
    }
    if (t->s->role == WF_ROLE_OPERATOR || m.at.count == 0) {
        m.code = (uint64_t) -WEFT_EPERM;
        m.at = (struct wf_rows){0};
    }
    (void) snprintf(
        text, sizeof text, "%s the broker %s%s%s%s: ask there", what,
        site.name.len != 0 ? wf_slice_str(site.name, name, sizeof name) : digits,
        endpoint[0] != '\0' ? " (" : "", endpoint, endpoint[0] != '\0' ? ")" : "");
    m.text = wf_slice_make(text, wf_utf8_cut(text, strlen(text)));
    wf_effects_send(t->out, t->s->peer, WF_MSG_error, &m);
}

int lead_to_node(struct turn *t, uint64_t req, struct wf_slice node)
{
    const struct principal *p = registry_named(&t->c->registry, node);
    struct wf_key key, home;

    if (node.len == 0 || (p != NULL && p->agent != NULL) ||
        word_named(t->c, node, &key, &home) != 0 || wf_key_eq(&home, &t->c->cfg.key)) {
        return 0;
    }
    lead_to(t, req, &home, "that node is one of");
    return 1;
}
