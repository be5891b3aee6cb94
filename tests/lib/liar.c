/* liar.c - a node that gives wrong bytes, to be loaded with LD_PRELOAD
 *
 * In what it sends over ZeroMQ a byte in the middle of each large frame is another: that
 * is one of a chunk, for nothing else that an agent sends is as large.
 */
#include <dlfcn.h>
#include <zmq.h>

#include <stdlib.h>
#include <string.h>

#define LARGE 20000

/* Declared by the header as well; here to be seen outside. */
__attribute__((visibility("default"))) int zmq_send(void *sock, const void *p, size_t len,
                                                    int flags)
{
    int (*real)(void *, const void *, size_t, int);
    void *found = dlsym(RTLD_NEXT, "zmq_send");
    unsigned char *copy = len > LARGE ? malloc(len) : NULL;
    int rc;

    memcpy(&real, &found, sizeof real);
    if (copy == NULL) {
        return real(sock, p, len, flags);
    }
    memcpy(copy, p, len);
    copy[len / 2] ^= 1;
    rc = real(sock, copy, len, flags);
    free(copy);
    return rc;
}
