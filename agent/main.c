/* main.c - weft-agent: arguments, configuration, then one of its commands */
#include "agent/config.h"
#include "agent/data/ask.h"
#include "agent/handlers.h"
#include "agent/join.h"
#include "agent/shell.h"
#include "agent/spool.h"
#include "client/include/weft/version.h"
#include "common/io/file.h"
#include "common/io/identity.h"
#include "common/io/keys.h"
#include "common/parse.h"
#include "common/str.h"

#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SETS_MAX  32
#define NOTICE_MS 120000 /* what most clouds give */

enum exit_code {
    EXIT_OK,
    EXIT_ERROR,
    EXIT_USAGE,
    EXIT_UNREACH,
    EXIT_DENIED,
    EXIT_NOTFOUND,
    EXIT_BUSY
};

struct args {
    const char *command; /* "run", "join", "leave", "check", "data", "notice" */
    const char *config;  /* NULL: none named */
    const char *name, *token_file;
    uint64_t timeout_ms;
    struct ask_opts ask; /* data, notice */
    size_t nsets;
    struct config_set sets[SETS_MAX];
    char keys[SETS_MAX][64];
    int done; /* help or version was printed */
};

static int help(void)
{
    struct wf_buf table = WF_BUF_INIT(64u << 10);

    printf("Usage: weft-agent [--config FILE]\n"
           "       weft-agent join [--config FILE] [--name NAME] [--token-file FILE]\n"
           "       weft-agent leave [--config FILE]\n"
           "       weft-agent check [--config FILE]\n"
           "       weft-agent data add PATH [--in-place] [--config FILE]\n"
           "       weft-agent data ls|scrub|stats [--config FILE]\n"
           "       weft-agent notice [--in TIME] [--config FILE]\n"
           "\n"
           "Runs jobs of a weft mesh on this machine.\n"
           "\n"
           "  join       enrol this machine: draws a key that never leaves it\n"
           "  leave      forget key and identity\n"
           "  check      read the configuration, say what is wrong, start nothing\n"
           "  data       ask the agent that runs here about the blobs that it keeps:\n"
           "             add a file or a folder (prints DIGEST SIZE PATH of each file), "
           "list\n"
           "             them, look for damage now, tell how much there is\n"
           "  notice     tell the agent that runs here that this machine is taken away: "
           "it takes\n"
           "             no more work and gives back what did not start\n"
           "\n"
           "  --config FILE      configuration; default " CONFIG_DEFAULT "\n"
           "  --token-file FILE  join: the token; default standard input (never an "
           "argument,\n"
           "                     where others see it)\n"
           "  --name NAME        join: wished for when the token names none; default: "
           "the host's\n"
           "  --timeout TIME     join: how long to try; default 20s\n"
           "  --in-place         data add: give out the files where they are, without "
           "a copy\n"
           "  --in TIME          notice: when; default 2m\n"
           "  --help, --version\n"
           "\n"
           "Options outside sections also go on the command line: --state DIR.\n"
           "Exit codes: 0 ok, 1 error, 2 usage or configuration, 3 cannot reach the "
           "broker\nor the agent, 4 not authorised, 5 not enrolled or no such file, 6 "
           "in use by\nanother process.\n"
           "\n"
           "Options of the configuration file:\n\n");
    if (config_help(&table) == 0) {
        printf("%.*s", (int) table.len, (const char *) table.p);
    }
    wf_buf_fini(&table);
    return EXIT_OK;
}

static int exit_of(int code)
{
    switch (code) {
    case 0:
        return EXIT_OK;
    case WEFT_ECONF:
    case WEFT_EINVAL:
        return EXIT_USAGE;
    case WEFT_EUNREACH:
    case WEFT_ETIMEOUT:
        return EXIT_UNREACH;
    case WEFT_EAUTH:
    case WEFT_EPERM:
    case WEFT_EKEY:
    case WEFT_EREVOKED:
    case WEFT_ETOKEN:
    case WEFT_ETOKENUSED:
    case WEFT_ETOKENEXPIRED:
    case WEFT_ETOKENROLE:
        return EXIT_DENIED;
    case WEFT_ENOENT:
        return EXIT_NOTFOUND;
    case WEFT_EBUSY:
        return EXIT_BUSY;
    default:
        return EXIT_ERROR;
    }
}

/* What to do next, where this program knows better than the list of errors. */
static const char *next_step(const struct args *a, int code)
{
    int joining = strcmp(a->command, "join") == 0;
    int data = strcmp(a->command, "data") == 0;

    if ((data || strcmp(a->command, "notice") == 0) && code == WEFT_EUNREACH) {
        return "start it, or name its --config or --state";
    }
    if (data && code == WEFT_ENOENT) {
        return "name a file or a folder that is there";
    }
    if (data && code == WEFT_ESUPPORT) {
        return "set data_cap above 0, and start it again";
    }
    switch (code) {
    case WEFT_EEXIST:
        return "join with another --name, or a token for another name";
    case WEFT_ESTATE:
        return "nothing, if that is right; to start over: `weft-agent leave`, then join";
    case WEFT_ENOENT:
        return joining
                   ? "name a file that holds the token"
                   : "enrol it: `weft-agent join --token-file FILE` with a token from "
                     "`weft token create`";
    case WEFT_ECONF:
        return a->config != NULL && access(a->config, R_OK) != 0
                   ? "name a file that can be read"
                   : wf_err_next(code);
    case WEFT_EBUSY:
        return "stop that process first, or give another --state folder";
    case WEFT_ETOKENROLE:
        return "make one for an agent: `weft token create --role agent`";
    case WEFT_EUNREACH:
        return "check that weft-broker runs and that this device may connect to its "
               "address; then run the same command again";
    case WEFT_EIO:
        return geteuid() != 0 ? "run it as root, or give a --state folder of your own"
                              : wf_err_next(code);
    case WEFT_EINVAL:
        return "weft-agent --help";
    case WEFT_ESUPPORT:
        return "install bubblewrap, or set `sandbox = auto`";
    default:
        return wf_err_next(code);
    }
}

static int fail(const struct args *a, int code, const struct wf_err *err)
{
    (void) fflush(stdout);
    fprintf(stderr, "error %s: %s\n  next: %s\n", wf_err_name(code),
            err->text[0] != '\0' ? err->text : wf_err_sentence(code), next_step(a, code));
    return exit_of(code);
}

static int usage(const char *what, const char *arg)
{
    fprintf(stderr, "weft-agent: %s%s\n  next: weft-agent --help\n", what, arg);
    return EXIT_USAGE;
}

/* -- arguments ------------------------------------------------------------------------
 */

/* An option of the configuration: `--stop-timeout 5s` sets stop_timeout. */
static int take_set(struct args *a, const char *arg, const char *value)
{
    char *key = a->keys[a->nsets < SETS_MAX ? a->nsets : 0];

    if (a->nsets == SETS_MAX || wf_str_copy(key, sizeof a->keys[0], arg + 2) != 0) {
        return usage("too many or too long options: ", arg);
    }
    for (char *c = key; *c != '\0'; c++) {
        *c = *c == '-' ? '_' : *c;
    }
    if (!config_has(key)) {
        return usage("unknown option ", arg);
    }
    if (value == NULL) {
        return usage("a value is missing after ", arg);
    }
    a->sets[a->nsets++] = (struct config_set){key, value};
    return 0;
}

static int take_option(struct args *a, const char *arg, const char *value)
{
    static const char *const own[] = {"--config", "--name", "--token-file", "--timeout",
                                      "--in"};
    int joining = strcmp(a->command, "join") == 0;

    for (size_t i = 0; value == NULL && i < ARRAY_LEN(own); i++) {
        if (strcmp(arg, own[i]) == 0) {
            return usage("a value is missing after ", arg);
        }
    }
    if (strcmp(arg, "--config") == 0) {
        a->config = value;
    } else if (joining && strcmp(arg, "--name") == 0) {
        a->name = value;
    } else if (joining && strcmp(arg, "--token-file") == 0) {
        a->token_file = value;
    } else if (joining && strcmp(arg, "--timeout") == 0) {
        if (wf_parse_duration_ms(value, &a->timeout_ms) != 0) {
            return usage("--timeout takes a duration such as 30s, not ", value);
        }
    } else if (strcmp(a->command, "notice") == 0 && strcmp(arg, "--in") == 0) {
        if (wf_parse_duration_ms(value, &a->ask.left_ms) != 0) {
            return usage("--in takes a duration such as 30s, not ", value);
        }
    } else if (joining && strcmp(arg, "--token") == 0) {
        return usage("a token does not go on the command line, where others see it: ",
                     "--token-file FILE");
    } else {
        return take_set(a, arg, value);
    }
    return 0;
}

/* What stands alone. */
static int take_word(struct args *a, const char *arg)
{
    const char **place = a->ask.action == NULL ? &a->ask.action : &a->ask.path;

    if (strcmp(a->command, "data") != 0) {
        return 0;
    }
    if (strcmp(arg, "--in-place") == 0) {
        a->ask.in_place = 1;
        return 1;
    }
    if (arg[0] == '-' || *place != NULL) {
        return 0;
    }
    *place = arg;
    return 1;
}

static int parse(int argc, char **argv, struct args *a)
{
    static const char *const commands[] = {"run",   "join", "leave",
                                           "check", "data", "notice"};
    int i = 1;

    if (argc > 1 && argv[1][0] != '-') {
        for (size_t k = 0; k < ARRAY_LEN(commands); k++) {
            a->command = strcmp(argv[1], commands[k]) == 0 ? commands[k] : a->command;
        }
        if (strcmp(a->command, argv[1]) != 0) {
            return usage("unknown command ", argv[1]);
        }
        i = 2;
    }
    for (; i < argc; i += 2) {
        int rc;

        if (take_word(a, argv[i])) {
            i--;
            continue;
        }
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            a->done = 1;
            return help();
        }
        if (strcmp(argv[i], "--version") == 0) {
            a->done = 1;
            printf("weft-agent %s\n", WEFT_VERSION);
            return EXIT_OK;
        }
        if (strncmp(argv[i], "--", 2) != 0) {
            return usage("unknown argument ", argv[i]);
        }
        rc = take_option(a, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
        if (rc != 0) {
            return rc;
        }
    }
    if (a->config == NULL && access(CONFIG_DEFAULT, F_OK) == 0) {
        a->config = CONFIG_DEFAULT;
    }
    return 0;
}

/* -- commands -------------------------------------------------------------------------
 */

static int reload(void *arg, struct agent_config **ret_config, struct wf_err *err)
{
    const struct args *a = arg;

    return config_load(a->config, a->sets, a->nsets, ret_config, err);
}

static int serve(struct args *a, const struct agent_config *c, const struct identity *id,
                 struct wf_err *err)
{
    struct log_sink log;
    struct shell_opts opts = {
        .config = c, .id = id, .log = &log, .reload = reload, .arg = a};
    struct shell *sh = NULL;
    char fingerprint[KEY_FINGERPRINT];
    int rc;

    log_init(&log, c->log_level);
    keys_fingerprint(id->keys.pub, fingerprint);
    log_info(&log, "agent", "starting",
             "version=%s name=%s site=%s tier=%s key=%s capabilities=%zu slots=%u",
             WEFT_VERSION, id->name, id->site, id->tier, fingerprint, c->ncaps,
             (unsigned) c->node.slots);
    if (c->ncaps == 0) {
        log_warn(&log, "agent", "no-capabilities",
                 "text=\"this node takes no jobs: add a section `capability` to %s\"",
                 a->config != NULL ? a->config : CONFIG_DEFAULT);
    }
    rc = shell_new(&opts, &sh, err);
    if (rc == 0) {
        rc = shell_run(sh, err);
    }
    shell_free(sh);
    return rc;
}

static int run(struct args *a, const struct agent_config *c, struct wf_err *err)
{
    struct identity id;
    int lock = -1;
    int rc = identity_load(c->state, &id, err);

    if (rc == 0) {
        rc = file_lock(c->state, &lock, err);
    }
    if (rc == 0) {
        rc = serve(a, c, &id, err);
    }
    keys_wipe(&id.keys, sizeof id.keys);
    file_unlock(lock);
    return rc;
}

/* Not a matter of the configuration: what is wrong there is told, no more. */
static void check_spool(const struct agent_config *c)
{
    struct spool *s = NULL;
    struct spool_counts n = {0};
    struct wf_err err = {0, ""};
    int rc = spool_new(c->state, &s, &err);

    if (rc == 0) {
        rc = spool_load(s, NULL, NULL, &n, &err);
    }
    spool_free(s);
    if (rc != 0) {
        printf("--  spool  %s\n", err.text);
        return;
    }
    printf("ok  spool  %zu results, %llu of %llu bytes\n", n.records,
           (unsigned long long) n.bytes, (unsigned long long) c->spool_bytes);
    if (n.damaged + n.aside + n.unread != 0) {
        printf("--  spool  %zu damaged, %zu put aside, %zu of another version or "
               "unreadable\n",
               n.damaged, n.aside, n.unread);
    }
}

/* Whom it would turn to, in the order of the first dials. */
static void check_brokers(const struct agent_config *c)
{
    struct wf_err err = {0, ""};
    struct wf_broker_table t;
    struct identity id;
    int rc = identity_load(c->state, &id, &err);

    if (rc == 0) {
        keys_wipe(&id.keys, sizeof id.keys);
        rc = identity_brokers(&id, c->state, &c->brokers, &t, &err);
    }
    if (rc != 0) {
        printf("--  broker  %s\n", err.text);
        return;
    }
    for (unsigned i = 0; i < t.n; i++) {
        char fingerprint[KEY_FINGERPRINT];

        keys_fingerprint(t.v[i].key.b, fingerprint);
        printf("ok  broker  %s  %s%s%s%s\n", t.v[i].endpoint, fingerprint,
               t.v[i].name[0] != '\0' ? "  " : "", t.v[i].name,
               i < id.endpoints.n ? "  (joined there)"
               : t.v[i].learned   ? "  (learned)"
                                  : "");
    }
}

static int check(const struct args *a, const struct agent_config *c, struct wf_err *err)
{
    char runner[PATH_MAX];
    int rc = handlers_find_runner(c, runner, sizeof runner, err);

    if (rc != 0) {
        return rc;
    }
    printf("ok  %s\nok  runner %s\n", a->config != NULL ? a->config : "defaults", runner);
    for (size_t i = 0; i < c->ncaps; i++) {
        const struct node_capability *n = &c->node.caps[i];

        printf("ok  capability %s@%u  %s, slots %u, queue %u: %s\n", n->name, n->version,
               wf_handler_name(n->kind), (unsigned) n->slots, (unsigned) n->queue,
               c->caps[i].spec.argv.v[0]);
    }
    check_brokers(c);
    check_spool(c);
    return 0;
}

static int join(const struct args *a, const struct agent_config *c, struct wf_err *err)
{
    const struct join_opts o = {.state = c->state,
                                .name = a->name,
                                .token_file = a->token_file,
                                .timeout_ms = a->timeout_ms};
    int rc = join_run(&o, err);

    if (rc == 0) {
        printf("next: systemctl enable --now weft-agent, or: weft-agent%s%s\n",
               a->config != NULL ? " --config " : " --state ",
               a->config != NULL ? a->config : c->state);
    }
    return rc;
}

static int data(struct args *a, const struct agent_config *c, struct wf_err *err)
{
    a->ask.state = c->state;
    a->ask.action = a->ask.action != NULL ? a->ask.action : "";
    return ask_run(&a->ask, err);
}

static int notice(struct args *a, const struct agent_config *c, struct wf_err *err)
{
    char in[WF_FORMAT_NUMBER];
    int rc;

    a->ask.state = c->state;
    a->ask.action = "notice";
    rc = ask_run(&a->ask, err);
    if (rc == 0) {
        printf("ok  taken away in %s: no more work is taken, what did not start is given "
               "back\n",
               wf_format_duration_ms(in, sizeof in, a->ask.left_ms));
    }
    return rc;
}

int main(int argc, char **argv)
{
    struct args a = {
        .command = "run", .timeout_ms = 20000, .ask = {.left_ms = NOTICE_MS}};
    struct agent_config *c = NULL;
    struct wf_err err = {0, ""};
    int rc;

    file_fill_std();
    rc = parse(argc, argv, &a);
    if (rc != 0 || a.done) {
        return rc;
    }
    /* One heap: arenas for each thread of ZeroMQ cost more than they give here. */
    (void) mallopt(M_ARENA_MAX, 1);
    /* Chunks of blobs come and go: their memory is given back when the data rests. */
    (void) mallopt(M_MMAP_THRESHOLD, 2 << 20);
    (void) mallopt(M_TRIM_THRESHOLD, 8 << 20);
    (void) signal(SIGPIPE, SIG_IGN);
    if (keys_init() != 0) {
        rc = wf_err_set(&err, WEFT_EIO, "libsodium does not start");
        return fail(&a, rc, &err);
    }
    rc = config_load(a.config, a.sets, a.nsets, &c, &err);
    if (rc == WEFT_ENOENT) {
        rc = WEFT_ECONF;
    }
    if (rc == 0) {
        rc = strcmp(a.command, "join") == 0     ? join(&a, c, &err)
             : strcmp(a.command, "leave") == 0  ? join_leave(c->state, &err)
             : strcmp(a.command, "check") == 0  ? check(&a, c, &err)
             : strcmp(a.command, "data") == 0   ? data(&a, c, &err)
             : strcmp(a.command, "notice") == 0 ? notice(&a, c, &err)
                                                : run(&a, c, &err);
    }
    config_free(c);
    return rc == 0 ? EXIT_OK : fail(&a, rc, &err);
}
