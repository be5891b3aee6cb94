/* some_client.h - as much of a client as making messages of jobs needs */
#ifndef TESTS_UNIT_CLIENT_SOME_CLIENT_H
#define TESTS_UNIT_CLIENT_SOME_CLIENT_H

#include "client/handle.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

static struct weft_client *some_client(void)
{
    struct weft_client *c = wf_calloc(1, sizeof *c);

    must(c != NULL && pthread_mutex_init(&c->mutex, NULL) == 0);
    wf_buf_init(&c->needs, 4096);
    wf_buf_init(&c->inputs, 8192);
    wf_buf_init(&c->prefers, 4096);
    wf_buf_init(&c->nears, 4096);
    return c;
}

static void drop_client(struct weft_client *c)
{
    wf_buf_fini(&c->needs);
    wf_buf_fini(&c->inputs);
    wf_buf_fini(&c->prefers);
    wf_buf_fini(&c->nears);
    (void) pthread_mutex_destroy(&c->mutex);
    wf_free(c);
}

#endif
