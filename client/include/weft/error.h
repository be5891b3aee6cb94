/* weft/error.h - error codes of the weft SDK and protocol
 *
 * Every function that can fail returns 0 or one of these, negative.
 */
#ifndef WEFT_ERROR_H
#define WEFT_ERROR_H

enum weft_error {
    WEFT_OK = 0,
#define W(name, value, sentence, next) WEFT_##name = -(value),
#include "error.def"
#undef W
};

#endif
