#include "cli/cmd.h"

#include <string.h>

#include "cli/tool/suggest.h"

static const struct cmd *const commands[] = {
#define C(name) &cmd_##name,
#include "cli/cmds.def"
#undef C
};

const struct cmd *cmd_at(size_t i)
{
    return i < sizeof(commands) / sizeof(commands[0]) ? commands[i] : NULL;
}

/* Words of `name` when argv starts with them, else 0. */
static int matches(const char *name, int argc, char **argv)
{
    int words = 0;

    while (words < argc) {
        size_t n = strcspn(name, " ");

        if (strlen(argv[words]) != n || memcmp(name, argv[words], n) != 0) {
            return 0;
        }
        words++;
        if (name[n] == '\0') {
            return words;
        }
        name += n + 1;
    }
    return 0;
}

const struct cmd *cmd_find(int argc, char **argv, int *ret_words)
{
    for (size_t i = 0; cmd_at(i) != NULL; i++) {
        int words = matches(cmd_at(i)->name, argc, argv);

        if (words > 0) {
            *ret_words = words;
            return cmd_at(i);
        }
    }
    return NULL;
}

/* "drain, label, show": the second words of the commands that start with `word`. */
static size_t below(const char *word, char *text, size_t cap)
{
    size_t len = strlen(word), used = 0, found = 0;

    text[0] = '\0';
    for (size_t i = 0; cmd_at(i) != NULL; i++) {
        const char *name = cmd_at(i)->name;

        if (strncmp(name, word, len) == 0 && name[len] == ' ' && used < cap) {
            used += (size_t) snprintf(text + used, cap - used, "%s%s",
                                      found > 0 ? ", " : "", name + len + 1);
            found++;
        }
    }
    return found;
}

int cmd_unknown(struct cli *cli, int argc, char **argv)
{
    struct suggest near;
    char typed[128], words[256];

    if (below(argv[0], words, sizeof(words)) > 0 && argc == 1) {
        return cli_usage(cli, "`weft %s` wants one of: %s", argv[0], words);
    }
    snprintf(typed, sizeof(typed), "%s%s%s", argv[0], words[0] != '\0' ? " " : "",
             words[0] != '\0' ? argv[1] : "");
    suggest_start(&near, typed);
    for (size_t i = 0; cmd_at(i) != NULL; i++) {
        if (cmd_at(i)->group != NULL) {
            suggest_try(&near, cmd_at(i)->name);
        }
    }
    if (near.best != NULL) {
        return cli_usage(cli, "unknown command `%s`: did you mean `weft %s`?", typed,
                         near.best);
    }
    return cli_usage(cli, "unknown command `%s`", typed);
}
