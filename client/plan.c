#include "client/plan.h"

#include "client/ask.h"
#include "client/fill.h"
#include "client/handle.h"
#include "client/job.h"
#include "common/str.h"

#include <string.h>
#include <sys/stat.h>

/* Only the length of the payload matters: it explains how long a run takes. */
static int size_payload(struct weft_job *job, struct wf_submit *s)
{
    struct stat st;

    s->payload = wf_slice_of(NULL);
    s->payload_size = job->payload_len;
    if (job->payload_file != NULL) {
        if (stat(job->payload_file, &st) != 0 || !S_ISREG(st.st_mode)) {
            return WEFT_ENOENT;
        }
        s->payload_size = (uint64_t) st.st_size;
    }
    return 0;
}

static int pack_submit(struct weft_client *c, const struct weft_job *given,
                       struct plan *p)
{
    struct weft_job job = WEFT_JOB_INIT;
    char name[WF_CAP_NAME_MAX + 1];
    struct wf_submit submit;
    int rc = job_take(given, &job);

    if (rc != 0) {
        return rc;
    }
    client_lock(c);
    rc = job_submit(c, &job, name, &submit);
    if (rc == 0) {
        rc = size_payload(&job, &submit);
    }
    if (rc == 0) {
        rc = wf_msg_encode(&p->submit, WF_MSG_submit, &submit);
    }
    client_unlock(c);
    p->m.submit = wf_slice_make(p->submit.p, p->submit.len);
    return rc;
}

static int pack_without(const char *const *without, size_t n, struct plan *p)
{
    for (size_t i = 0; i < n; i++) {
        struct wf_label_row row;
        int rc;

        if (without[i] == NULL || strlen(without[i]) > WF_LABEL_MAX ||
            !wf_utf8_ok(without[i], strlen(without[i])) ||
            (strncmp(without[i], "node=", 5) != 0 &&
             strncmp(without[i], "site=", 5) != 0)) {
            return WEFT_EINVAL;
        }
        row.text = wf_slice_of(without[i]);
        rc = wf_rows_add(&p->without, &p->m.without, wf_desc_label_row(), &row);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

int plan_init(struct plan *p, struct weft_client *c, const struct weft_job *job,
              const char *const *without, size_t n)
{
    int rc;

    *p = (struct plan){.submit = WF_BUF_INIT(WF_PAYLOAD_MAX),
                       .without = WF_BUF_INIT(WF_LABELS_MAX * (WF_LABEL_MAX + 8u))};
    rc = n > WF_LABELS_MAX ? WEFT_EINVAL : pack_submit(c, job, p);
    if (rc == 0) {
        rc = pack_without(without, n, p);
    }
    if (rc != 0) {
        plan_fini(p);
    }
    return rc;
}

void plan_fini(struct plan *p)
{
    wf_buf_fini(&p->submit);
    wf_buf_fini(&p->without);
}

int weft_plan(weft_client *c, const struct weft_job *job, const char *const *without,
              size_t n, int timeout_ms, struct weft_why **ret_why, char *why, size_t cap)
{
    struct ask how = {timeout_ms, why, cap};
    struct weft_future *f = NULL;
    void *made = NULL;
    struct wf_msg msg;
    struct plan p;
    int rc = plan_init(&p, c, job, without, n);

    if (rc != 0) {
        return ask_fail(&how, rc, "");
    }
    rc = ask(c, &how, WF_MSG_plan, &p.m, WF_MSG_why_info, &msg, &f);
    if (rc == 0) {
        rc = make_why(&msg, f->call.bytes.len, &made);
    }
    if (rc == 0) {
        *ret_why = made;
    }
    weft_future_free(f);
    plan_fini(&p);
    return rc;
}
