/* defs.h - the few macros everything uses
 *
 * Attributes are the only compiler extensions in the tree and stand here alone.
 */
#ifndef COMMON_DEFS_H
#define COMMON_DEFS_H

#include <stddef.h>
#include <stdint.h>

#define WF_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define WF_MUST_USE          __attribute__((warn_unused_result))
#define WF_UNUSED            __attribute__((unused))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
/* The way over uintptr_t lets one macro serve const and non-const nodes. */
#define CONTAINER_OF(ptr, type, member)                                                  \
    ((type *) ((uintptr_t) (ptr) -offsetof(type, member)))

static inline uint64_t wf_min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t wf_max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* a + b, or UINT64_MAX where that would wrap: deadlines never turn into the past. */
static inline uint64_t wf_add_sat(uint64_t a, uint64_t b)
{
    return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

/* Milliseconds as microseconds, or UINT64_MAX. */
static inline uint64_t wf_us_of_ms(uint64_t ms)
{
    return ms > UINT64_MAX / 1000 ? UINT64_MAX : ms * 1000;
}

#endif
