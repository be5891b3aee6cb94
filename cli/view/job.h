/* job.h - how jobs are named, coloured and written as JSON, everywhere the same */
#ifndef CLI_VIEW_JOB_H
#define CLI_VIEW_JOB_H

#include "cli/cli.h"

struct job_id_text {
    char s[WEFT_ID_TEXT];
};

/* The whole id; the first 8 digits, as lists show it. */
struct job_id_text job_id(const weft_id *id);
struct job_id_text job_id8(const weft_id *id);

/* 1 for the id that stands for no job; as a member, null for that one. */
int job_is_none(const weft_id *id);
void json_id(struct json *json, const char *name, const weft_id *id);

enum tint job_tint(enum weft_state state);
int job_is_over(enum weft_state state);

/* The node that has it: "" for a job that waits, whose node is only the last one. */
const char *job_place(enum weft_state state, const char *node);

struct job_capability {
    char s[96];
};

/* "resize@2", "resize" for version 0. */
struct job_capability job_capability(const char *name, uint32_t version);

/* "EWALL" for a code of either sign; "" for 0. */
const char *job_code(int code);

/* The members of one row, into an open object. */
void job_json(struct json *json, const struct weft_job_row *row);

/* Print rows as a table. */
void job_table(struct out *out, const struct weft_job_row *rows, size_t n, size_t max);

/* The exit code that an outcome means. */
int job_exit(enum weft_state state);

/* Say why a query about the job named by `prefix` failed.  The exit code. */
int job_fail(struct cli *cli, int rc, const char *prefix);

/* The same of what was asked for with a future, which may be NULL. */
int job_refused(struct cli *cli, int rc, const char *id, weft_future *future);

/* Find a job by a prefix of its id; prints what goes wrong.  A whole id is taken as it
 * is, without asking. */
int job_resolve(struct cli *cli, const char *prefix, weft_id *ret_id);

#endif
