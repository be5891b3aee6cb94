#include "broker/core/router/filters.h"

#include "common/defs.h"

const char *place_filter_name(unsigned filter)
{
    static const char *const names[] = {"passed",
#define F(name, text) text,
                                        PLACE_FILTERS(F)
#undef F
    };

    return filter < ARRAY_LEN(names) ? names[filter] : "?";
}
