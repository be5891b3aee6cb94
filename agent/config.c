#include "agent/config.h"

#include "agent/config/capability.h"
#include "agent/config/data.h"
#include "common/io/file.h"
#include "common/mem.h"
#include "common/parse.h"
#include "common/str.h"
#include "common/zpl.h"
#include "proto/name.h"

#include <stdio.h>
#include <string.h>

#define HELD_MIN (16u << 20)

#define SPEED_MIN_PM 10u
#define SPEED_MAX_PM 1000000u

#define AT(field) WF_CONF_AT(struct agent_config, field)

static const struct wf_conf_option options[] = {
    {"state", WF_CONF_STR, AT(state), "1", NULL, "/var/lib/weft/agent",
     "Folder of this node's key and identity."},
    {"scratch", WF_CONF_STR, AT(scratch), NULL, NULL, NULL,
     "Folder for the private folders of runs; empty: `scratch` in the state folder. A "
     "tmpfs spares flash."},
    {"runner", WF_CONF_STR, AT(runner), NULL, NULL, NULL,
     "Path of weft-runner; empty: where it was installed."},
    {"sandbox", WF_CONF_STR, AT(sandbox), NULL, NULL, "auto",
     "auto (bwrap where it works), require (run nothing without it) or none."},
    {"cgroup", WF_CONF_STR, AT(cgroup), NULL, NULL, "auto",
     "auto, off, or the cgroup v2 folder below which runs get theirs."},
    {"slots", WF_CONF_U64, AT(slots), "0", "8192", "0",
     "Jobs that may run at once; 0: as many as the capabilities have together."},
    {"label", WF_CONF_LIST, AT(labels), NULL, NULL, NULL,
     "key=value, for jobs to ask for."},
    {"broker", WF_CONF_LIST, AT(brokers), NULL, NULL, NULL,
     "A further broker that this node may turn to: its address and its key, such as "
     "\"tcp://HOST:PORT KEY\", the key in hex. Brokers also tell of each other."},
    {"log", WF_CONF_STR, AT(log), NULL, NULL, "info", "error, warn, info or debug."},
    {"telemetry", WF_CONF_DURATION, AT(telemetry_ms), "1s", "1h", "10s",
     "Time between reports of load, temperature and the like."},
    {"metered", WF_CONF_BOOL, AT(metered), NULL, NULL, "no",
     "The link costs money: reports at most every 5 minutes, and no blob is fetched that "
     "nothing waits for."},
    {"class", WF_CONF_STR, AT(class_), NULL, NULL, NULL,
     "Class of this machine, by which it is priced and run times are learned: machines "
     "of one class cost the same and run a job equally long. Empty: the name of its "
     "tier, as enrolled."},
    {"speed", WF_CONF_STR, AT(speed), NULL, NULL, "1",
     "How fast it is, against a machine of speed 1: 0.01 to 1000, at most three digits "
     "behind the point. Jobs whose run times are not known yet are placed by it."},
    {"spot", WF_CONF_BOOL, AT(spot), NULL, NULL, "no",
     "This machine may be taken away at short notice: what that would cost counts "
     "against it. Tell the notice with `weft-agent notice`."},
    {"stop_timeout", WF_CONF_DURATION, AT(stop_timeout_ms), "0", "1h", "10s",
     "Time that running jobs get to end when the agent is stopped."},
    {"stream_after", WF_CONF_DURATION, AT(stream_after_ms), "0", "1h", "200ms",
     "What a job prints is passed on while it runs once it has run this long."},
    {"max_log", WF_CONF_SIZE, AT(max_log), "0", "1G", "1M",
     "What is passed on of the output of one job; the rest is cut and counted."},
    {"spool_bytes", WF_CONF_SIZE, AT(spool_bytes), "0", "1T", "64M",
     "Results that end while the broker cannot be reached are kept in `spool` in the "
     "state "
     "folder, up to this size; 0: not at all. Memory that holds unacknowledged results "
     "is "
     "bounded by the same, but 16M at least: beyond it the agent takes no new work."},
    {"spool_age", WF_CONF_DURATION, AT(spool_age_ms), "0", NULL, "7d",
     "Results that waited for so long while the agent ran without a broker are dropped; "
     "0: "
     "never. The wall clock does not count."},
    {"data", WF_CONF_STR, AT(data), NULL, NULL, NULL,
     "Folder for the blobs of datasets, inputs and large results; empty: `blobs` in the "
     "state folder."},
    {"data_cap", WF_CONF_SIZE, AT(data_cap), NULL, NULL, "1G",
     "Bytes of blobs that are kept, at most; the least recently used ones go first. "
     "Files "
     "in place do not count. 0: this node keeps no data and takes no jobs with inputs."},
    {"data_floor", WF_CONF_SIZE, AT(data_floor), NULL, NULL, "512M",
     "Bytes of that disk that blobs leave free."},
    {"data_encrypt", WF_CONF_BOOL, AT(data_encrypt), NULL, NULL, "yes",
     "Whether blobs are encrypted on disk, with a key in the folder `data`. Files in "
     "place "
     "stay as they are."},
    {"data_listen", WF_CONF_STR, AT(data_listen), NULL, NULL, NULL,
     "Where other nodes may fetch blobs from this one, tcp://HOST:PORT; port * takes a "
     "free one. Empty: nowhere, the broker passes them on."},
    {"data_advertise", WF_CONF_STR, AT(data_advertise), NULL, NULL, NULL,
     "What others are told to connect to; empty: what data_listen came to."},
    {"data_patience", WF_CONF_DURATION, AT(data_patience_ms), "1s", NULL, "1m",
     "A job whose data nobody who can be reached has goes back to the broker after so "
     "long, for another agent; one whose data may not be here does so after 10 s at "
     "most."},
    {"data_rate", WF_CONF_SIZE, AT(data_rate), NULL, NULL, "0",
     "Bytes of blobs a second, at most, in each direction; 0: no limit."},
    {"data_day", WF_CONF_SIZE, AT(data_day), NULL, NULL, "0",
     "Bytes of blobs a day, at most, in each direction; 0: no limit."},
};

#undef AT
#define AT(field) WF_CONF_AT(struct config_capability, field)

static const struct wf_conf_option cap_options[] = {
    {"name", WF_CONF_STR, AT(name), "1", NULL, NULL,
     "What jobs ask for, with its version: wordcount@1."},
    {"kind", WF_CONF_STR, AT(kind), NULL, NULL, "exec",
     "exec (a process for each job) or worker (long-lived processes that take many)."},
    {"command", WF_CONF_STR, AT(command), "1", NULL, NULL,
     "Program and arguments, split at blanks; quotes group. No shell reads it. The "
     "program is a full path or is looked for in /usr/local/bin, "
     "/usr/bin and /bin. {payload} and {result} stand "
     "for files that hold the one and receive the other, {input:NAME} for an input of "
     "the "
     "job: a file or a folder."},
    {"arg", WF_CONF_LIST, AT(args), NULL, NULL, NULL,
     "One more argument, taken as it is."},
    {"payload", WF_CONF_STR, AT(payload), NULL, NULL, "stdin",
     "stdin, or file (its path is in WEFT_PAYLOAD)."},
    {"result", WF_CONF_STR, AT(result), NULL, NULL, "stdout",
     "stdout, or file (write it to the path in WEFT_RESULT)."},
    {"slots", WF_CONF_U64, AT(slots), "0", "4096", "0",
     "Jobs that may run at once; 0: one, or workers x concurrency."},
    {"queue", WF_CONF_STR, AT(queue), NULL, NULL, "auto",
     "Jobs kept ready beyond the slots: a number, or auto (1; as many as slots for a "
     "worker)."},
    {"workers", WF_CONF_U64, AT(workers), "1", "64", "1",
     "worker: how many processes, at most."},
    {"concurrency", WF_CONF_U64, AT(concurrency), "1", "1024", "1",
     "worker: jobs that one process takes at once."},
    {"memory", WF_CONF_SIZE, AT(memory), NULL, NULL, "0",
     "Memory limit of the process and all it starts; 0: none."},
    {"cpu", WF_CONF_DURATION, AT(cpu_ms), NULL, NULL, "0",
     "CPU time of one run; 0: no limit. Not for workers."},
    {"wall", WF_CONF_DURATION, AT(wall_ms), NULL, NULL, "10m",
     "Longest time of one job; 0: no limit."},
    {"output", WF_CONF_SIZE, AT(output), NULL, "1T", "0",
     "Largest result; 0: as much as data_cap (1M without data).  What the broker does "
     "not "
     "take inline stays here as a blob, for the submitter to fetch."},
    {"processes", WF_CONF_U64, AT(processes), "0", "65535", "64",
     "Processes and threads at once; 0: no limit."},
    {"file_size", WF_CONF_SIZE, AT(file_size), NULL, NULL, "0",
     "Largest file that it may write; 0: no limit."},
    {"files", WF_CONF_U64, AT(files), "0", "1048576", "0",
     "Open files of one process; 0: 1024."},
    {"network", WF_CONF_BOOL, AT(network), NULL, NULL, "no",
     "Whether it may use the network (sandbox only: without one it can)."},
    {"env", WF_CONF_LIST, AT(env), NULL, NULL, NULL,
     "NAME=VALUE, added to its environment, which is otherwise empty."},
    {"bind", WF_CONF_LIST, AT(binds), NULL, NULL, NULL,
     "A path that the sandbox shows read-only. Files named in the command are shown "
     "anyway."},
};

#undef AT

static const struct wf_conf_section sections[] = {
    {"capability", cap_options, ARRAY_LEN(cap_options),
     offsetof(struct agent_config, caps), sizeof(struct config_capability), WF_CAPS_MAX,
     offsetof(struct agent_config, ncaps)},
};

static const struct wf_conf_schema schema = {options, ARRAY_LEN(options), sections,
                                             ARRAY_LEN(sections)};

/* -- the whole ----------------------------------------------------------------------- */

static int check_folder(const struct check *k, const char *key, const char *path)
{
    return path[0] == '/' || path[0] == '\0' ? 0
                                             : check_wrong(k, key, "give a full path");
}

/* What placement goes by. */
static int check_place(const struct check *k, struct agent_config *c)
{
    uint64_t *speed_pm = &c->node.speed_pm;

    if (c->class_[0] != '\0' && !wf_name_ok(wf_slice_of(c->class_))) {
        return check_wrong(k, "class", "give a-z 0-9 . _ -, at most %u", WF_NAME_MAX);
    }
    if (wf_parse_decimal(c->speed, 3, speed_pm) != 0 || *speed_pm < SPEED_MIN_PM ||
        *speed_pm > SPEED_MAX_PM) {
        return check_wrong(k, "speed", "give a number from 0.01 to 1000");
    }
    (void) wf_str_copy(c->node.class_, sizeof c->node.class_, c->class_);
    c->node.metered = c->metered;
    c->node.spot = c->spot;
    return 0;
}

static int check_top(const struct check *k, struct agent_config *c)
{
    static const char *const sandbox[] = {"auto", "require", "none"};
    struct wf_broker_table brokers = {0};
    struct wf_err why = {0, ""};
    int rc;

    if (wf_log_level_parse(c->log, &c->log_level) != 0) {
        return check_wrong(k, "log", "give error, warn, info or debug");
    }
    rc = check_choose(k, "sandbox",
                      strcmp(c->sandbox, "bwrap") == 0 ? "require" : c->sandbox, sandbox,
                      ARRAY_LEN(sandbox));
    if (rc < 0) {
        return rc;
    }
    (void) wf_str_copy(c->sandbox, sizeof c->sandbox, sandbox[rc]);
    if ((rc = check_folder(k, "runner", c->runner)) != 0 ||
        (rc = check_folder(k, "scratch", c->scratch)) != 0) {
        return rc;
    }
    for (size_t i = 0; i < c->labels.n; i++) {
        if (!wf_label_ok(wf_slice_of(c->labels.item[i])) ||
            strlen(c->labels.item[i]) > WF_LABEL_MAX) {
            return check_wrong(k, "label", "`%.64s` is not key=value of at most %u bytes",
                               c->labels.item[i], WF_LABEL_MAX);
        }
        (void) wf_str_copy(c->node.labels[i], sizeof c->node.labels[i],
                           c->labels.item[i]);
    }
    c->node.nlabels = (unsigned) c->labels.n;
    for (size_t i = 0; i < c->brokers.n; i++) {
        if ((rc = wf_brokers_parse(&brokers, c->brokers.item[i], &why)) != 0) {
            return check_wrong(k, "broker", "%s", why.text);
        }
    }
    if (c->scratch[0] == '\0') {
        (void) snprintf(c->scratch, sizeof c->scratch, "%.*s/scratch", CONFIG_PATH - 10,
                        c->state);
    }
    return 0;
}

static int check_all(struct check *k, struct agent_config *c)
{
    uint64_t sum = 0;
    int rc;

    node_config_init(&c->node);
    c->node.stream_after_ms = c->stream_after_ms;
    c->node.max_log = c->max_log;
    c->node.spool_bytes = c->spool_bytes;
    c->node.spool_age_ms = c->spool_age_ms;
    c->node.max_held = wf_max_u64(c->spool_bytes, HELD_MIN);
    rc = check_top(k, c);
    if (rc == 0) {
        rc = check_place(k, c);
    }
    if (rc == 0) {
        rc = data_check(k, c);
    }
    for (size_t i = 0; rc == 0 && i < c->ncaps; i++) {
        k->section = i;
        rc = capability_check(k, c, i);
        sum += c->node.caps[i].slots;
    }
    c->node.ncaps = (unsigned) c->ncaps;
    c->node.slots = wf_min_u64(c->slots != 0 ? c->slots : sum, WF_RUNS_MAX);
    if (c->metered) {
        c->telemetry_ms = wf_max_u64(c->telemetry_ms, 5u * 60 * 1000);
    }
    return rc;
}

static int load(const char *path, const struct config_set *sets, size_t nsets,
                struct wf_buf *text, struct agent_config *c, struct wf_err *err)
{
    struct check k = {path, text, CHECK_TOP, err};
    struct wf_err why = {0, ""};
    int rc = path != NULL ? file_read(path, text, err) : 0;

    if (rc != 0) {
        return rc;
    }
    rc = wf_conf_parse(&schema, text->p != NULL ? (const char *) text->p : "", text->len,
                       c, &why);
    if (rc != 0) {
        return wf_err_set(err, rc, "%.100s: %.150s", path != NULL ? path : "", why.text);
    }
    for (size_t i = 0; i < nsets; i++) {
        rc = wf_conf_set(options, ARRAY_LEN(options), c, sets[i].key, sets[i].value, err);
        if (rc != 0) {
            return rc;
        }
    }
    return check_all(&k, c);
}

int config_load(const char *path, const struct config_set *sets, size_t nsets,
                struct agent_config **ret_config, struct wf_err *err)
{
    struct wf_buf text = WF_BUF_INIT(WF_ZPL_TEXT_MAX);
    struct agent_config *c = wf_calloc(1, sizeof *c);
    int rc;

    if (c == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for the configuration");
    }
    rc = load(path, sets, nsets, &text, c, err);
    wf_buf_fini(&text);
    if (rc != 0) {
        config_free(c);
        return rc;
    }
    *ret_config = c;
    return 0;
}

void config_free(struct agent_config *c)
{
    wf_free(c);
}

int config_has(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (strcmp(options[i].key, key) == 0) {
            return 1;
        }
    }
    return 0;
}

int config_help(struct wf_buf *out)
{
    (void) wf_conf_help(options, ARRAY_LEN(options), out);
    (void) wf_buf_printf(out, "\nIn each section `capability`:\n\n");
    return wf_conf_help(cap_options, ARRAY_LEN(cap_options), out);
}
