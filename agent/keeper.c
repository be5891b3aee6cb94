#include "agent/keeper.h"

int keeper_open(struct keeper *k, const char *state, const struct log_sink *log,
                void (*on_event)(void *arg, struct node_event *ev), void *arg,
                struct wf_err *err)
{
    *k = (struct keeper){.state = state, .log = log, .on_event = on_event, .arg = arg};
    return spool_new(state, &k->spool, err);
}

void keeper_close(struct keeper *k)
{
    spool_free(k->spool);
    k->spool = NULL;
}

static void on_record(void *arg, uint64_t lsn, struct wf_slice key, struct wf_slice value)
{
    struct keeper *k = arg;
    struct node_event ev = {.kind = NODE_RECORD, .lsn = lsn, .key = key, .value = value};

    k->lsn = wf_max_u64(k->lsn, lsn);
    k->on_event(k->arg, &ev);
}

void keeper_load(struct keeper *k)
{
    struct spool_counts c;
    struct wf_err err = {0, ""};

    if (spool_load(k->spool, on_record, k, &c, &err) != 0) {
        log_error(k->log, "agent", "spool-unreadable", "text=\"%s\"", err.text);
        return;
    }
    if (c.damaged != 0) {
        log_error(k->log, "agent", "spool-damaged",
                  "results=%zu text=\"put aside in %s/spool/damaged; not sent\"",
                  c.damaged, k->state);
    }
    if (c.unread != 0) {
        log_error(k->log, "agent", "spool-unread",
                  "results=%zu text=\"left in %s/spool: of a newer version, or the disk "
                  "does not give them out\"",
                  c.unread, k->state);
    }
    if (c.records != 0) {
        log_info(k->log, "agent", "spool", "results=%zu bytes=%llu", c.records,
                 (unsigned long long) c.bytes);
    }
}

/* The first failure of a step ends its writing: the core tries the rest again too. */
void keeper_append(struct keeper *k, uint64_t lsn, const uint8_t *record, size_t len)
{
    struct wf_err err = {0, ""};
    int deletes = len == SPOOL_KEY;

    if (k->failed != 0 && !deletes) {
        return;
    }
    if (spool_put(k->spool, lsn, record, len, &err) != 0) {
        /* A record that stays too long is offered again by the next process. */
        k->failed = deletes ? k->failed : lsn;
        if (!k->ails) {
            k->ails = 1;
            log_error(k->log, "agent", "spool-failed",
                      "text=\"%s\" next=\"results wait in memory; trying again\"",
                      err.text);
        }
        return;
    }
    k->lsn = lsn;
    if (k->ails && !deletes) {
        k->ails = 0;
        log_info(k->log, "agent", "spool-works", NULL);
    }
}

void keeper_lost(struct keeper *k)
{
    k->failed = k->failed != 0 ? k->failed : k->lsn + 1;
}

int keeper_failure(struct keeper *k, struct node_event *ret_event)
{
    if (k->failed == 0) {
        return 0;
    }
    *ret_event = (struct node_event){.kind = NODE_STORE_ERROR, .lsn = k->failed};
    k->failed = 0;
    return 1;
}
