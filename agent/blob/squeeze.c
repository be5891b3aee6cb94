#include "agent/blob/squeeze.h"

#include "client/include/weft/error.h"

#include <zstd.h>

#define LEVEL  1
#define SAMPLE (8u << 10)

void squeeze_fini(struct squeeze *z)
{
    (void) ZSTD_freeCCtx(z->c);
    (void) ZSTD_freeDCtx(z->d);
    *z = (struct squeeze){NULL, NULL};
}

int squeeze_unpack(struct squeeze *z, const void *p, size_t len, void *dst, size_t want)
{
    size_t n;

    if (z->d == NULL && (z->d = ZSTD_createDCtx()) == NULL) {
        return WEFT_ENOMEM;
    }
    n = ZSTD_decompressDCtx(z->d, dst, want, p, len);
    return ZSTD_isError(n) || n != want ? WEFT_EPROTO : 0;
}

static int pack(struct squeeze *z, const void *p, size_t len, void *dst, size_t *ret_len)
{
    size_t n = ZSTD_compressCCtx(z->c, dst, len - len / 10, p, len, LEVEL);

    if (ZSTD_isError(n)) {
        return WEFT_ESUPPORT; /* it would be longer than that */
    }
    *ret_len = n;
    return 0;
}

int squeeze_pack(struct squeeze *z, const void *p, size_t len, void *dst, size_t *ret_len)
{
    size_t n;

    if (z->c == NULL && (z->c = ZSTD_createCCtx()) == NULL) {
        return WEFT_ENOMEM;
    }
    if (len > 4 * SAMPLE && pack(z, p, SAMPLE, dst, &n) != 0) {
        return WEFT_ESUPPORT;
    }
    return pack(z, p, len, dst, ret_len);
}
