/* completion.c - weft completion: scripts for shells, which ask `weft complete` */
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"

#define COMPLETE_MS 1500 /* nobody waits longer for a Tab */

/* The shells only hand over the words; what fits is told by the tables in this program,
 * so a script never goes stale. */
static const char bash[] =
    "# weft completion for bash:  source <(weft completion bash)\n"
    "_weft() {\n"
    "    local IFS=$'\\n' cur=\"${COMP_WORDS[COMP_CWORD]}\" lines\n"
    "    lines=$(weft complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
    "    COMPREPLY=($(compgen -W \"$(cut -f1 <<<\"$lines\")\" -- \"$cur\"))\n"
    "    if [[ ${#COMPREPLY[@]} -eq 0 && $cur != -* ]]; then\n"
    "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
    "        compopt -o filenames 2>/dev/null\n"
    "    fi\n"
    "}\n"
    "complete -F _weft weft\n";

static const char zsh[] =
    "#compdef weft\n"
    "# weft completion for zsh:  weft completion zsh > \"${fpath[1]}/_weft\"\n"
    "_weft() {\n"
    "    local -a found\n"
    "    local line\n"
    "    for line in \"${(@f)$(weft complete -- \"${(@)words[2,CURRENT]}\" "
    "2>/dev/null)}\"; do\n"
    "        [[ -n $line ]] && "
    "found+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\")\n"
    "    done\n"
    "    if (( ${#found} )); then _describe weft found; else _files; fi\n"
    "}\n"
    "if [ \"$funcstack[1]\" = _weft ]; then _weft; else compdef _weft weft; fi\n";

static const char fish[] = "# weft completion for fish:  weft completion fish > "
                           "~/.config/fish/completions/weft.fish\n"
                           "function __weft_complete\n"
                           "    set -l words (commandline -opc) (commandline -ct)\n"
                           "    weft complete -- $words[2..-1] 2>/dev/null\n"
                           "end\n"
                           "complete -c weft -a '(__weft_complete)'\n";

static int completion(struct cli *cli, const void *args, int n, char **operands)
{
    const char *shell = operands[0];

    (void) args;
    (void) n;
    if (strcmp(shell, "bash") != 0 && strcmp(shell, "zsh") != 0 &&
        strcmp(shell, "fish") != 0) {
        return cli_usage(cli, "completion is there for bash, zsh and fish, not for `%s`",
                         shell);
    }
    fputs(shell[0] == 'b' ? bash : shell[0] == 'z' ? zsh : fish, cli->out.f);
    return CLI_OK;
}

static void offer(struct cli *cli, const char *typed, const char *word, const char *help)
{
    if (strncmp(word, typed, strlen(typed)) == 0) {
        fprintf(cli->out.f, "%s\t%s\n", word, help);
    }
}

/* The next word of each command that starts with the words so far. */
static int offer_commands(struct cli *cli, int n, char **words, const char *typed)
{
    char last[64] = "";
    int found = 0;

    for (size_t i = 0; cmd_at(i) != NULL; i++) {
        const char *name = cmd_at(i)->name, *rest = name, *help = cmd_at(i)->summary;
        char word[64];
        int at = 0;

        while (at < n && strncmp(rest, words[at], strlen(words[at])) == 0 &&
               rest[strlen(words[at])] == ' ') {
            rest += strlen(words[at++]) + 1;
        }
        if (cmd_at(i)->group == NULL || at < n) {
            continue;
        }
        snprintf(word, sizeof(word), "%.*s", (int) strcspn(rest, " "), rest);
        if (strcmp(word, last) != 0) {
            offer(cli, typed, word, strchr(rest, ' ') != NULL ? "..." : help);
            snprintf(last, sizeof(last), "%s", word);
        }
        found = 1;
    }
    return found;
}

static void offer_opts(struct cli *cli, const struct opt *opts, size_t n,
                       const char *typed)
{
    for (size_t i = 0; i < n; i++) {
        char word[64];

        snprintf(word, sizeof(word), "--%s", opts[i].name);
        offer(cli, typed, word, opts[i].help);
    }
}

static int quick_connect(struct cli *cli)
{
    char why[64];

    cli->timeout_ms = COMPLETE_MS;
    return cli_open(cli, why, sizeof(why));
}

static void offer_nodes(struct cli *cli, const char *typed)
{
    struct weft_node *rows = NULL;
    size_t n = 0;

    if (quick_connect(cli) == 0 &&
        weft_nodes(cli->client, NULL, COMPLETE_MS, &rows, &n) == 0) {
        for (size_t i = 0; i < n; i++) {
            if (strcmp(rows[i].role, "agent") == 0) {
                offer(cli, typed, rows[i].name, rows[i].state);
            }
        }
        weft_rows_free(rows);
    }
}

static void offer_jobs(struct cli *cli, const char *typed)
{
    struct weft_job_row *rows = NULL;
    size_t n = 0;

    if (quick_connect(cli) == 0 &&
        weft_jobs(cli->client, NULL, 30, COMPLETE_MS, &rows, &n) == 0) {
        for (size_t i = 0; i < n; i++) {
            char id[WEFT_ID_TEXT];

            weft_id_text(&rows[i].id, id);
            id[8] = '\0';
            offer(cli, typed, id, weft_state_name(rows[i].state));
        }
        weft_rows_free(rows);
    }
}

/* Capabilities of all nodes, each once (as far as neighbours repeat). */
static void offer_caps(struct cli *cli, const char *typed)
{
    struct weft_node *rows = NULL;
    size_t n = 0;

    if (quick_connect(cli) < 0 ||
        weft_nodes(cli->client, NULL, COMPLETE_MS, &rows, &n) < 0) {
        return;
    }
    for (size_t i = 0; i < n && i < 16; i++) {
        struct weft_node_full *node = NULL;

        if (rows[i].caps > 0 &&
            weft_node(cli->client, rows[i].name, COMPLETE_MS, &node) == 0) {
            for (size_t c = 0; c < node->ncaps; c++) {
                offer(cli, typed, node->caps[c].name, node->caps[c].kind);
            }
            weft_free(node);
        }
    }
    weft_rows_free(rows);
}

static void offer_contexts(struct cli *cli, const char *typed)
{
    struct weft_context *rows = NULL;
    size_t n = 0;

    if (weft_contexts(&rows, &n, NULL, 0) == 0) {
        for (size_t i = 0; i < n; i++) {
            offer(cli, typed, rows[i].name, rows[i].role);
        }
        weft_rows_free(rows);
    }
}

static void offer_datasets(struct cli *cli, const char *typed)
{
    struct weft_dataset *rows = NULL;
    size_t n = 0;

    if (quick_connect(cli) == 0 &&
        weft_datasets(cli->client, COMPLETE_MS, &rows, &n) == 0) {
        for (size_t i = 0; i < n; i++) {
            if (i == 0 || strcmp(rows[i].name, rows[i - 1].name) != 0) {
                offer(cli, typed, rows[i].name, rows[i].labels);
            }
        }
        weft_rows_free(rows);
    }
}

static void offer_errors(struct cli *cli, const char *typed)
{
    int code;

    for (size_t i = 0; (code = weft_error_at(i)) != 0; i++) {
        offer(cli, typed, weft_errname(code), weft_strerror(code));
    }
}

static void offer_operands(struct cli *cli, const struct cmd *cmd, int given,
                           char **operands, const char *typed)
{
    switch (cmd->operand) {
    case CMD_NODE:
        offer_nodes(cli, typed);
        break;
    case CMD_JOB:
        offer_jobs(cli, typed);
        break;
    case CMD_CAP:
        if (given == 0) {
            offer_caps(cli, typed);
        }
        break;
    case CMD_CONTEXT:
        offer_contexts(cli, typed);
        break;
    case CMD_DATASET:
        offer_datasets(cli, typed);
        break;
    case CMD_ERROR_NAME:
        offer_errors(cli, typed);
        break;
    case CMD_COMMAND:
        offer_commands(cli, given, operands, typed);
        break;
    case CMD_SHELL:
        offer(cli, typed, "bash", "");
        offer(cli, typed, "zsh", "");
        offer(cli, typed, "fish", "");
        break;
    default:
        break;
    }
}

/* The option that takes `typed` as its value because `before` is its name. */
static const struct opt *awaiting(const struct cmd *cmd, const char *before)
{
    const struct opt *tables[] = {cmd != NULL ? cmd->opts : NULL, cli_globals};
    size_t counts[] = {cmd != NULL ? cmd->nopts : 0, cli_nglobals};

    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < counts[t]; i++) {
            const struct opt *opt = &tables[t][i];

            if (opt->kind != OPT_FLAG &&
                ((strncmp(before, "--", 2) == 0 && strcmp(before + 2, opt->name) == 0) ||
                 (before[0] == '-' && before[1] == opt->letter && before[2] == '\0'))) {
                return opt;
            }
        }
    }
    return NULL;
}

static void offer_values(struct cli *cli, const struct opt *opt, const char *typed)
{
    if (strcmp(opt->name, "node") == 0 || strcmp(opt->name, "to") == 0) {
        offer_nodes(cli, typed);
    } else if (strcmp(opt->name, "context") == 0) {
        offer_contexts(cli, typed);
    } else if (opt->value != NULL && strchr(opt->value, '|') != NULL) {
        for (const char *p = opt->value; *p != '\0'; p += strcspn(p, "|")) {
            char word[32];
            size_t n;

            /* Of "stop-after=TIME" what stands as it is. */
            p += *p == '|';
            n = strcspn(p, "|=");
            snprintf(word, sizeof(word), "%.*s", (int) (n + (p[n] == '=')), p);
            offer(cli, typed, word, "");
        }
    }
}

/* The words so far; the last one, maybe empty, is being typed. */
static int complete(struct cli *cli, const void *args, int n, char **words)
{
    const char *typed = n > 0 ? words[n - 1] : "";
    const struct cmd *cmd;
    const struct opt *opt;
    int before = n > 0 ? n - 1 : 0, first = 0, used = 0;

    (void) args;
    while (first < before && words[first][0] == '-') {
        first += awaiting(NULL, words[first]) != NULL ? 2 : 1;
    }
    first = first < before ? first : before;
    cmd = cmd_find(before - first, words + first, &used);
    opt = before > 0 ? awaiting(cmd, words[before - 1]) : NULL;
    if (opt != NULL) {
        offer_values(cli, opt, typed);
    } else if (cmd == NULL && typed[0] != '-') {
        offer_commands(cli, before - first, words + first, typed);
    } else if (typed[0] == '-') {
        offer_opts(cli, cmd != NULL ? cmd->opts : NULL, cmd != NULL ? cmd->nopts : 0,
                   typed);
        offer_opts(cli, cli_globals, cli_nglobals, typed);
    } else {
        offer_operands(cli, cmd, before - first - used, words + first + used, typed);
    }
    return CLI_OK;
}

const struct cmd cmd_completion = {
    .name = "completion",
    .group = "This program",
    .operands = "bash | zsh | fish",
    .summary = "Print a completion script for a shell",
    .details = "  source <(weft completion bash)\n",
    .min = 1,
    .max = 1,
    .operand = CMD_SHELL,
    .run = completion,
};

const struct cmd cmd_complete = {
    .name = "complete",
    .operands = "-- WORD...",
    .summary = "Print what may stand at the last word, for completion scripts",
    .max = -1,
    .run = complete,
};
