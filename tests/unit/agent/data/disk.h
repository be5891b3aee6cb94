/* disk.h - a folder for one test, a configuration that lives in it, and a loop
 */
#ifndef TESTS_UNIT_AGENT_DATA_DISK_H
#define TESTS_UNIT_AGENT_DATA_DISK_H

#include "agent/config.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/loop.h"
#include "tests/lib/tap.h"

#include <ftw.h>
#include <unistd.h>

#define WATCHDOG_US 60000000

struct disk {
    struct wf_loop loop;
    struct wf_timer *beat;
    struct log_sink log;
    struct agent_config *config;
    char dir[64];
};

#define run_until(t, cond)                                                               \
    do {                                                                                 \
        uint64_t end_us_ = wf_now_us() + WATCHDOG_US;                                    \
        int so_;                                                                         \
        while (!(so_ = (cond)) && wf_now_us() < end_us_) {                               \
            (void) uv_run(&(t)->loop.uv, UV_RUN_ONCE);                                   \
        }                                                                                \
        ok(so_, "%s", #cond);                                                            \
    } while (0)

/* So that UV_RUN_ONCE comes back to look at the watchdog. */
static void disk_beat(void *arg)
{
    struct disk *t = arg;

    wf_timer_start_at(t->beat, wf_now_us() + 50000);
}

/* `sets` end with a NULL key. */
__attribute__((unused)) static void disk_init(struct disk *t,
                                              const struct config_set *sets)
{
    struct config_set all[16] = {{"state", t->dir}, {"data_floor", "0"}};
    size_t n = 2;

    memset(t, 0, sizeof *t);
    (void) snprintf(t->dir, sizeof t->dir, "/tmp/weft-data-XXXXXX");
    must(mkdtemp(t->dir) != NULL);
    while (sets != NULL && sets->key != NULL) {
        must(n < 16);
        all[n++] = *sets++;
    }
    must(config_load(NULL, all, n, &t->config, NULL) == 0);
    log_init(&t->log, WF_LOG_ERROR);
    must(wf_loop_init(&t->loop, NULL) == 0);
    must(wf_timer_new(&t->loop, disk_beat, t, &t->beat) == 0);
    disk_beat(t);
}

static int disk_rm(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void) st;
    (void) type;
    (void) at;
    return remove(path);
}

static int disk_open_up(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void) st;
    (void) at;
    return type == FTW_D || type == FTW_DP ? chmod(path, 0700) : 0;
}

__attribute__((unused)) static void disk_fini(struct disk *t)
{
    wf_timer_free(t->beat);
    wf_loop_fini(&t->loop);
    config_free(t->config);
    (void) nftw(t->dir, disk_open_up, 16, FTW_PHYS);
    (void) nftw(t->dir, disk_rm, 16, FTW_DEPTH | FTW_PHYS);
}

/* The path of something in the folder: static, overwritten by the next call. */
__attribute__((unused)) static const char *disk_path(const struct disk *t,
                                                     const char *name)
{
    static char path[512];

    (void) snprintf(path, sizeof path, "%s/%s", t->dir, name);
    return path;
}

__attribute__((unused)) static void disk_put(const struct disk *t, const char *name,
                                             const void *bytes, size_t len)
{
    must(file_write(disk_path(t, name), bytes, len, 0644, NULL) == 0);
}

#endif
