/* agent.conf: what it comes to, and that every mistake names its line. */
#include "agent/config.h"
#include "tests/lib/tap.h"

#include <unistd.h>

static char path[64];

static int load(const char *text, struct agent_config **ret_config, struct wf_err *err)
{
    FILE *f = fopen(path, "w");

    must(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
    *err = (struct wf_err){0, ""};
    return config_load(path, NULL, 0, ret_config, err);
}

static struct agent_config *good(const char *text)
{
    struct agent_config *c = NULL;
    struct wf_err err;

    if (load(text, &c, &err) != 0) {
        printf("# %s\n", err.text);
        must(c != NULL);
    }
    return c;
}

/* The text is refused, and the message says this after the path. */
static void bad(const char *text, const char *want, const char *what)
{
    struct agent_config *c = NULL;
    struct wf_err err;
    int rc = load(text, &c, &err);
    int found = strstr(err.text, want) != NULL && strstr(err.text, path) != NULL;

    ok(rc == WEFT_ECONF && found, "%s", what);
    if (!found) {
        printf("#   got %d `%s`\n", rc, err.text);
    }
    if (rc == 0) {
        config_free(c);
    }
}

static void defaults(void)
{
    struct agent_config *c = good("");

    is_str(c->state, "/var/lib/weft/agent", "the default state folder");
    is_str(c->scratch, "/var/lib/weft/agent/scratch", "scratch is below it");
    is_int(c->node.ncaps, 0, "no capabilities");
    is_int(c->node.slots, 0, "no slots");
    is_int(c->log_level, WF_LOG_INFO, "log level");
    is_int(c->telemetry_ms, 10000, "telemetry every 10 s");
    ok(c->node.spool_bytes == 64u << 20 && c->node.max_held == 64u << 20 &&
           c->node.spool_age_ms == UINT64_C(7) * 86400000,
       "64 MiB of results wait for 7 days");
    config_free(c);
    c = good("spool_bytes = 0\nspool_age = 0\n");
    ok(c->node.spool_bytes == 0 && c->node.spool_age_ms == 0 &&
           c->node.max_held == 16u << 20,
       "or none, for ever");
    config_free(c);
    c = good("metered = yes\nlog = debug\nlabel = zone=a\nlabel = disk=fast\n"
             "sandbox = bwrap\nstate = /tmp/x\nstream_after = 1s\nmax_log = 2K\n");
    is_int(c->telemetry_ms, 300000, "a metered link is spared");
    is_int(c->log_level, WF_LOG_DEBUG, "debug");
    is_int(c->node.nlabels, 2, "labels");
    is_str(c->node.labels[1], "disk=fast", "the second label");
    is_str(c->sandbox, "require", "bwrap means require");
    is_str(c->scratch, "/tmp/x/scratch", "scratch follows the state folder");
    is_int(c->node.metered, 1, "and the core knows");
    is_int(c->node.stream_after_ms, 1000, "stream_after reaches the core");
    is_int(c->node.max_log, 2048, "max_log reaches the core");
    config_free(c);
}

static void data(void)
{
    struct agent_config *c = good("");

    is_str(c->data, "/var/lib/weft/agent/blobs", "blobs are in the state folder");
    ok(c->data_cap == 1u << 30 && c->data_floor == 512u << 20 && c->data_encrypt,
       "1 GiB of them, encrypted, unless 512 MiB would not be left");
    ok(c->data_listen[0] == '\0' && c->data_rate == 0 && c->data_day == 0,
       "nobody may connect, and there are no other limits");
    config_free(c);
    c = good("data = /srv/blobs\ndata_cap = 0\ndata_floor = 0\ndata_encrypt = no\n"
             "data_rate = 1M\ndata_day = 2G\ndata_patience = 90s\n");
    is_str(c->data, "/srv/blobs", "a folder of its own");
    ok(c->data_cap == 0 && c->data_floor == 0 && !c->data_encrypt &&
           c->data_rate == 1u << 20 && c->data_day == 2u << 30 &&
           c->data_patience_ms == 90000,
       "limits as given");
    config_free(c);
    c = good("data_listen = tcp://0.0.0.0:7100\ndata_advertise = tcp://box:7100\n");
    is_str(c->data_advertise, "tcp://box:7100", "what others are told");
    config_free(c);
    config_free(good("data_listen = tcp://127.0.0.1:*\n"));
    bad("data = blobs\n", "line 1: `data`: give a full path", "a relative folder");
    bad("data_cap = 1M\n", "`data_cap`: give at least 16M", "hardly any room");
    bad("data_listen = tcp://*:7100\n", "name it with data_advertise", "any address");
    bad("data_listen = 127.0.0.1:1\n", "`data_listen`: give tcp://HOST:PORT",
        "no scheme");
    bad("data_listen = tcp://a:1\ndata_advertise = tcp://b:*\n",
        "line 2: `data_advertise`: give tcp://HOST:PORT", "no port");
    bad("data_advertise = tcp://b:1\n", "give data_listen as well", "told, not there");
    bad("data_cap = 0\ndata_listen = tcp://a:1\n", "nothing to give", "no data to give");
}

static void an_exec(void)
{
    struct agent_config *c =
        good("capability\n"
             "    name = words@3\n"
             "    command = /bin/sh -c 'wc -w; echo \"a  b\"' x'y z'\n"
             "    arg = as it is 'here'\n"
             "    slots = 2\n"
             "    memory = 64M\n"
             "    cpu = 3s\n"
             "    wall = 5s\n"
             "    output = 10K\n"
             "    processes = 9\n"
             "    network = yes\n"
             "    env = A=b c\n"
             "    bind = /opt\n");
    const struct wire_start *s = &c->caps[0].spec;
    const struct node_capability *n = &c->node.caps[0];

    is_int(c->node.ncaps, 1, "one capability");
    is_str(n->name, "words", "its name");
    is_int(n->version, 3, "its version");
    is_int(n->kind, WF_HANDLER_EXEC, "exec is the default");
    is_int(n->slots, 2, "slots");
    is_int(n->queue, 1, "an exec keeps one job ready");
    is_int(n->wall_ms, 5000, "wall limit in the core");
    is_int(n->max_output, 10240, "largest result in the core");
    is_int(n->net, 1, "network is told");
    is_int(c->node.slots, 2, "slots of the node are those of its capabilities");
    is_int(s->argv.n, 5, "words of the command");
    is_str(s->argv.v[0], "/bin/sh", "program");
    is_str(s->argv.v[2], "wc -w; echo \"a  b\"", "quotes group and keep the other kind");
    is_str(s->argv.v[3], "xy z", "quotes within a word");
    is_str(s->argv.v[4], "as it is 'here'", "arg is taken as it is");
    is_int(s->flags, WIRE_NETWORK, "network, stdin and stdout");
    is_int(s->sandbox, WIRE_SANDBOX_AUTO, "sandbox where there is one");
    is_int(s->limits.mem_bytes, 64 << 20, "memory");
    is_int(s->limits.cpu_ms, 3000, "cpu");
    ok(s->limits.wall_ms > 5000, "the runner's wall limit is behind the core's");
    is_int(s->limits.procs, 9, "processes");
    is_str(s->env.v[0], "A=b c", "environment");
    is_str(s->binds.v[0], "/opt", "bind");
    config_free(c);
}

static void files_and_versions(void)
{
    struct agent_config *c = good("sandbox = none\n"
                                  "slots = 3\n"
                                  "capability\n"
                                  "    name = copy\n"
                                  "    command = cp {payload} {result}\n"
                                  "    queue = 0\n"
                                  "capability\n"
                                  "    name = copy@2\n"
                                  "    command = cat\n"
                                  "    payload = file\n"
                                  "    slots = 4\n"
                                  "    arg = --model={input:model}\n");
    const struct wire_start *s = &c->caps[0].spec;

    is_int(c->node.caps[0].version, 1, "version 1 where none is said");
    is_int(c->node.caps[0].queue, 0, "no queue");
    is_int(s->flags, WIRE_PAYLOAD_FILE | WIRE_RESULT_FILE, "placeholders ask for files");
    is_str(s->argv.v[1], "payload", "the payload's file");
    is_str(s->argv.v[2], "result", "the result's file");
    is_int(s->sandbox, WIRE_SANDBOX_NONE, "no sandbox");
    is_int(c->caps[1].spec.flags, WIRE_PAYLOAD_FILE, "payload as a file");
    is_str(c->caps[1].spec.argv.v[1], "--model={input:model}", "inputs wait for a job");
    is_int(c->node.slots, 3, "the node's own limit of slots");
    config_free(c);
}

static void a_worker(void)
{
    struct agent_config *c = good("capability\n"
                                  "    name = echo@1\n"
                                  "    kind = worker\n"
                                  "    command = cat\n"
                                  "    workers = 2\n"
                                  "    concurrency = 8\n");

    is_int(c->node.caps[0].kind, WF_HANDLER_WORKER, "worker");
    is_int(c->node.caps[0].slots, 16, "slots are workers x concurrency");
    is_int(c->node.caps[0].queue, 16, "as many again are kept ready");
    is_int(c->caps[0].spec.kind, WIRE_WORKER, "worker at the runner");
    config_free(c);
}

#define CAP "capability\n    name = x@1\n    command = cat\n"

static void placement(void)
{
    struct agent_config *c = good("");

    ok(c->node.class_[0] == '\0' && c->node.speed_pm == 1000 && !c->node.spot &&
           !c->node.metered,
       "of its tier's class, of speed 1, here to stay");
    config_free(c);
    c = good("class = a100.large\nspeed = 12.5\nspot = yes\n");
    is_str(c->node.class_, "a100.large", "a class");
    is_int(c->node.speed_pm, 12500, "a speed");
    is_int(c->node.spot, 1, "one that may be taken away");
    config_free(c);
    c = good("speed = 0.01\n");
    is_int(c->node.speed_pm, 10, "the slowest");
    config_free(c);
    c = good("speed = 1000\n");
    is_int(c->node.speed_pm, 1000000, "the fastest");
    config_free(c);
    bad("class = \"two words\"\n", "line 1: `class`", "no name of a class");
    bad("speed = 0\n", "line 1: `speed`: give a number from 0.01 to 1000", "speed 0");
    bad("speed = 0.009\n", "line 1: `speed`", "slower than the slowest");
    bad("speed = 1000.001\n", "line 1: `speed`", "faster than the fastest");
    bad("speed = 1.2345\n", "line 1: `speed`", "a speed that is too exact");
    bad("speed = -1\n", "line 1: `speed`", "a negative one");
    bad("spot = maybe\n", "line 1", "spot");
}

static void mistakes(void)
{
    bad("slots = 1\nslot = 2\n", "line 2", "unknown key");
    bad("slots = -1\n", "line 1", "not a number");
    bad("log = loud\n", "line 1: `log`", "log level");
    bad("\n# c\nsandbox = maybe\n", "line 3: `sandbox`: give auto, require or none",
        "sandbox");
    bad("label = a=b\nlabel = nothing\n", "`label`", "label");
    bad("runner = weft-runner\n", "line 1: `runner`", "relative runner");
    bad("capability\n    name = x@1\n", "command", "no command");
    bad("capability\n    name = X@1\n    command = cat\n", "line 2: `name`", "bad name");
    bad("capability\n    name = x@0\n    command = cat\n", "line 2: `name`", "version 0");
    bad(CAP CAP, "line 5: `name`: x@1 is there already", "twice the same");
    bad(CAP "    kind = magic\n", "line 4: `kind`: give exec or worker", "kind");
    bad(CAP "    queue = many\n", "line 4: `queue`", "queue");
    bad(CAP "    payload = tape\n", "line 4: `payload`: give stdin or file", "payload");
    bad(CAP "    env = =x\n", "line 4: `env`", "environment without a name");
    bad(CAP "    bind = opt\n", "line 4: `bind`", "relative bind");
    bad(CAP "    kind = worker\n    cpu = 1s\n", "line 5: `cpu`", "cpu of a worker");
    bad(CAP "    kind = worker\n    slots = 2\n", "line 5: `slots`", "too many slots");
    bad(CAP "    kind = worker\n    payload = file\n", "line 5: `payload`",
        "a worker's payload");
    bad("capability\n    name = x@1\n    command = cat {input:a}\n    kind = worker\n",
        "line 3: `command`: a worker hears", "inputs in a worker's command");
    bad("capability\n    name = x@1\n    command = cat -i{input:}\n",
        "line 3: `command`: `{input:}` names no input", "an input without a name");
    bad(CAP "    kind = worker\n    result = file\n", "line 5: `result`",
        "a worker's result");
    bad(CAP "    workers = 64\n    concurrency = 1024\n    kind = worker\n",
        "line 5: `concurrency`", "too many slots by the product");
    bad("capability\n    name = x@1\n    command = cat 'a\n", "line 3: `command`",
        "open quote");
    bad("capability\n    name = x@1\n    command = \"  \"\n", "line 3: `command`",
        "blank command");
    bad("capability\n    name = x@1\n    command = ./cat\n", "line 3: `command`",
        "relative program");
    bad("capability\n    name = x@1\n    command = /no/such/program\n",
        "line 3: `command`: there is no program", "missing program");
    bad("capability\n    name = x@1\n    command = no-such-program-here\n",
        "line 3: `command`: there is no program", "not on the path");
    bad("capability\n    name = x@1\n    command = /etc/passwd\n",
        "line 3: `command`: there is no program", "not executable");
}

static void from_the_command_line(void)
{
    const struct config_set sets[] = {{"log", "error"}, {"slots", "7"}};
    const struct config_set wrong = {"slots", "x"};
    struct agent_config *c = NULL;
    struct wf_err err;

    is_int(config_load(NULL, sets, 2, &c, &err), 0, "no file is needed");
    is_int(c->log_level, WF_LOG_ERROR, "log level from there");
    is_int(c->node.slots, 7, "slots from there");
    config_free(c);
    is_int(config_load(NULL, &wrong, 1, &c, &err), WEFT_ECONF, "a wrong value");
    is_int(config_load("/no/such/file", NULL, 0, &c, &err), WEFT_ENOENT, "no such file");
    ok(config_has("state") && !config_has("command"), "options outside sections");
}

static void help(void)
{
    struct wf_buf out = WF_BUF_INIT(1 << 16);

    is_int(config_help(&out), 0, "help");
    must(wf_buf_put(&out, "", 1) == 0);
    ok(strstr((char *) out.p, "stop_timeout") != NULL &&
           strstr((char *) out.p, "concurrency") != NULL,
       "names the options of both tables");
    wf_buf_fini(&out);
}

int main(void)
{
    (void) snprintf(path, sizeof path, "/tmp/weft-test-XXXXXX");
    must(mkstemp(path) >= 0);
    defaults();
    data();
    an_exec();
    files_and_versions();
    a_worker();
    placement();
    mistakes();
    from_the_command_line();
    help();
    (void) unlink(path);
    return done();
}
