#include "tests/sim/mesh.h"

#include "tests/sim/cast.h"
#include "tests/sim/sim.h"

#include <stdio.h>
#include <string.h>

#define MESH_SALT  UINT64_C(0x6d657368)
#define ROGUE_SALT UINT64_C(0x726f6775)

unsigned mesh_size(unsigned long long seed)
{
    struct wf_rng rng = {seed ^ MESH_SALT << 32};

    return wf_rng_below(&rng, 2) == 0 ? 1 : 2 + (unsigned) wf_rng_below(&rng, 2);
}

int mesh_has_rogue(unsigned long long seed)
{
    struct wf_rng rng = {seed ^ ROGUE_SALT << 32};

    return wf_rng_below(&rng, 100) < 30;
}

static void configure(struct sim *s, struct host *h)
{
    struct core_config *cfg = &h->cfg;
    const struct swarm *w = &s->swarm;

    core_config_init(cfg);
    (void) snprintf(cfg->name, sizeof cfg->name, "%s", h->name);
    (void) snprintf(cfg->site, sizeof cfg->site, "s%u",
                    h->joint.base != NULL ? 1 : h->index + 1);
    (void) snprintf(cfg->endpoints[0], sizeof cfg->endpoints[0], "tcp://broker:7070");
    cfg->nendpoints = 1;
    cfg->bulk_port = s->data ? 7071 : 0;
    cfg->key = h->key;
    memset(cfg->sign_seed, (int) (0xc0 + h->index), sizeof cfg->sign_seed);
    cfg->heartbeat_ms = 300;
    cfg->lease_ms = s->roams && percent(&s->clock, 50) ? 3000 : 1000;
    if (h->joint.base != NULL) {
        cfg->lease_ms = 3000; /* they look for each other once a second */
        cfg->site_grace_ms = 10000;
    }
    cfg->grace_ms = 200 + below(&s->clock, 1500);
    cfg->max_payload = 16u << 10;
    cfg->max_jobs = w->max_jobs;
    cfg->max_bytes = w->max_bytes;
    cfg->max_nodes = 64;
    cfg->retain_ms = w->retain_ms;
    cfg->retain_jobs = w->retain_jobs;
    cfg->max_attempts = w->max_attempts;
    cfg->retry_min_ms = 20;
    cfg->retry_max_ms = 300;
    /* So that there are some in a short world. */
    cfg->hedge_at_pm = 200;
    cfg->hedge_pm = 1000;
    cfg->log_bytes = 2048;
}

static void found(struct sim *s, struct host *h, unsigned index)
{
    h->index = index;
    memset(&h->key, (int) (0xb0 + index), sizeof h->key);
    if (s->nhosts > 1) {
        (void) snprintf(h->name, sizeof h->name, "broker%u", index + 1);
    } else {
        (void) snprintf(h->name, sizeof h->name, "broker");
    }
    host_reset(s, h);
    local_boot(&h->own, &s->clock);
    if (s->swarm.skewed) {
        local_set_ppm(&h->own, &s->clock, (int) below(&s->clock, 1001) - 500);
    }
    configure(s, h);
}

void mesh_found(struct sim *s)
{
    for (unsigned i = 0; i < s->nhosts; i++) {
        found(s, &s->hosts[i], i);
    }
}

struct host *mesh_home(struct sim *s)
{
    return &s->hosts[s->nhosts > 1 ? below(&s->clock, s->nhosts) : 0];
}

static void put_key(struct host *h, const struct principal *p)
{
    struct wf_buf record = WF_BUF_INIT(4096);

    (void) wf_buf_put(&record, p->key.b, sizeof p->key.b);
    (void) registry_record(p, &record);
    disk_append(h, REGISTRY_KEYS, 0, record.p, record.len);
    wf_buf_fini(&record);
}

void mesh_enrol(struct host *h, const struct actor *a)
{
    struct principal p = {
        .key = a->key, .role = a->role, .tier = a->tier, .state = WF_KEY_ACTIVE};

    (void) snprintf(p.name, sizeof p.name, "%s", a->name);
    (void) snprintf(p.site, sizeof p.site, "%s", h->cfg.site);
    put_key(h, &p);
}

static void enrol_broker(struct host *at, const struct host *h)
{
    struct principal p = {.key = h->key, .role = WF_ROLE_BROKER, .state = WF_KEY_ACTIVE};

    (void) snprintf(p.name, sizeof p.name, "%s", h->name);
    (void) snprintf(p.site, sizeof p.site, "%s", h->cfg.site);
    put_key(at, &p);
}

static void link_two(struct sim *s, struct host *a, struct host *b)
{
    struct host *from = percent(&s->clock, 50) ? a : b;
    struct host *to = from == a ? b : a;
    struct port *p = &from->ports[from->nports];

    p->of = from;
    p->peer = MESH_DIALLED | from->nports++;
    sim_add_actor(s, &p->a, &port_ops, WF_ROLE_BROKER, "link", s->nactors);
    actor_settle(&p->a, to);
    p->a.key = from->key;
    enrol_broker(to, from);
    if (percent(&s->clock, 50)) {
        /* Else it makes the record itself, when it first dials. */
        enrol_broker(from, to);
    }
}

void mesh_link(struct sim *s)
{
    for (unsigned i = 1; i < s->nhosts; i++) {
        link_two(s, &s->hosts[i - 1], &s->hosts[i]);
    }
    if (s->nhosts > 2 && percent(&s->clock, 40)) {
        link_two(s, &s->hosts[0], &s->hosts[2]);
    }
}
