#include "client/data/desk.h"

#include "common/err.h"
#include "common/mem.h"

#include <pthread.h>
#include <signal.h>

struct desk {
    struct wf_wake *wake;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    pthread_t thread;
    int has_thread, closing;
    struct wf_list_node asked, worked;
};

int desk_new(struct wf_loop *loop, void (*on_done)(void *arg), void *arg,
             struct desk **ret_desk)
{
    struct desk *d = wf_calloc(1, sizeof *d);
    int rc;

    if (d == NULL) {
        return WEFT_ENOMEM;
    }
    rc = wf_wake_new(loop, on_done, arg, &d->wake);
    if (rc != 0) {
        wf_free(d);
        return rc;
    }
    wf_list_init(&d->asked);
    wf_list_init(&d->worked);
    (void) pthread_mutex_init(&d->mutex, NULL);
    (void) pthread_cond_init(&d->cond, NULL);
    *ret_desk = d;
    return 0;
}

static void *thread_main(void *arg)
{
    struct desk *d = arg;

    (void) pthread_mutex_lock(&d->mutex);
    while (!d->closing) {
        struct wf_list_node *n = wf_list_first(&d->asked);
        struct desk_task *task;

        if (n == NULL) {
            (void) pthread_cond_wait(&d->cond, &d->mutex);
            continue;
        }
        wf_list_remove(n);
        task = CONTAINER_OF(n, struct desk_task, node);
        (void) pthread_mutex_unlock(&d->mutex);
        task->work(task);
        (void) pthread_mutex_lock(&d->mutex);
        wf_list_push_back(&d->worked, n);
        wf_wake_send(d->wake);
    }
    (void) pthread_mutex_unlock(&d->mutex);
    return NULL;
}

/* Signals belong to the program: none is delivered to our thread. */
static int start(struct desk *d)
{
    sigset_t all, was;
    int rc;

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &was);
    rc = pthread_create(&d->thread, NULL, thread_main, d);
    (void) pthread_sigmask(SIG_SETMASK, &was, NULL);
    d->has_thread = rc == 0;
    return rc == 0 ? 0 : WEFT_EIO;
}

int desk_ask(struct desk *d, struct desk_task *task)
{
    int rc = 0;

    if (!d->has_thread) {
        rc = start(d);
    }
    if (rc != 0) {
        return rc;
    }
    task->dropped = 0;
    (void) pthread_mutex_lock(&d->mutex);
    wf_list_push_back(&d->asked, &task->node);
    (void) pthread_cond_signal(&d->cond);
    (void) pthread_mutex_unlock(&d->mutex);
    return 0;
}

struct desk_task *desk_take(struct desk *d)
{
    struct wf_list_node *n;

    (void) pthread_mutex_lock(&d->mutex);
    n = wf_list_first(&d->worked);
    if (n != NULL) {
        wf_list_remove(n);
    }
    (void) pthread_mutex_unlock(&d->mutex);
    return n != NULL ? CONTAINER_OF(n, struct desk_task, node) : NULL;
}

void desk_close(struct desk *d)
{
    struct wf_list_node *n;

    (void) pthread_mutex_lock(&d->mutex);
    d->closing = 1;
    (void) pthread_cond_signal(&d->cond);
    (void) pthread_mutex_unlock(&d->mutex);
    if (d->has_thread) {
        (void) pthread_join(d->thread, NULL);
        d->has_thread = 0;
    }
    while ((n = wf_list_first(&d->asked)) != NULL) {
        wf_list_remove(n);
        CONTAINER_OF(n, struct desk_task, node)->dropped = 1;
        wf_list_push_back(&d->worked, n);
    }
}

void desk_free(struct desk *d)
{
    if (d == NULL) {
        return;
    }
    wf_wake_free(d->wake);
    (void) pthread_mutex_destroy(&d->mutex);
    (void) pthread_cond_destroy(&d->cond);
    wf_free(d);
}
