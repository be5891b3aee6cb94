/* spec.h - what to run and how, from the options that submit and run share */
#ifndef CLI_JOB_SPEC_H
#define CLI_JOB_SPEC_H

#include <stddef.h>

#include "cli/cli.h"
#include "cli/view/disconnect.h"
#include "cli/view/terms.h"

struct spec_args {
    const char *data, *node, *name, *job_class, *id, *disconnect, *goal, *group;
    uint64_t priority, timeout_ms, deadline_ms, retries, reuse_ms;
    uint64_t max_cost_pusd, second_pusd;
    struct opt_list needs, inputs, prefers, nears, fars;
    int spread, pack, hedge;
};

#define SPEC_UNSET UINT64_MAX

#define SPEC_DEFAULTS                                                                    \
    {                                                                                    \
        .priority = 4, .retries = SPEC_UNSET                                             \
    }

/* The rows of these options; `struct spec_args` is the first member of a command's own
 * arguments. */
#define SPEC_OPTS                                                                        \
    {"data",                                                                             \
     'd',                                                                                \
     OPT_TEXT,                                                                           \
     "TEXT",                                                                             \
     offsetof(struct spec_args, data),                                                   \
     0,                                                                                  \
     0,                                                                                  \
     "the payload itself, instead of a file"},                                           \
        {"need",                                                                         \
         'n',                                                                            \
         OPT_LIST,                                                                       \
         "NEED",                                                                         \
         offsetof(struct spec_args, needs),                                              \
         0,                                                                              \
         0,                                                                              \
         "only where this holds: site=lyon, tier!=cloud, cpus>=4, gpu>=1; repeatable"},  \
        {"input",                                                                        \
         'I',                                                                            \
         OPT_LIST,                                                                       \
         "NAME=REF",                                                                     \
         offsetof(struct spec_args, inputs),                                             \
         0,                                                                              \
         0,                                                                              \
         "data that the job reads as NAME: DATASET[@VERSION][/PATH] or a digest; "       \
         "repeatable"},                                                                  \
        {"node", 'N', OPT_TEXT,           "NODE", offsetof(struct spec_args, node),      \
         0,      0,   "only on this node"},                                              \
        {"priority",                                                                     \
         'p',                                                                            \
         OPT_UINT,                                                                       \
         "0-9",                                                                          \
         offsetof(struct spec_args, priority),                                           \
         0,                                                                              \
         9,                                                                              \
         "9 first, 0 last (default 4)"},                                                 \
        {"timeout",                                                                      \
         't',                                                                            \
         OPT_TIME,                                                                       \
         "TIME",                                                                         \
         offsetof(struct spec_args, timeout_ms),                                         \
         1,                                                                              \
         0,                                                                              \
         "longest run of one attempt (default: the agent's limit); how long to wait "    \
         "for "                                                                          \
         "the broker stands before the command: weft --timeout 2s submit ..."},          \
        {"deadline",                                                                     \
         'D',                                                                            \
         OPT_TIME,                                                                       \
         "TIME",                                                                         \
         offsetof(struct spec_args, deadline_ms),                                        \
         1,                                                                              \
         0,                                                                              \
         "give up on the job when it is not done after this time"},                      \
        {"retries",                                                                      \
         'r',                                                                            \
         OPT_UINT,                                                                       \
         "N",                                                                            \
         offsetof(struct spec_args, retries),                                            \
         0,                                                                              \
         99,                                                                             \
         "attempts after the first that failed (default: the broker's)"},                \
        {"name",                                                                         \
         0,                                                                              \
         OPT_TEXT,                                                                       \
         "LABEL",                                                                        \
         offsetof(struct spec_args, name),                                               \
         0,                                                                              \
         0,                                                                              \
         "a label for people: weft jobs --name LABEL"},                                  \
        {"class",                                                                        \
         0,                                                                              \
         OPT_CHOICE,                                                                     \
         "fast|durable",                                                                 \
         offsetof(struct spec_args, job_class),                                          \
         0,                                                                              \
         0,                                                                              \
         "what ACCEPTED means: in the broker's memory, or on its disk (default: on "     \
         "disk if it can)"},                                                             \
        {"disconnect",                                                                   \
         0,                                                                              \
         OPT_TEXT,                                                                       \
         DISCONNECT_VALUES,                                                              \
         offsetof(struct spec_args, disconnect),                                         \
         0,                                                                              \
         0,                                                                              \
         "when its agent is cut off: wait for it; have the agent stop it, then try "     \
         "again; or try again elsewhere while it goes on (default: replace-after the "   \
         "broker's grace)"},                                                             \
        {"reuse",                                                                        \
         0,                                                                              \
         OPT_TIME,                                                                       \
         "TIME",                                                                         \
         offsetof(struct spec_args, reuse_ms),                                           \
         1,                                                                              \
         0,                                                                              \
         "a like job (same capability, version, payload and needs, submitted with "      \
         "--reuse, too) that runs, or whose result is no older than this, will do"},     \
        {"goal",                                                                         \
         'g',                                                                            \
         OPT_CHOICE,                                                                     \
         TERMS_GOALS,                                                                    \
         offsetof(struct spec_args, goal),                                               \
         0,                                                                              \
         0,                                                                              \
         "what it is placed for: how much money a second is worth (default: the "        \
         "broker's, balanced)"},                                                         \
        {"second-worth",                                                                 \
         0,                                                                              \
         OPT_USD,                                                                        \
         "USD",                                                                          \
         offsetof(struct spec_args, second_pusd),                                        \
         1,                                                                              \
         0,                                                                              \
         "that much, such as 0.0001, instead of what the goal says"},                    \
        {"max-cost",                                                                     \
         0,                                                                              \
         OPT_USD,                                                                        \
         "USD",                                                                          \
         offsetof(struct spec_args, max_cost_pusd),                                      \
         1,                                                                              \
         0,                                                                              \
         "not where it would cost more than this, such as 0.002"},                       \
        {"prefer",                                                                       \
         0,                                                                              \
         OPT_LIST,                                                                       \
         "NEED:TIME",                                                                    \
         offsetof(struct spec_args, prefers),                                            \
         0,                                                                              \
         0,                                                                              \
         "rather where this holds, as if it were so much sooner: site=lyon:200ms; "      \
         "repeatable"},                                                                  \
        {"near",                                                                         \
         0,                                                                              \
         OPT_LIST,                                                                       \
         "job:ID|data:NAME[:TIME]",                                                      \
         offsetof(struct spec_args, nears),                                              \
         0,                                                                              \
         0,                                                                              \
         "on the node of a job, or one with the data: must be, or counts as so much "    \
         "sooner; repeatable"},                                                          \
        {"far",                                                                          \
         0,                                                                              \
         OPT_LIST,                                                                       \
         "job:ID[:TIME]",                                                                \
         offsetof(struct spec_args, fars),                                               \
         0,                                                                              \
         0,                                                                              \
         "on another node than a job's; repeatable"},                                    \
        {"spread",                                                                       \
         0,                                                                              \
         OPT_FLAG,                                                                       \
         NULL,                                                                           \
         offsetof(struct spec_args, spread),                                             \
         0,                                                                              \
         0,                                                                              \
         "on another node than the other jobs of its group, as far as there are nodes"}, \
        {"pack",                                                                         \
         0,                                                                              \
         OPT_FLAG,                                                                       \
         NULL,                                                                           \
         offsetof(struct spec_args, pack),                                               \
         0,                                                                              \
         0,                                                                              \
         "together with the other jobs of its group"},                                   \
        {"group",                                                                        \
         0,                                                                              \
         OPT_TEXT,                                                                       \
         "NAME",                                                                         \
         offsetof(struct spec_args, group),                                              \
         0,                                                                              \
         0,                                                                              \
         "the group of --spread and --pack (default: your jobs of this capability)"},    \
        {"hedge",                                                                        \
         0,                                                                              \
         OPT_FLAG,                                                                       \
         NULL,                                                                           \
         offsetof(struct spec_args, hedge),                                              \
         0,                                                                              \
         0,                                                                              \
         "it may run twice: start a second copy when the first is slow"},                \
    {                                                                                    \
        "id", 0, OPT_TEXT, "HEX", offsetof(struct spec_args, id), 0, 0,                  \
            "the job's id, 32 hex digits: submitting it again is the same job"           \
    }

/* What --input, --prefer, --near and --far say, taken apart. */
struct spec_parts {
    struct weft_input inputs[OPT_LIST_MAX];
    struct weft_prefer prefers[OPT_LIST_MAX];
    struct weft_near nears[2 * OPT_LIST_MAX];
    size_t ninputs, nprefers, nnears;
    char *texts[6 * OPT_LIST_MAX]; /* owned: one of each option, and ids in full */
    size_t ntexts;
};

void spec_parts_fini(struct spec_parts *parts);

/* Fill the job but for its payload.  0, or the exit code of the mistake printed.  The job
 * borrows from `parts`. */
int spec_job(struct cli *cli, const struct spec_args *args, const char *capability,
             struct spec_parts *parts, struct weft_job *ret_job);

/* Once connected: jobs that --near and --far name by the first digits of their ids. */
void spec_find_jobs(struct cli *cli, struct spec_parts *parts);

/* Read a whole file ("-": standard input).  0, or the exit code.  *ret_data is to be
 * freed. */
int spec_read(struct cli *cli, const char *path, char **ret_data, size_t *ret_len);

#define SPEC_STDIN_HELP                                                                  \
    "Without FILE and --data the payload is standard input when that is a pipe or a\n"   \
    "file; in a loop that reads its own input say --data '' or < /dev/null.\n"

/* A payload: bytes in memory, or a file that is too large for that. */
struct spec_payload {
    char *data; /* owned */
    size_t len;
    const char *file; /* borrowed; NULL: it is in memory */
};

/* A file of any size, or standard input ("-").  0, or the exit code. */
int spec_open(struct cli *cli, const char *path, struct spec_payload *ret_payload);

/* It stays where it is until the job was submitted. */
void spec_put_payload(const struct spec_payload *payload, struct weft_job *job);

/* The payload that the operands and --data name.  Without them it is what is piped in,
 * for who may take standard input (`use_stdin`), else empty. */
int spec_payload(struct cli *cli, const struct spec_args *args, int n, char **operands,
                 int use_stdin, struct spec_payload *ret_payload);

#endif
