/* bloom.h - which digests are in a set: yes may be wrong, no never is
 *
 * A Bloom filter (Burton H. Bloom, CACM 13(7), 1970) over digests, which are uniformly
 * distributed already: bit i of a digest is (first + i * second) modulo the filter, its
 * first two words least byte first, the second made odd (Kirsch, Mitzenmacher, "Less
 * hashing, same performance", ESA 2006).  With WF_BLOOM_BITS for each digest and
 * WF_BLOOM_HASHES, one yes in a hundred is wrong.  The bits are the caller's.
 */
#ifndef COMMON_BLOOM_H
#define COMMON_BLOOM_H

#include "common/defs.h"

#define WF_BLOOM_HASHES 7u
#define WF_BLOOM_BITS   10u
#define WF_BLOOM_LEAST  64u /* bytes */

/* Bytes for so many digests: a power of two from WF_BLOOM_LEAST on, at most `most`. */
size_t wf_bloom_bytes(size_t n, size_t most);

/* `bytes` is not 0; of the digest the first 16 bytes count. */
void wf_bloom_add(uint8_t *bits, size_t bytes, const uint8_t *digest);
int wf_bloom_has(const uint8_t *bits, size_t bytes, unsigned hashes,
                 const uint8_t *digest);

/* Bits that are set: well over half of them says that nothing was left out. */
size_t wf_bloom_count(const uint8_t *bits, size_t bytes);

#endif
