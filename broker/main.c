/* weft-broker: arguments, configuration, shell, exit code. */
#include "broker/link_file.h"
#include "broker/shell.h"
#include "client/include/weft/version.h"
#include "common/io/file.h"
#include "common/io/keys.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_USAGE 2

static int help(void)
{
    struct wf_buf table = WF_BUF_INIT(64u << 10);

    printf(
        "Usage: weft-broker --config FILE [--new-operator] [--repair]\n"
        "       weft-broker check --config FILE\n"
        "       weft-broker link --config FILE [--token-file FILE]\n"
        "\n"
        "The broker of a weft mesh: agents and clients connect to it, it keeps the jobs\n"
        "and places each on the nearest capable agent.\n"
        "\n"
        "  --config FILE    configuration (ZPL: name = value)\n"
        "  --new-operator   make a join token for another operator at this start\n"
        "  --repair         put damaged rows of the store aside, say which, then serve\n"
        "  link             become a neighbour of the broker whose token is given, so "
        "that\n"
        "                   work may go there and come from there; the token is made "
        "there:\n"
        "                   weft token create --role broker\n"
        "  check            read the configuration, say what is wrong, start nothing\n"
        "  --help, --version\n"
        "\n"
        "Options of the configuration file:\n\n");
    if (config_help(&table) == 0) {
        printf("%.*s", (int) table.len, (const char *) table.p);
    }
    wf_buf_fini(&table);
    return 0;
}

static int usage(const char *what, const char *arg)
{
    fprintf(stderr, "weft-broker: %s%s\n  next: weft-broker --help\n", what, arg);
    return EXIT_USAGE;
}

static int fail(const struct wf_err *err, const char *next)
{
    fprintf(stderr, "weft-broker: error %s: %s: %s\n  next: %s\n", wf_err_name(err->code),
            err->code == WEFT_EBUSY ? "another broker runs on this state"
                                    : wf_err_sentence(err->code),
            err->text, next);
    return err->code == WEFT_ECONF || err->code == WEFT_ENOENT ? EXIT_USAGE : 1;
}

/* With what to do next, where this program knows better than the list of errors. */
static int fail_start(const struct wf_err *err, const char *path)
{
    char repair[400];

    switch (err->code) {
    case WEFT_ECONF:
        return fail(err, "stop what uses that address, or change `listen`");
    case WEFT_EBUSY:
        return fail(err, "stop that process first, or give this broker a `state` folder "
                         "of its own");
    case WEFT_EIO:
        return fail(err, geteuid() != 0
                             ? "run it as root, or set `state` to a folder of your own"
                             : wf_err_next(err->code));
    case WEFT_ESTORAGE:
        (void) snprintf(repair, sizeof repair,
                        "look at the disk, then: weft-broker --config %s --repair", path);
        return fail(err, repair);
    default:
        return fail(err, wf_err_next(err->code));
    }
}

/* What a start would find wrong with the files that the configuration names. */
static int check_files(const struct config *cfg)
{
    struct wf_err err = {0};

    return config_check_files(cfg, &err) == 0
               ? 0
               : fail(&err, "correct that file, or set `prices` to another one");
}

int main(int argc, char **argv)
{
    const char *path = NULL;
    struct shell_options o = {0, 0};
    const char *token_file = NULL;
    int check_only = 0, link = 0, rc;
    struct wf_err err = {0};
    struct config cfg;
    struct log_sink log;
    struct shell *sh;

    file_fill_std();
    (void) umask(077);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return help();
        } else if (strcmp(argv[i], "--version") == 0) {
            printf("weft-broker %s\n", WEFT_VERSION);
            return 0;
        } else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            path = argv[++i];
        } else if (strcmp(argv[i], "--new-operator") == 0) {
            o.new_operator = 1;
        } else if (strcmp(argv[i], "--repair") == 0) {
            o.repair = 1;
        } else if (strcmp(argv[i], "check") == 0) {
            check_only = 1;
        } else if (strcmp(argv[i], "link") == 0) {
            link = 1;
        } else if (strcmp(argv[i], "--token-file") == 0 && i + 1 < argc) {
            token_file = argv[++i];
        } else {
            return usage("unknown argument ", argv[i]);
        }
    }
    if (path == NULL) {
        return usage("which configuration? say --config FILE", "");
    }
    if (config_load(path, &cfg, &err) != 0) {
        return fail(&err, err.code == WEFT_ENOENT ? "name a file that can be read"
                                                  : wf_err_next(err.code));
    }
    rc = check_files(&cfg);
    if (rc != 0) {
        return rc;
    }
    if (check_only) {
        printf("ok  %s\n", path);
        return 0;
    }
    if (keys_init() != 0) {
        return usage("libsodium does not start", "");
    }
    if (link) {
        rc = link_enrol(&cfg, token_file, &err);
        err.code = rc;
        return rc == 0 ? 0
                       : fail(&err, rc == WEFT_ENOENT ? "name a file that can be read"
                                                      : wf_err_next(rc));
    }
    log_init(&log, config_log_level(&cfg));
    rc = shell_new(&cfg, &log, &o, &sh, &err);
    if (rc != 0) {
        err.code = rc;
        return fail_start(&err, path);
    }
    rc = shell_run(sh);
    shell_free(sh);
    return rc == 0 ? 0 : 1;
}
