#include "tests/sim/gossip/site.h"

#include "common/check.h"
#include "common/err.h"

#include <stdio.h>

void site_init(struct site *s, unsigned number, unsigned neighbours, struct wf_rng *rng)
{
    *s = (struct site){.number = number, .neighbours = neighbours};
    s->agents = 20 + wf_rng_below(rng, 160);
    s->slots = 4 * s->agents;
    site_change(s, rng);
}

void site_change(struct site *s, struct wf_rng *rng)
{
    s->free = wf_rng_below(rng, s->slots + 1);
    s->queued = wf_rng_below(rng, 1000);
    s->live = s->slots - s->free + s->queued;
    s->wait_us = s->free != 0 ? 0 : wf_rng_below(rng, 60000000);
}

static void add(struct wf_buf *store, struct wf_rows *rows, const struct wf_desc *rec,
                const void *row)
{
    WF_CHECK(wf_rows_add(store, rows, rec, row) == 0);
}

static void add_caps(struct wf_buf *store, struct wf_rows *rows)
{
    static const char *const names[] = {"resize", "transcode",   "ocr-page",
                                        "embed",  "train-small", "index"};

    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        const struct wf_cap_row row = {.name = wf_slice_of(names[i]),
                                       .version = 1 + i % 3,
                                       .kind = 1,
                                       .slots = 64,
                                       .queue = 128,
                                       .wall_ms = 600000};

        add(store, rows, wf_desc_cap_row(), &row);
    }
}

static void add_links(const struct site *s, struct wf_buf *store, struct wf_rows *rows)
{
    for (unsigned i = 0; i < s->neighbours && i < 32; i++) {
        const struct wf_link_row row = {.name = wf_slice_of("broker-of-it"),
                                        .site = wf_slice_of("site-of-it"),
                                        .rtt_us = 20000 + i,
                                        .jitter_us = 300,
                                        .up = 12000000,
                                        .down = 50000000,
                                        .samples = 4000,
                                        .age_ms = 900};

        add(store, rows, wf_desc_link_row(), &row);
    }
}

void site_encode(const struct site *s, int whole, struct wf_buf *out)
{
    struct wf_buf caps = WF_BUF_INIT(8192), links = WF_BUF_INIT(8192),
                  ends = WF_BUF_INIT(1024);
    struct wf_site_fact f = {.agents = s->agents,
                             .slots = s->slots,
                             .free = s->free,
                             .queued = s->queued,
                             .live = s->live,
                             .wait_us = s->wait_us};
    struct wf_label_row end;
    char name[32], site[32], endpoint[64];

    (void) snprintf(name, sizeof name, "broker-%u", s->number);
    (void) snprintf(site, sizeof site, "site-%u", s->number);
    (void) snprintf(endpoint, sizeof endpoint, "tcp://broker-%u.example.net:7400",
                    s->number);
    if (whole) {
        end.text = wf_slice_of(endpoint);
        f.name = wf_slice_of(name);
        f.site = wf_slice_of(site);
        add(&ends, &f.endpoints, wf_desc_label_row(), &end);
        add_caps(&caps, &f.caps);
        add_links(s, &links, &f.links);
    }
    WF_CHECK(wf_msg_encode(out, WF_MSG_site_fact, &f) == 0);
    wf_buf_fini(&caps);
    wf_buf_fini(&links);
    wf_buf_fini(&ends);
}
