#include "tests/sim/place/events.h"

void events_init(struct events *ev)
{
    *ev = (struct events){0};
    wf_heap_init(&ev->heap, UINT32_MAX);
}

void events_fini(struct events *ev)
{
    wf_heap_fini(&ev->heap);
}

void events_set(struct events *ev, struct event *e, uint64_t at_ns,
                void (*happen)(void *world, struct event *e))
{
    int err = 0;

    e->happen = happen;
    if (wf_heap_in(&e->node)) {
        wf_heap_update(&ev->heap, &e->node, at_ns);
    } else {
        err = wf_heap_push(&ev->heap, &e->node, at_ns);
    }
    ev->err = ev->err != 0 ? ev->err : err;
}

void events_unset(struct events *ev, struct event *e)
{
    wf_heap_remove(&ev->heap, &e->node);
}

int events_step(struct events *ev, uint64_t end_ns, void *world)
{
    struct wf_heap_node *node = wf_heap_min(&ev->heap);
    struct event *e;

    if (ev->err != 0 || node == NULL || node->key > end_ns) {
        return 0;
    }
    e = CONTAINER_OF(node, struct event, node);
    ev->now_ns = node->key;
    wf_heap_remove(&ev->heap, node);
    e->happen(world, e);
    return 1;
}
