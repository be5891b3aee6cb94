/* err.h - error codes and error text
 *
 * Functions return 0 or a negative WEFT_E* code.  Where a person must read why, the last
 * argument is a `struct wf_err *` (may be NULL) that receives one line of text.
 * Codes, sentences and next steps come from client/include/weft/error.def.
 */
#ifndef COMMON_ERR_H
#define COMMON_ERR_H

#include "client/include/weft/error.h"
#include "common/defs.h"

#define WF_ERR_TEXT 256

struct wf_err {
    int code;               /* 0 or negative WEFT_E* */
    char text[WF_ERR_TEXT]; /* one line, no newline, without the code's own sentence */
};

/* Fill `err` (NULL is allowed) and return `code`, so that reporting and failing are one
 * statement: `return wf_err_set(err, WEFT_ECONF, "line %u: ...", n);` */
int wf_err_set(struct wf_err *err, int code, const char *fmt, ...) WF_PRINTF(3, 4);

/* "ECONF" for WEFT_ECONF; "OK" for 0; "EUNKNOWN" for what is not in the list.  Static. */
const char *wf_err_name(int code);

/* The sentence, and the next step, of a code.  Static text, never NULL.  Thread-safe. */
const char *wf_err_sentence(int code);
const char *wf_err_next(int code);

#endif
