/* work.h - what a job of the torture is: all of it follows from its id
 *
 * So a client that lost everything but the id can submit it again with the same payload,
 * and a handler can tell whether its payload is whole.  The payload begins with the id,
 * for an operator may repeat a job under another one.
 */
#ifndef TESTS_TORTURE_WORK_H
#define TESTS_TORTURE_WORK_H

#include <stddef.h>
#include <stdint.h>

#define WORK_PAYLOAD_MAX 2048
#define WORK_RESULT_MAX  160

enum work_end {
    WORK_OK,
    WORK_FAILS, /* every attempt */
    WORK_FLAKY, /* odd attempts */
    WORK_DIES   /* odd attempts, of a signal */
};

/* What its submitter does. */
enum work_manner {
    WORK_KEEPS,   /* waits for the outcome */
    WORK_FORGETS, /* keeps nothing once it was accepted */
    WORK_TWICE,   /* submits it a second time */
    WORK_CANCELS, /* once it was accepted */
    WORK_WATCHES  /* reads the outcome a second time, by id */
};

unsigned work_sleep_ms(const uint8_t id[16]);
enum work_end work_end(const uint8_t id[16]);
enum work_manner work_manner(const uint8_t id[16]);

/* The id that a payload tells; 0, or -1 when there is none. */
int work_origin(const char *payload, size_t len, uint8_t id[16]);

/* Returns the length. */
size_t work_payload(const uint8_t id[16], char dst[WORK_PAYLOAD_MAX]);
size_t work_result(const char *id, unsigned attempt, const char *node,
                   char dst[WORK_RESULT_MAX]);

#endif
