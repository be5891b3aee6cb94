#include "client/include/weft/client.h"
#include "common/err.h"

static const int codes[] = {
#define W(name, value, sentence, next) WEFT_##name,
#include "client/include/weft/error.def"
#undef W
};

const char *weft_errname(int code)
{
    return wf_err_name(code);
}

const char *weft_strerror(int code)
{
    return wf_err_sentence(code);
}

const char *weft_errhint(int code)
{
    return wf_err_next(code);
}

int weft_error_at(size_t i)
{
    return i < ARRAY_LEN(codes) ? codes[i] : 0;
}
