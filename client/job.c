#include "client/job.h"

#include "client/handle.h"
#include "common/err.h"
#include "common/str.h"
#include "proto/name.h"
#include "proto/words.h"

#include <string.h>

#define PAYLOAD_COPY_MAX ((size_t) 1 << 30) /* of payloads in memory */

/* Where it is to go, as far as numbers show. */
static int terms_ok(const struct weft_job *job)
{
    return (unsigned) job->goal <= WEFT_GOAL_COST &&
           (unsigned) job->spread <= WEFT_PACK &&
           (job->prefers != NULL || job->nprefers == 0) &&
           job->nprefers <= WF_PREFERS_MAX && (job->nears != NULL || job->nnears == 0) &&
           job->nnears <= WF_NEARS_MAX &&
           (job->group == NULL || wf_name_ok(wf_slice_of(job->group)));
}

int job_take(const struct weft_job *given, struct weft_job *job)
{
    if (given == NULL || given->size < offsetof(struct weft_job, payload_len) ||
        given->size > sizeof *job) {
        return WEFT_EINVAL;
    }
    memcpy(job, given, given->size);
    if (job->capability == NULL || job->priority > 9 || job->max_attempts > 100 ||
        (job->payload == NULL && job->payload_len != 0) ||
        (job->needs == NULL && job->nneeds != 0) || job->nneeds > WF_LABELS_MAX ||
        (unsigned) job->job_class > WEFT_CLASS_DURABLE ||
        (unsigned) job->disconnect > WEFT_DISCONNECT_STOP ||
        (job->inputs == NULL && job->ninputs != 0) || job->ninputs > WF_INPUTS_MAX ||
        (job->payload_file != NULL && job->payload_len != 0) || !terms_ok(job)) {
        return WEFT_EINVAL;
    }
    return job->payload_len > PAYLOAD_COPY_MAX ? WEFT_ETOOBIG : 0;
}

static int is_text(const char *s, size_t most)
{
    size_t len = strlen(s);

    return len <= most && wf_utf8_ok(s, len);
}

static int pack_needs(struct weft_client *c, const struct weft_job *job,
                      struct wf_rows *ret)
{
    wf_buf_clear(&c->needs);
    for (size_t i = 0; i < job->nneeds; i++) {
        struct wf_label_row row;
        int rc;

        if (job->needs[i] == NULL || job->needs[i][0] == '\0' ||
            !is_text(job->needs[i], WF_LABEL_MAX)) {
            return WEFT_EINVAL;
        }
        row.text = wf_slice_of(job->needs[i]);
        rc = wf_rows_add(&c->needs, ret, wf_desc_label_row(), &row);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int is_input(const struct weft_input *x)
{
    struct wf_digest digest;
    struct wf_data_ref ref;

    return x->name != NULL && x->ref != NULL && wf_name_ok(wf_slice_of(x->name)) &&
           strlen(x->ref) <= WF_REF_MAX &&
           (wf_digest_parse(x->ref, &digest) == 0 ||
            wf_data_ref_parse(wf_slice_of(x->ref), &ref) == 0);
}

static int pack_inputs(struct weft_client *c, const struct weft_job *job,
                       struct wf_rows *ret)
{
    wf_buf_clear(&c->inputs);
    for (size_t i = 0; i < job->ninputs; i++) {
        struct wf_input_row row;
        int rc;

        if (!is_input(&job->inputs[i])) {
            return WEFT_EINVAL;
        }
        row.name = wf_slice_of(job->inputs[i].name);
        row.ref = wf_slice_of(job->inputs[i].ref);
        rc = wf_rows_add(&c->inputs, ret, wf_desc_input_row(), &row);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int pack_prefers(struct weft_client *c, const struct weft_job *job,
                        struct wf_rows *ret)
{
    wf_buf_clear(&c->prefers);
    for (size_t i = 0; i < job->nprefers; i++) {
        const struct weft_prefer *x = &job->prefers[i];
        struct wf_weight_row row;
        int rc;

        if (x->need == NULL || x->need[0] == '\0' || !is_text(x->need, WF_LABEL_MAX)) {
            return WEFT_EINVAL;
        }
        row = (struct wf_weight_row){wf_slice_of(x->need), x->ms};
        rc = wf_rows_add(&c->prefers, ret, wf_desc_weight_row(), &row);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int pack_nears(struct weft_client *c, const struct weft_job *job,
                      struct wf_rows *ret)
{
    wf_buf_clear(&c->nears);
    for (size_t i = 0; i < job->nnears; i++) {
        const struct weft_near *x = &job->nears[i];
        struct wf_near_row row;
        int rc;

        if (x->kind < WEFT_NEAR_JOB || x->kind > WEFT_FAR_JOB || x->what == NULL ||
            x->what[0] == '\0' || !is_text(x->what, WF_REF_MAX)) {
            return WEFT_EINVAL;
        }
        row = (struct wf_near_row){(uint64_t) x->kind, wf_slice_of(x->what), x->ms};
        rc = wf_rows_add(&c->nears, ret, wf_desc_near_row(), &row);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

int job_submit(struct weft_client *c, const struct weft_job *job,
               char name[WF_CAP_NAME_MAX + 1], struct wf_submit *ret)
{
    uint32_t version = 0;
    int rc = wf_capability_parse(job->capability, name, &version);

    if (rc != 0 || (job->name != NULL && !is_text(job->name, WF_NAME_MAX)) ||
        (job->node != NULL && !wf_name_ok(wf_slice_of(job->node)))) {
        return WEFT_EINVAL;
    }
    *ret = (struct wf_submit){.capability = wf_slice_of(name),
                              .version = version,
                              .payload = wf_slice_make(job->payload, job->payload_len),
                              .class_ = (uint64_t) job->job_class,
                              .priority = job->priority,
                              .wall_ms = job->timeout_ms,
                              .deadline_ms = job->deadline_ms,
                              .max_attempts = job->max_attempts,
                              .node = wf_slice_of(job->node),
                              .name = wf_slice_of(job->name),
                              .detached = job->detached != 0,
                              .disconnect = (uint64_t) job->disconnect,
                              .disconnect_ms = job->disconnect_ms,
                              .reuse_ms = job->reuse_ms,
                              .goal = (uint64_t) job->goal,
                              .rho_pusd = job->second_pusd,
                              .max_cost_pusd = job->max_cost_pusd,
                              .spread = (uint64_t) job->spread,
                              .group = wf_slice_of(job->group),
                              .hedge = job->hedge != 0};
    memcpy(ret->job.b, job->id.bytes, sizeof ret->job.b);
    if (wf_id_is_zero(&ret->job)) {
        id_pool_take(&c->ids, &ret->job);
    }
    rc = pack_needs(c, job, &ret->needs);
    if (rc == 0) {
        rc = pack_inputs(c, job, &ret->inputs);
    }
    if (rc == 0) {
        rc = pack_prefers(c, job, &ret->prefers);
    }
    return rc == 0 ? pack_nears(c, job, &ret->nears) : rc;
}
