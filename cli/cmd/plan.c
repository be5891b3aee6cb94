/* plan.c - weft plan: where a job would go, before it is submitted */
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/job/outcome.h"
#include "cli/job/spec.h"
#include "cli/view/why.h"

struct plan_args {
    struct spec_args spec; /* first: see SPEC_OPTS */
    struct opt_list what_if;
};

static const struct plan_args defaults = {.spec = SPEC_DEFAULTS};

#define AT(field) offsetof(struct plan_args, field)

static const struct opt opts[] = {
    SPEC_OPTS,
    {"what-if", 'W', OPT_LIST, "down=NODE|site=SITE", AT(what_if), 0, 0,
     "as if that node, or all nodes of that site, were away; repeatable"},
};

/* "down=NODE" is "node=NODE" for the broker. */
struct without {
    char text[OPT_LIST_MAX][96];
    const char *v[OPT_LIST_MAX];
    size_t n;
};

static int take_what_if(struct cli *cli, const struct opt_list *list,
                        struct without *without)
{
    for (size_t i = 0; i < list->n; i++) {
        const char *said = list->values[i], *name = strchr(said, '=');
        int down = strncmp(said, "down=", 5) == 0;

        if ((!down && strncmp(said, "site=", 5) != 0) || name[1] == '\0' ||
            strlen(name) > 64) {
            return cli_usage(cli, "--what-if wants down=NODE or site=SITE, not `%s`",
                             said);
        }
        snprintf(without->text[i], sizeof(without->text[i]), "%s%s",
                 down ? "node" : "site", name);
        without->v[i] = without->text[i];
    }
    without->n = list->n;
    return CLI_OK;
}

static int show(struct cli *cli, const struct weft_job *job,
                const struct without *without)
{
    struct weft_why *why = NULL;
    char text[400] = "";
    int rc = weft_plan(cli->client, job, without->v, without->n, cli_wait_ms(cli), &why,
                       text, sizeof(text));

    if (rc < 0 && rc != WEFT_EINVAL && *text != '\0') {
        return cli_fail(cli, rc, "%s", text);
    }
    if (rc < 0) {
        return outcome_unsent(cli, job, job->payload_len, rc);
    }
    if (cli->json) {
        why_json(cli, "plan", why);
    } else {
        why_print(cli, why);
        cli_footer(cli, "%s", "nothing was submitted");
    }
    weft_free(why);
    return CLI_OK;
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    const struct plan_args *args = args_;
    struct spec_parts parts = {.ntexts = 0};
    struct spec_payload payload = {NULL, 0, NULL};
    struct without without = {.n = 0};
    struct weft_job job;
    int rc = spec_job(cli, &args->spec, operands[0], &parts, &job);

    if (rc == CLI_OK) {
        rc = take_what_if(cli, &args->what_if, &without);
    }
    if (rc == CLI_OK) {
        rc = spec_payload(cli, &args->spec, n - 1, operands + 1, 0, &payload);
    }
    if (rc == CLI_OK) {
        rc = cli_connect(cli);
    }
    if (rc == CLI_OK) {
        spec_find_jobs(cli, &parts);
        spec_put_payload(&payload, &job);
        rc = show(cli, &job, &without);
    }
    free(payload.data);
    spec_parts_fini(&parts);
    return rc;
}

const struct cmd cmd_plan = {
    .name = "plan",
    .group = "Work",
    .operands = "CAPABILITY [FILE | -]",
    .summary = "Tell where a job would go and what it would cost; nothing runs",
    .details =
        "  weft plan detect frame.jpg                    as weft submit, but only asked\n"
        "  weft plan detect frame.jpg --goal cost\n"
        "  weft plan train --input in=photos --what-if site=lyon\n"
        "  weft plan train --input in=photos --what-if down=gpu-1 --what-if down=gpu-2\n"
        "\n"
        "Takes the options of submit and prints what `weft why` would.  Of the payload\n"
        "only the size counts.\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct plan_args),
    .defaults = &defaults,
    .min = 1,
    .max = 2,
    .operand = CMD_CAP,
    .run = run,
};
