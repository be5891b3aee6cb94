/* The brokers that are kept in a file, and the trial of one. */
#include "common/io/roster.h"

#include "common/io/broker_file.h"
#include "common/io/file.h"
#include "tests/lib/tap.h"
#include "tests/unit/io/mesh.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/weft-roster.XXXXXX";
static char path[64];

static struct wf_key key_of(unsigned x)
{
    struct wf_key k;

    memset(k.b, (int) x, sizeof k.b);
    return k;
}

static void learn(struct wf_broker_table *t, unsigned x)
{
    struct wf_broker b = {.key = key_of(x), .name = "b", .site = "lyon"};

    (void) snprintf(b.endpoint, sizeof b.endpoint, "tcp://h:%u", x);
    wf_brokers_recall(t, &b);
}

static void test_file(void)
{
    static const char bad[] = "broker\n    endpoint = \"tcp://h:1\"\n    key = abcd\n";
    struct wf_broker_table t = {0}, got = {0};
    const struct wf_key given = key_of(9), k1 = key_of(1);
    struct wf_err err = {0, ""};

    is_int(broker_file_load(path, &got, &err), 0, "no file is none learned");
    must(wf_brokers_give(&t, &given, "tcp://given:1") == 0);
    learn(&t, 1);
    learn(&t, 2);
    is_int(broker_file_save(path, &t, &err), 0, "those that were learned are kept");
    is_int(broker_file_load(path, &got, &err), 0, "and found again");
    ok(got.n == 2 && wf_key_eq(&got.v[0].key, &k1) && got.v[0].learned,
       "without the given");
    ok(strcmp(got.v[0].endpoint, "tcp://h:1") == 0 && strcmp(got.v[0].name, "b") == 0 &&
           strcmp(got.v[0].site, "lyon") == 0,
       "with all that is known of them");
    wf_brokers_await(&t, &given, 1);
    wf_brokers_missed(&t, &given, 300);
    must(broker_file_save(path, &t, &err) == 0);
    got = (struct wf_broker_table){0};
    must(wf_brokers_give(&got, &given, "tcp://given:1") == 0);
    is_int(broker_file_load(path, &got, &err), 0, "a given one is in it when awaited");
    ok(got.n == 3 && got.v[0].awaited && !got.v[0].learned && !got.v[1].awaited,
       "and stays given");
    ok(got.v[0].missed == 300 && got.v[1].missed == 0, "with how often it was not there");
    must(file_write(path, bad, sizeof bad - 1, 0600, NULL) == 0);
    is_int(broker_file_load(path, &got, &err), WEFT_ECONF, "a damaged file is told");
    got = (struct wf_broker_table){0};
    roster_recall(dir, &got);
    is_int(got.n, 0, "and keeps nobody from starting");
}

static int heard; /* 1 answered, -1 not, WEFT_EAUTH refused */

static void on_tried(void *arg, int answered)
{
    (void) arg;
    heard = answered != 0 ? answered : -1;
}

static void test_trials(void)
{
    const struct wf_effect stop = {.kind = WF_EFFECT_UNTRY};
    struct wf_effect go = {.kind = WF_EFFECT_TRY, .arg = 0};
    struct roster_opts opts = {.folder = dir, .dial_ms = 20000};
    struct wf_link_config cfg = {.retry_min_ms = 1, .retry_max_ms = 1, .dial_ms = 1};
    struct wf_broker_table t = {0};
    struct wf_link link;
    struct roster *r;
    struct wf_key key;
    void *ctx;
    struct mesh m;

    mesh_init(&m, (struct router_opts){0});
    memcpy(key.b, m.server.pub, sizeof key.b);
    must(wf_brokers_give(&t, &key, m.endpoint) == 0);
    key = key_of(3);
    must(wf_brokers_give(&t, &key, m.endpoint) == 0);
    cfg.brokers = &t;
    wf_link_init(&link, &cfg);
    opts.keys = &m.client;
    must(zctx_new(0, &ctx) == 0);
    must(roster_new(&m.loop, ctx, &opts, on_tried, NULL, &r, NULL) == 0);

    roster_effect(r, &link, &go);
    run_until(&m, heard != 0);
    ok(heard == 1 && !roster_failed(r), "a broker that is there answers");
    is_int(m.frames, 0, "and is sent nothing");
    heard = 0;
    m.deny = true;
    roster_effect(r, &link, &go);
    run_until(&m, heard != 0);
    is_int(heard, WEFT_EAUTH, "one that does not take our key is told from who is away");
    heard = 0;
    m.deny = false;
    go.arg = 1;
    roster_effect(r, &link, &go);
    run_until(&m, heard != 0);
    is_int(heard, -1, "nor one without the key that we know");
    heard = 0;
    go.arg = 0;
    roster_effect(r, &link, &go);
    roster_effect(r, &link, &stop);
    go.arg = 1;
    roster_effect(r, &link, &go);
    run_until(&m, heard != 0);
    is_int(heard, -1, "of a trial that was dropped nothing is heard");

    is_int(roster_keep(r, &link, NULL), 0, "nothing new is not written");
    ok(access(path, F_OK) != 0, "so there is no file");
    learn(&link.ways.brokers, 5);
    link.ways.brokers.changes++;
    is_int(roster_keep(r, &link, NULL), 0, "what is new is");
    ok(access(path, F_OK) == 0, "and is there");
    must(unlink(path) == 0);
    is_int(roster_keep(r, &link, NULL), 0, "once");
    ok(access(path, F_OK) != 0, "for each change");

    roster_free(r);
    mesh_fini(&m);
    zctx_free(&ctx);
}

int main(void)
{
    must(mkdtemp(dir) != NULL);
    (void) snprintf(path, sizeof path, "%s/brokers", dir);
    test_file();
    must(unlink(path) == 0);
    test_trials();
    (void) rmdir(dir);
    return done();
}
