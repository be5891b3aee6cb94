/* zpl.h - cut configuration text into names and values, line by line
 *
 * Reads a strict subset of the ZeroMQ Property Language (rfc.zeromq.org/spec/4), one that
 * zconfig reads the same way:
 *
 *     # a comment
 *     listen = tcp://127.0.0.1:7400      # a comment after at least one space
 *     motto = "quoted, # is kept"        # ' or "; there are no escapes
 *     capability                         # a section
 *         name = wordcount               # its content, indented by 4 spaces
 *
 * At most 1 MiB of UTF-8 in lines of at most 4096 bytes, ended by LF or CRLF (the last
 * may lack it).  Control characters, tabs too, and nesting deeper than one section are
 * refused.
 */
#ifndef COMMON_ZPL_H
#define COMMON_ZPL_H

#include "common/err.h"

#define WF_ZPL_TEXT_MAX (1u << 20)
#define WF_ZPL_LINE_MAX 4096
#define WF_ZPL_NAME     64

struct wf_zpl {
    const char *p, *end; /* what is left; borrowed */
    unsigned line;       /* number of the last line read, from 1 */
};

struct wf_zpl_item {
    unsigned line;
    unsigned level; /* 0, or 1 inside a section */
    int has_value;  /* 0: no `=`, a section starts */
    char name[WF_ZPL_NAME];
    char value[WF_ZPL_LINE_MAX + 1];
};

/* WEFT_ECONF when the text is too long. */
int wf_zpl_init(struct wf_zpl *z, const char *text, size_t len, struct wf_err *err);

/* The next line that holds something: 1.  At the end: 0.  Else WEFT_ECONF with text that
 * names the line; do not go on then. */
int wf_zpl_next(struct wf_zpl *z, struct wf_zpl_item *ret, struct wf_err *err);

#endif
