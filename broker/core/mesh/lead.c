#include "broker/core/mesh/lead.h"

#include "broker/core/core_int.h"
#include "broker/core/mesh/gossip/gossip.h"
#include "broker/core/mesh/told.h"
#include "common/err.h"
#include "common/str.h"

#include <stdio.h>
#include <string.h>

void lead_to(struct turn *t, uint64_t req, const struct wf_key *broker, const char *what)
{
    struct wf_site_fact site;
    struct wf_error m = {
        .code = (uint64_t) -WEFT_ENOENT, .about = t->msg->type, .req = req};
    char text[WF_TEXT_MAX + 1], name[WF_NAME_MAX + 1], digits[17];
    char endpoint[WF_ENDPOINT_MAX + 1] = "";
    struct wf_broker_row row;
    struct wf_rows at;

    (void) word_site(t->c, broker, &site);
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

/* A broker is no place for data: which of its agents is meant? */
static void refuse_broker(struct turn *t, uint64_t req, struct wf_slice node,
                          const struct wf_key *key)
{
    char name[WF_NAME_MAX + 1], where[WF_NAME_MAX + 1];
    struct wf_site_fact site;

    (void) word_site(t->c, key, &site);
    wf_slice_str(node, name, sizeof name);
    wf_slice_str(site.site, where, sizeof where);
    refuse(t, WEFT_ENOENT, req, NULL, 0,
           "%s is a broker, not an agent: name one of its%s%s", name,
           where[0] != '\0' ? ", or site=" : "", where);
}

int lead_to_node(struct turn *t, uint64_t req, struct wf_slice node)
{
    const struct principal *p = registry_named(&t->c->registry, node);
    struct wf_key key, home;

    if (node.len == 0) {
        return 0;
    }
    if (p != NULL && p->role == WF_ROLE_BROKER) {
        refuse_broker(t, req, node, &p->key);
        return 1;
    }
    if ((p != NULL && p->agent != NULL) || word_named(t->c, node, &key, &home) != 0) {
        return 0;
    }
    if (word_is_broker(t->c, &key)) {
        refuse_broker(t, req, node, &key);
        return 1;
    }
    if (wf_key_eq(&home, &t->c->cfg.key)) {
        return 0;
    }
    lead_to(t, req, &home, "that node is one of");
    return 1;
}

int lead_to_needs(struct turn *t, uint64_t req, struct wf_rows needs)
{
    struct wf_key broker;

    if (!told_where(t->c, needs, &broker)) {
        return 0;
    }
    lead_to(t, req, &broker, "no agent here meets these needs, but one may of");
    return 1;
}
