/* liar.c - a node that gives wrong bytes, to be loaded with LD_PRELOAD
 *
 * In what it sends over ZeroMQ a byte of each large frame is another: that is one of a
 * chunk, for nothing else that an agent sends is as large.
 */
#include <dlfcn.h>
#include <zmq.h>

#include <stdlib.h>
#include <string.h>

#define LARGE 20000

/* Within a piece, whether one, two, three or four share the frame. */
#define AT(len) ((len) / 8 * 3)

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
    copy[AT(len)] ^= 1;
    rc = real(sock, copy, len, flags);
    free(copy);
    return rc;
}

__attribute__((visibility("default"))) int zmq_msg_send(zmq_msg_t *m, void *sock,
                                                        int flags)
{
    int (*real)(zmq_msg_t *, void *, int);
    void *found = dlsym(RTLD_NEXT, "zmq_msg_send");
    size_t len = zmq_msg_size(m);

    memcpy(&real, &found, sizeof real);
    if (len > LARGE) {
        ((unsigned char *) zmq_msg_data(m))[AT(len)] ^= 1;
    }
    return real(m, sock, flags);
}
