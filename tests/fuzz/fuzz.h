/* fuzz.h - what every fuzz target and its driver share
 *
 * A target is one function that takes any bytes and returns 0.  It aborts when a decoder
 * breaks a promise: reads out of bounds (seen by the sanitizers), takes what it cannot
 * write again, or leaves garbage behind.  libFuzzer searches (scripts/fuzz), driver.c
 * replays the corpus as an ordinary test.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

#endif
