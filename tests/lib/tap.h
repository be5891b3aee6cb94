/* tap.h - test assertions that print TAP
 *
 * A test program calls ok() and friends and returns done() from main.  A failed
 * assertion prints where and goes on; an expression is evaluated once.
 */
#ifndef TESTS_LIB_TAP_H
#define TESTS_LIB_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned tap_count, tap_failed;

__attribute__((format(printf, 4, 5), unused)) static int tap_ok(int cond,
                                                                const char *file,
                                                                int line, const char *fmt,
                                                                ...)
{
    va_list ap;

    tap_count++;
    printf("%s %u - ", cond ? "ok" : "not ok", tap_count);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
    if (!cond) {
        tap_failed++;
        printf("# failed at %s:%d\n", file, line);
    }
    fflush(stdout);
    return cond;
}

__attribute__((unused)) static int tap_int(int64_t got, int64_t want, const char *file,
                                           int line, const char *what)
{
    int good = tap_ok(got == want, file, line, "%s", what);

    if (!good) {
        printf("#   got %" PRId64 ", want %" PRId64 "\n", got, want);
    }
    return good;
}

__attribute__((unused)) static int tap_str(const char *got, const char *want,
                                           const char *file, int line, const char *what)
{
    int good = tap_ok(got != NULL && want != NULL && strcmp(got, want) == 0, file, line,
                      "%s", what);

    if (!good) {
        printf("#   got  `%s`\n#   want `%s`\n", got ? got : "(null)",
               want ? want : "(null)");
    }
    return good;
}

/* ok(condition, "what %s should do", ...) */
#define ok(cond, ...) tap_ok(!!(cond), __FILE__, __LINE__, __VA_ARGS__)
#define is_int(got, want, what)                                                          \
    tap_int((int64_t) (got), (int64_t) (want), __FILE__, __LINE__, (what))
#define is_str(got, want, what) tap_str((got), (want), __FILE__, __LINE__, (what))

/* For set-up that must work: nothing after it would mean anything. */
#define must(cond)                                                                       \
    do {                                                                                 \
        if (!(cond)) {                                                                   \
            printf("Bail out! %s at %s:%d\n", #cond, __FILE__, __LINE__);                \
            exit(99);                                                                    \
        }                                                                                \
    } while (0)

__attribute__((unused)) static int done(void)
{
    printf("1..%u\n", tap_count);
    return tap_failed == 0 ? 0 : 1;
}

/* Skip the whole program, with the reason. */
#define skip_all(why)                                                                    \
    do {                                                                                 \
        printf("1..0 # SKIP %s\n", (why));                                               \
        exit(0);                                                                         \
    } while (0)

#endif
