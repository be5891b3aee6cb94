#include "broker/core/place/capabilities.h"

#include "broker/core/router/runtimes.h"
#include "common/check.h"
#include "common/err.h"
#include "common/mem.h"

#include <string.h>

/* Needs of picky jobs looked at for one free slot, and as many jobs. */
#define PICK_COST    64
#define PATIENCE_US  UINT64_C(60000000)
#define INSERT_LOOKS 64u

int capabilities_init(struct capabilities *t, size_t max, struct runtimes *runtimes,
                      uint64_t seed)
{
    *t = (struct capabilities){.by_name = wf_map_new(max, seed),
                               .max = max,
                               .numbers = wf_calloc(max, sizeof *t->numbers),
                               .runtimes = runtimes};
    if (t->by_name == NULL || t->numbers == NULL) {
        capabilities_fini(t);
        return WEFT_ENOMEM;
    }
    while (t->nnumbers < max) {
        t->numbers[t->nnumbers] = (uint32_t) (max - 1 - t->nnumbers);
        t->nnumbers++;
    }
    return 0;
}

static void drop(struct capabilities *t, struct capability *c)
{
    t->numbers[t->nnumbers++] = c->number;
    wf_free(wf_map_take(t->by_name, c->name, strlen(c->name)));
}

void capabilities_fini(struct capabilities *t)
{
    struct capability *c;
    size_t it = 0;

    while (t->by_name != NULL && (c = wf_map_next(t->by_name, &it)) != NULL) {
        drop(t, c);
    }
    wf_map_free(t->by_name);
    wf_free(t->numbers);
    t->by_name = NULL;
    t->numbers = NULL;
}

struct capability *capabilities_get(struct capabilities *t, struct wf_slice name)
{
    if (t->recent == NULL || !wf_slice_is(name, t->recent->name)) {
        t->recent = wf_map_get(t->by_name, name.p, name.len);
    }
    return t->recent;
}

void capabilities_make_room(struct capabilities *t, size_t n)
{
    struct capability *c;
    size_t it = 0;

    if (n <= t->max - wf_map_len(t->by_name)) {
        return;
    }
    t->recent = NULL;
    while ((c = wf_map_next(t->by_name, &it)) != NULL) {
        if (c->noffers == 0 && c->njobs == 0) {
            if (t->runtimes != NULL) {
                runtimes_forget_capability(t->runtimes, c->number);
            }
            drop(t, c);
        }
    }
}

int capabilities_ask(struct capabilities *t, struct wf_slice name,
                     struct capability **ret_capability)
{
    size_t left = t->max - t->max / 2; /* for agents */

    if (capabilities_get(t, name) == NULL) {
        capabilities_make_room(t, left + 1);
        if (t->max - wf_map_len(t->by_name) <= left) {
            return WEFT_EFULL;
        }
    }
    return capabilities_need(t, name, ret_capability);
}

int capabilities_need(struct capabilities *t, struct wf_slice name,
                      struct capability **ret_capability)
{
    struct capability *c = capabilities_get(t, name);
    int rc;

    if (c == NULL) {
        c = wf_calloc(1, sizeof *c);
        if (c == NULL) {
            return WEFT_ENOMEM;
        }
        wf_slice_str(name, c->name, sizeof c->name);
        wf_list_init(&c->offers);
        for (unsigned i = 0; i < PRIORITIES; i++) {
            wf_list_init(&c->ready[i]);
            wf_list_init(&c->picky[i]);
        }
        rc = wf_map_put(t->by_name, c->name, strlen(c->name), c);
        if (rc != 0) {
            wf_free(c);
            return rc;
        }
        c->number = t->numbers[--t->nnumbers];
    }
    *ret_capability = c;
    return 0;
}

static struct wf_list_node *queue_of(struct capability *c, const struct job *j)
{
    int picky =
        j->version != 0 || j->pin[0] != '\0' || j->needs.count != 0 || j->wishes != NULL;

    return picky ? &c->picky[j->priority] : &c->ready[j->priority];
}

static uint64_t due_us(const struct job *j)
{
    return j->deadline_us != 0 ? j->deadline_us : wf_add_sat(j->accepted_us, PATIENCE_US);
}

/* Behind those that are due before it.  Most come in order; who does not looks at a
 * bounded number of those before it. */
static void insert(struct wf_list_node *head, struct job *j)
{
    struct wf_list_node *at = head->prev;

    for (unsigned i = 0; i < INSERT_LOOKS && at != head; i++) {
        if (due_us(CONTAINER_OF(at, struct job, in_queue)) <= due_us(j)) {
            break;
        }
        at = at->prev;
    }
    wf_list_push_back(at->next, &j->in_queue);
}

void capability_enqueue(struct capability *c, struct job *j, int first)
{
    WF_CHECK(j->state == WF_JOB_QUEUED && j->priority < PRIORITIES &&
             wf_list_empty(&j->in_queue));
    if (first) {
        wf_list_push_front(queue_of(c, j), &j->in_queue);
    } else {
        insert(queue_of(c, j), j);
    }
    c->nready++;
}

void capability_requeue(struct capability *c, struct job *j)
{
    if (!wf_list_empty(&j->in_queue)) {
        wf_list_remove(&j->in_queue);
        wf_list_push_back(queue_of(c, j), &j->in_queue);
    }
}

uint64_t capability_oldest_us(const struct capability *c, unsigned priority)
{
    const struct wf_list_node *heads[] = {&c->ready[priority], &c->picky[priority]};
    uint64_t oldest_us = UINT64_MAX;

    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        const struct wf_list_node *n = wf_list_first(heads[i]);

        if (n != NULL) {
            oldest_us =
                wf_min_u64(oldest_us, CONTAINER_OF(n, struct job, in_queue)->accepted_us);
        }
    }
    return oldest_us;
}

void capability_dequeue(struct capability *c, struct job *j)
{
    if (!wf_list_empty(&j->in_queue)) {
        wf_list_remove(&j->in_queue);
        c->nready--;
    }
}

struct job *capability_pick(struct capability *c, unsigned priority,
                            int (*fits)(const struct job *j, void *arg), void *arg)
{
    struct wf_list_node *head = &c->picky[priority];
    struct wf_list_node *plain = wf_list_first(&c->ready[priority]);
    struct job *best = plain != NULL ? CONTAINER_OF(plain, struct job, in_queue) : NULL;
    struct wf_list_node *n = wf_list_first(head);
    unsigned cost = 0, looked = 0;

    if (best != NULL && !fits(best, arg)) {
        best = NULL;
    }
    while (n != NULL && cost < PICK_COST) {
        struct job *j = CONTAINER_OF(n, struct job, in_queue);

        n = wf_list_next(head, n);
        if (fits(j, arg)) {
            return best == NULL || due_us(j) < due_us(best) ||
                           (due_us(j) == due_us(best) && j->seq < best->seq)
                       ? j
                       : best;
        }
        cost += 1 + j->needs.count;
        looked++;
    }
    /* There are more: each gets its turn. */
    while (n != NULL && looked-- > 0) {
        struct wf_list_node *first = wf_list_first(head);

        wf_list_remove(first);
        wf_list_push_back(head, first);
    }
    return best;
}
