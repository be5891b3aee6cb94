/* csv.h - one table of a scenario: lines of fields, the first one names the columns
 *
 * Fields are separated by commas and may stand in double quotes (RFC 4180, but for line
 * breaks inside).  Columns come in any order; those not asked for are skipped, as are
 * empty lines.  Errors name the file and the line and say what to do.
 */
#ifndef TESTS_SIM_PLACE_SCENARIO_CSV_H
#define TESTS_SIM_PLACE_SCENARIO_CSV_H

#include "common/err.h"

#include <stdio.h>

#define CSV_COLUMNS 16

struct csv {
    FILE *f;
    const char *name; /* of the file, for messages; borrowed */
    unsigned line;
    char *text; /* owned */
    size_t text_cap;
    char **fields; /* owned array of pointers into text */
    size_t nfields, fields_cap;
    const char *const *columns; /* borrowed; what each is called */
    unsigned ncolumns;
    size_t at[CSV_COLUMNS]; /* which field each column is */
};

/* Open DIR/NAME and read its first line, in which all `ncolumns` must be; with none the
 * caller looks at fields itself.  WEFT_ENOENT, WEFT_ECONF, WEFT_ENOMEM, WEFT_EIO. */
int csv_open(struct csv *c, const char *dir, const char *name, const char *const *columns,
             unsigned ncolumns, struct wf_err *err);
void csv_close(struct csv *c);

/* Read a row.  1; 0 at the end; or an error. */
int csv_next(struct csv *c, struct wf_err *err);

/* Of the present row; a field that is not there is empty.  Valid until the next one. */
const char *csv_text(const struct csv *c, unsigned column);

/* A number from `min` to `max`; an empty field is `blank`, unless that is NaN: then it is
 * an error. */
int csv_number(const struct csv *c, unsigned column, double min, double max, double blank,
               double *ret, struct wf_err *err);

/* As csv_number, for text that stands in the present line. */
int csv_parse(const struct csv *c, const char *what, const char *text, double min,
              double max, double *ret, struct wf_err *err);

/* WEFT_ECONF with "NAME:LINE: ..." */
int csv_fail(const struct csv *c, struct wf_err *err, const char *fmt, ...)
    WF_PRINTF(3, 4);

#endif
