#include "agent/sampler.h"

#include "agent/probe/probe.h"
#include "common/mem.h"
#include "common/str.h"

#include <stdio.h>
#include <string.h>

struct sampler {
    struct probe *probe;
    uint64_t period_us;
    uint64_t due_us; /* at the latest */
    uint64_t metrics[WF_METRICS];
};

int sampler_new(const char *folder, uint64_t period_ms, struct sampler **ret_sampler,
                struct wf_err *err)
{
    struct sampler *s = wf_calloc(1, sizeof *s);
    int rc;

    if (s == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory to sample telemetry");
    }
    s->period_us = period_ms * 1000;
    s->due_us = UINT64_MAX;
    rc = probe_open("/", folder, &s->probe, err);
    if (rc != 0) {
        wf_free(s);
        return rc;
    }
    *ret_sampler = s;
    return 0;
}

void sampler_free(struct sampler *s)
{
    if (s != NULL) {
        probe_close(s->probe);
        wf_free(s);
    }
}

uint64_t sampler_due_us(const struct sampler *s)
{
    return s->due_us;
}

void sampler_wanted(struct sampler *s, uint64_t now_us)
{
    s->due_us = now_us;
}

void sampler_pause(struct sampler *s)
{
    s->due_us = UINT64_MAX;
}

static void set(struct sampler *s, uint32_t *known, int is_known, unsigned id,
                uint64_t value)
{
    if (is_known) {
        *known |= 1u << id;
        s->metrics[id] = value;
    }
}

/* The busiest accelerator says whether one is to be had; free memory adds up. */
static void set_accels(struct sampler *s, const struct probe_sample *p, uint32_t *known)
{
    uint64_t busy = 0, mem_free = 0;
    uint32_t valid = 0;

    for (uint32_t i = 0; i < p->n_accels; i++) {
        valid |= p->accels[i].valid;
        busy = wf_max_u64(busy, p->accels[i].busy_permille);
        mem_free += p->accels[i].memory_free_bytes;
    }
    set(s, known, (valid & PROBE_ACCEL_BUSY) != 0, WF_METRIC_ACCEL_PM, busy);
    set(s, known, (valid & PROBE_ACCEL_MEMORY) != 0, WF_METRIC_ACCEL_MEM_FREE, mem_free);
}

int sampler_poll(struct sampler *s, uint64_t now_us, const struct node_counts *counts,
                 struct node_event *ret_event)
{
    struct probe_sample p;
    uint32_t known = 0;

    if (s->due_us == UINT64_MAX || now_us + s->period_us / 2 < s->due_us) {
        return 0;
    }
    s->due_us = now_us + s->period_us + s->period_us / 4;
    probe_sample(s->probe, &p);
    set(s, &known, p.valid & PROBE_LOAD, WF_METRIC_LOAD_X100, p.load1_x100);
    set(s, &known, p.valid & PROBE_CPU, WF_METRIC_CPU_PM, p.cpu_busy_permille);
    set(s, &known, p.valid & PROBE_MEMORY, WF_METRIC_MEM_FREE, p.memory_available_bytes);
    set(s, &known, p.valid & PROBE_DISK, WF_METRIC_DISK_FREE, p.disk_free_bytes);
    /* Metrics are unsigned: frost counts as 0. */
    set(s, &known, p.valid & PROBE_TEMP, WF_METRIC_TEMP_MC,
        p.temp_mc > 0 ? (uint64_t) p.temp_mc : 0);
    set(s, &known, p.valid & PROBE_BATTERY, WF_METRIC_BATTERY_PCT, p.battery_percent);
    set(s, &known, p.valid & PROBE_POWER, WF_METRIC_ON_BATTERY, p.on_battery != 0);
    set(s, &known, p.valid & PROBE_UPTIME, WF_METRIC_UPTIME_S, p.uptime_s);
    set(s, &known, 1, WF_METRIC_WAITING, counts->waiting);
    set(s, &known, 1, WF_METRIC_RUNNING, counts->running);
    set_accels(s, &p, &known);
    *ret_event = (struct node_event){
        .kind = NODE_SAMPLE, .metrics_known = known, .metrics = s->metrics};
    return 1;
}

/* Kernel text as message text: bytes that do not belong into one line are escaped. */
static void text(char *dst, size_t cap, const char *src)
{
    (void) wf_str_escape(dst, cap, src, strlen(src));
}

void sampler_facts(struct sampler *s, struct node_facts *facts)
{
    struct probe_resources r;

    probe_resources(s->probe, &r);
    text(facts->arch, sizeof facts->arch, r.arch);
    text(facts->cpu, sizeof facts->cpu, r.cpu_model);
    facts->cpus = r.cpus_online;
    if (r.cpu_limit_milli != 0) {
        facts->cpus = wf_min_u64(facts->cpus, (r.cpu_limit_milli + 999) / 1000);
    }
    facts->mem = r.memory_bytes;
    facts->disk = r.disk_total_bytes;
    facts->naccels = (unsigned) wf_min_u64(r.n_accels, WF_ACCELS_MAX);
    for (unsigned i = 0; i < facts->naccels; i++) {
        (void) snprintf(facts->accels[i].kind, sizeof facts->accels[i].kind, "%s",
                        probe_accel_kind_text(r.accels[i].kind));
        text(facts->accels[i].name, sizeof facts->accels[i].name, r.accels[i].name);
        facts->accels[i].mem = r.accels[i].memory_bytes;
    }
}
