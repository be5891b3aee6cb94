#include "agent/exec/procs.h"

#define SLOT_BITS 16

void procs_init(struct procs *t, uint32_t gen)
{
    t->n = 0;
    for (unsigned i = 0; i < EXEC_RUNS_MAX; i++) {
        t->v[i] = (struct proc){.gen = gen};
    }
}

void procs_fini(struct procs *t)
{
    for (unsigned i = 0; i < EXEC_RUNS_MAX; i++) {
        wf_buf_fini(&t->v[i].result);
    }
}

uint64_t procs_id(const struct procs *t, const struct proc *r)
{
    return (uint64_t) r->gen << SLOT_BITS | (uint64_t) (r - t->v);
}

struct proc *procs_find(struct procs *t, uint64_t id)
{
    uint64_t i = id & ((1u << SLOT_BITS) - 1);
    struct proc *r = i < EXEC_RUNS_MAX ? &t->v[i] : NULL;

    return r != NULL && r->used && procs_id(t, r) == id ? r : NULL;
}

struct proc *procs_find_run(struct procs *t, uint64_t run)
{
    for (unsigned i = 0; i < EXEC_RUNS_MAX && t->n > 0; i++) {
        if (t->v[i].used && t->v[i].w == NULL && t->v[i].run == run) {
            return &t->v[i];
        }
    }
    return NULL;
}

struct proc *procs_next(struct procs *t)
{
    for (unsigned i = 0; i < EXEC_RUNS_MAX; i++) {
        if (!t->v[i].used) {
            t->v[i].gen++;
            return &t->v[i];
        }
    }
    return NULL;
}

void procs_take(struct procs *t, struct proc *r)
{
    r->used = true;
    r->w = NULL;
    t->n++;
}

void procs_drop(struct procs *t, struct proc *r)
{
    wf_buf_fini(&r->result);
    r->used = false;
    r->w = NULL;
    t->n--;
}
