#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>

struct row {
    int code;
    const char *name;
    const char *sentence;
    const char *next;
};

static const struct row rows[] = {
#define W(name, value, sentence, next) {-(value), #name, sentence, next},
#include "client/include/weft/error.def"
#undef W
};

static const struct row *find(int code)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].code == code) {
            return &rows[i];
        }
    }
    return NULL;
}

int wf_err_set(struct wf_err *err, int code, const char *fmt, ...)
{
    if (err != NULL) {
        va_list ap;

        err->code = code;
        va_start(ap, fmt);
        (void) vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
    }
    return code;
}

const char *wf_err_name(int code)
{
    const struct row *r = find(code);

    return r != NULL ? r->name : code == 0 ? "OK" : "EUNKNOWN";
}

const char *wf_err_sentence(int code)
{
    const struct row *r = find(code);

    return r != NULL ? r->sentence : code == 0 ? "ok" : "unknown error";
}

const char *wf_err_next(int code)
{
    const struct row *r = find(code);

    return r != NULL ? r->next : "";
}
