/* story.h - the history of one process, a line of JSON for each thing that it saw
 *
 *     {"k":"accepted","id":"HEX","t":1764000000.123,"n":"1"}
 *
 * Each line is one write to a file opened for appending, so processes may share it and a
 * kill between two lines leaves both whole.  Write before acting on what was seen. Kinds,
 * and what their numbers are (hex, all of them):
 *
 *     submit                            about to be sent
 *     accepted   durable
 *     refused    code                   for good
 *     denied                            there is no such job, said the broker
 *     fired      handle
 *     outcome    state code attempt hash rest ran
 *     start      attempt hash of of     a handler; `of`: halves of the payload's id
 *     damaged    attempt                a payload that is not that of the job
 */
#ifndef TESTS_TORTURE_STORY_H
#define TESTS_TORTURE_STORY_H

#include <stddef.h>
#include <stdint.h>

#define STORY_NUMBERS 6

struct story_line {
    char kind[16];
    char id[33];
    unsigned n;
    uint64_t number[STORY_NUMBERS];
};

/* A descriptor, or -1. */
int story_open(const char *path);

/* 0, or -1: then the file's disk is of no use and the process should end. */
int story_write(int fd, const char *kind, const char *id, unsigned n,
                const uint64_t *numbers);

/* 0, or -1 when the line is not one of ours. */
int story_parse(const char *text, struct story_line *ret_line);

#endif
