#include "agent/config/check.h"

#include "common/zpl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The line of a key (of the section itself, where the key is not given); 0: not there. */
static unsigned find_line(const struct check *k, const char *key)
{
    struct wf_zpl z;
    struct wf_zpl_item item;
    size_t section = CHECK_TOP;
    unsigned line = 0;

    if (k->path == NULL ||
        wf_zpl_init(&z, (const char *) k->text->p, k->text->len, NULL) != 0) {
        return 0;
    }
    while (wf_zpl_next(&z, &item, NULL) > 0) {
        if (item.level == 0 && !item.has_value) {
            section++; /* from CHECK_TOP to 0 */
            line = section == k->section ? item.line : line;
        } else if (strcmp(item.name, key) == 0 &&
                   (item.level == 0 ? k->section == CHECK_TOP : section == k->section)) {
            return item.line;
        }
    }
    return line;
}

int check_wrong(const struct check *k, const char *key, const char *fmt, ...)
{
    unsigned line = find_line(k, key);
    char what[160];
    va_list ap;

    va_start(ap, fmt);
    (void) vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    if (line == 0) {
        return wf_err_set(k->err, WEFT_ECONF, "%s%s`%s`: %s",
                          k->path != NULL ? k->path : "", k->path != NULL ? ": " : "",
                          key, what);
    }
    return wf_err_set(k->err, WEFT_ECONF, "%.80s: line %u: `%s`: %s", k->path, line, key,
                      what);
}

int check_choose(const struct check *k, const char *key, const char *value,
                 const char *const *words, size_t nwords)
{
    char all[96] = "";

    for (size_t i = 0; i < nwords; i++) {
        size_t len = strlen(all);

        if (strcmp(value, words[i]) == 0) {
            return (int) i;
        }
        (void) snprintf(all + len, sizeof all - len, "%s%s",
                        i == 0           ? ""
                        : i + 1 < nwords ? ", "
                                         : " or ",
                        words[i]);
    }
    return check_wrong(k, key, "give %s", all);
}
