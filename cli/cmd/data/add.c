/* add.c - weft data add: a dataset of what the agent of this machine has on its disk */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/cmd.h"
#include "cli/data/agent.h"
#include "cli/tool/fmt.h"
#include "cli/view/data.h"

struct add_args {
    const char *name, *config;
    struct opt_list labels;
    int in_place, fresh;
};

#define AT(field) offsetof(struct add_args, field)

static const struct opt opts[] = {
    {"name", 'n', OPT_TEXT, "NAME", AT(name), 0, 0,
     "the dataset: a new version of it; needed"},
    {"in-place", 'i', OPT_FLAG, NULL, AT(in_place), 0, 0,
     "the agent gives the files out where they are, instead of copying them"},
    {"label", 'l', OPT_LIST, "KEY=VALUE", AT(labels), 0, 0,
     "of the dataset; residency=eu binds where it may be; repeatable"},
    {"new", 0, OPT_FLAG, NULL, AT(fresh), 0, 0, "the name must not be there yet"},
    {"config", 0, OPT_TEXT, "FILE", AT(config), 0, 0, "the agent's configuration"},
};

static uint64_t bytes_of(const struct agent_files *files)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < files->n; i++) {
        bytes += files->v[i].size;
    }
    return bytes;
}

static int name_them(struct cli *cli, const struct add_args *args,
                     const struct agent_files *files)
{
    char why[256] = "", *name = NULL;
    int code = weft_dataset_put(
        cli->client, args->name, args->labels.values, args->labels.n, files->v, files->n,
        args->fresh ? 0 : UINT32_MAX, cli_wait_ms(cli), &name, why, sizeof(why));

    if (code == WEFT_EINVAL) {
        return cli_usage(cli, "%s", why);
    }
    if (code < 0) {
        return data_fail(cli, code, args->name, why);
    }
    if (cli->json) {
        struct json json;

        json_begin(&json, cli->out.f, "put");
        json_text(&json, "dataset", name);
        json_uint(&json, "files", files->n);
        json_uint(&json, "bytes", bytes_of(files));
        json_end(&json);
    } else {
        fprintf(cli->out.f, "%s\n", name);
        cli_note(cli, "%zu file%s, %s", files->n, files->n == 1 ? "" : "s",
                 fmt_size(bytes_of(files)).s);
    }
    weft_free(name);
    return CLI_OK;
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    const struct add_args *args = args_;
    struct agent_files files = {NULL, 0, 0};
    int rc;

    (void) n;
    if (args->name == NULL) {
        return cli_usage(cli, "say with --name what the dataset is called");
    }
    rc = cli_connect(cli);
    if (rc == CLI_OK) {
        rc = agent_add(cli, operands[0], args->config, args->in_place, &files);
    }
    if (rc == CLI_OK && files.n == 0) {
        rc = cli_fail_next(cli, WEFT_ENOENT, "name a folder with files in it",
                           "there is no file in %s", operands[0]);
    }
    if (rc == CLI_OK) {
        rc = name_them(cli, args, &files);
    }
    agent_files_fini(&files);
    return rc;
}

const struct cmd cmd_data_add = {
    .name = "data add",
    .group = "Data",
    .operands = "PATH",
    .summary = "Make a dataset of files on this node's own disk, through its agent",
    .details =
        "  weft data add /var/lib/nvr/archive --in-place --name nvr-archive\n"
        "\n"
        "To be run on the node, as a user who may talk to its agent.  Files that are\n"
        "given out in place must not change: one that does is there no more.  Links\n"
        "and what is no file are left out.\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct add_args),
    .min = 1,
    .max = 1,
    .operand = CMD_FILE,
    .run = run,
};
