/* check.h - saying what is wrong with a configuration, and in which line
 *
 * The parser knows lines but not meanings; what is checked after it finds the line again.
 */
#ifndef AGENT_CONFIG_CHECK_H
#define AGENT_CONFIG_CHECK_H

#include "common/buf.h"
#include "common/err.h"

#define CHECK_TOP SIZE_MAX /* not in a section */

struct check {
    const char *path; /* of the file; NULL: there is none */
    const struct wf_buf *text;
    size_t section; /* number of the section, or CHECK_TOP */
    struct wf_err *err;
};

/* Report that the option `key` is wrong.  Returns WEFT_ECONF. */
int check_wrong(const struct check *k, const char *key, const char *fmt, ...)
    WF_PRINTF(3, 4);

/* The index of a word among those that an option takes; or report and WEFT_ECONF. */
int check_choose(const struct check *k, const char *key, const char *value,
                 const char *const *words, size_t nwords);

#endif
