#include "agent/exec/slots.h"

#include "common/check.h"
#include "common/err.h"
#include "common/mem.h"

static uint32_t index_of(const struct slots *s, const struct job *j)
{
    return (uint32_t) (j - s->jobs);
}

int slots_init(struct slots *s, unsigned n)
{
    *s = (struct slots){.n = n,
                        .free = {SLOTS_NONE, SLOTS_NONE},
                        .waiting = {SLOTS_NONE, SLOTS_NONE},
                        .finished = {SLOTS_NONE, SLOTS_NONE}};
    s->jobs = wf_calloc(n, sizeof *s->jobs);
    if (s->jobs == NULL) {
        s->n = 0;
        return WEFT_ENOMEM;
    }
    for (unsigned i = 0; i < n; i++) {
        slots_push(s, &s->free, &s->jobs[i]);
    }
    return 0;
}

void slots_fini(struct slots *s)
{
    for (unsigned i = 0; i < s->n; i++) {
        slots_drop(&s->jobs[i]);
    }
    wf_free(s->jobs);
    s->jobs = NULL;
    s->n = 0;
}

void slots_push(struct slots *s, struct slot_list *l, struct job *j)
{
    uint32_t i = index_of(s, j);

    j->next = SLOTS_NONE;
    if (l->head == SLOTS_NONE) {
        l->head = i;
    } else {
        s->jobs[l->tail].next = i;
    }
    l->tail = i;
}

struct job *slots_first(struct slots *s, const struct slot_list *l)
{
    return l->head == SLOTS_NONE ? NULL : &s->jobs[l->head];
}

struct job *slots_pop(struct slots *s, struct slot_list *l)
{
    struct job *j = slots_first(s, l);

    if (j != NULL) {
        l->head = j->next;
    }
    return j;
}

void slots_remove(struct slots *s, struct slot_list *l, struct job *j)
{
    uint32_t i = index_of(s, j);
    uint32_t *at = &l->head;
    uint32_t before = SLOTS_NONE;

    while (*at != i) {
        WF_CHECK(*at != SLOTS_NONE);
        before = *at;
        at = &s->jobs[*at].next;
    }
    *at = j->next;
    if (l->tail == i) {
        l->tail = before;
    }
}

uint32_t slots_ref(const struct slots *s, const struct job *j)
{
    return j->gen << SLOTS_BITS | index_of(s, j);
}

struct job *slots_find(struct slots *s, const struct worker *w, uint32_t ref)
{
    uint32_t i = ref & (SLOTS_MAX - 1);
    struct job *j = i < s->n ? &s->jobs[i] : NULL;

    return j != NULL && slots_ref(s, j) == ref && j->w == w &&
                   (j->state == JOB_SENT || j->state == JOB_ENDING)
               ? j
               : NULL;
}

void slots_drop(struct job *j)
{
    wf_free(j->payload);
    wf_free(j->files);
    j->payload = j->files = NULL;
    j->payload_len = j->files_len = 0;
}

void slots_release(struct slots *s, struct job *j)
{
    slots_drop(j);
    j->w = NULL;
    j->state = JOB_FREE;
    j->gen++;
    s->busy--;
    slots_push(s, &s->free, j);
}
