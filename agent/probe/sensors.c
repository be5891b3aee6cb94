#include "agent/probe/sensors.h"

#include "agent/probe/file.h"
#include "agent/probe/parse.h"
#include "client/include/weft/error.h"

#include <string.h>
#include <unistd.h>

/* Channels of one hwmon chip that are looked at. */
#define HWMON_CHANNELS 4
#define LIST_MAX       32

static void add_temp(struct sensors *s, int fd)
{
    if (fd < 0) {
        return;
    }
    if (s->n_temps == SENSORS_TEMPS_MAX) {
        close(fd);
        return;
    }
    s->temps[s->n_temps++] = fd;
}

static int line_at(int root, char *ret, size_t cap, const char *dir, const char *name,
                   const char *file)
{
    char text[PROBE_NAME_MAX];
    int n = probe_file_read(root, text, sizeof(text), "%s/%s/%s", dir, name, file);

    return n >= 0 ? probe_parse_line(text, (size_t) n, ret, cap) : n;
}

static void open_temps(struct sensors *s, int root)
{
    char names[LIST_MAX][PROBE_NAME_MAX];
    char chip[PROBE_NAME_MAX];
    size_t n = probe_dir_list(root, "sys/class/thermal", "thermal_zone", names, LIST_MAX);
    size_t i;
    int ch;

    for (i = 0; i < n; i++) {
        add_temp(s, probe_file_open(root, "sys/class/thermal/%s/temp", names[i]));
    }
    n = probe_dir_list(root, "sys/class/hwmon", "hwmon", names, LIST_MAX);
    for (i = 0; i < n; i++) {
        /* Asking a disk for its temperature keeps it from spinning down. */
        if (line_at(root, chip, sizeof(chip), "sys/class/hwmon", names[i], "name") == 0 &&
            strcmp(chip, "drivetemp") == 0) {
            continue;
        }
        for (ch = 1; ch <= HWMON_CHANNELS; ch++) {
            add_temp(s, probe_file_open(root, "sys/class/hwmon/%s/temp%d_input", names[i],
                                        ch));
        }
    }
}

static void open_battery(struct sensors *s, int root, const char *name)
{
    struct sensors_battery *b = &s->batteries[s->n_batteries];
    char scope[PROBE_NAME_MAX];

    /* The battery of a mouse or a headset does not feed the node. */
    if (s->n_batteries == SENSORS_SUPPLIES_MAX ||
        (line_at(root, scope, sizeof(scope), "sys/class/power_supply", name, "scope") ==
             0 &&
         strcmp(scope, "Device") == 0)) {
        return;
    }
    b->fd_capacity = probe_file_open(root, "sys/class/power_supply/%s/capacity", name);
    b->fd_status = probe_file_open(root, "sys/class/power_supply/%s/status", name);
    if (b->fd_capacity >= 0 || b->fd_status >= 0) {
        s->n_batteries++;
    }
}

static void open_mains(struct sensors *s, int root, const char *name)
{
    int fd = s->n_mains < SENSORS_SUPPLIES_MAX
                 ? probe_file_open(root, "sys/class/power_supply/%s/online", name)
                 : -1;

    if (fd >= 0) {
        s->mains[s->n_mains++] = fd;
    }
}

void sensors_open(struct sensors *s, int root)
{
    char names[LIST_MAX][PROBE_NAME_MAX];
    char type[PROBE_NAME_MAX];
    size_t n;
    size_t i;

    s->n_temps = 0;
    s->n_batteries = 0;
    s->n_mains = 0;
    open_temps(s, root);
    n = probe_dir_list(root, "sys/class/power_supply", "", names, LIST_MAX);
    for (i = 0; i < n; i++) {
        if (line_at(root, type, sizeof(type), "sys/class/power_supply", names[i],
                    "type") != 0) {
            continue;
        }
        if (strcmp(type, "Battery") == 0 || strcmp(type, "UPS") == 0) {
            open_battery(s, root, names[i]);
        } else {
            open_mains(s, root, names[i]);
        }
    }
}

static void close_fd(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

void sensors_close(struct sensors *s)
{
    size_t i;

    for (i = 0; i < s->n_temps; i++) {
        close_fd(s->temps[i]);
    }
    for (i = 0; i < s->n_batteries; i++) {
        close_fd(s->batteries[i].fd_capacity);
        close_fd(s->batteries[i].fd_status);
    }
    for (i = 0; i < s->n_mains; i++) {
        close_fd(s->mains[i]);
    }
    s->n_temps = 0;
    s->n_batteries = 0;
    s->n_mains = 0;
}

int sensors_temp(const struct sensors *s, int32_t *ret_mc)
{
    int found = 0;
    int32_t max = 0;
    size_t i;

    for (i = 0; i < s->n_temps; i++) {
        char text[32];
        int n = probe_fd_read(s->temps[i], text, sizeof(text));
        int32_t mc;

        if (n >= 0 && probe_parse_temp(text, (size_t) n, &mc) == 0 &&
            (!found || mc > max)) {
            max = mc;
            found = 1;
        }
    }
    if (!found) {
        return WEFT_ENOENT;
    }
    *ret_mc = max;
    return 0;
}

int sensors_battery(const struct sensors *s, uint32_t *ret_percent)
{
    uint32_t sum = 0;
    uint32_t n_valid = 0;
    size_t i;

    for (i = 0; i < s->n_batteries; i++) {
        char text[32];
        int n = probe_fd_read(s->batteries[i].fd_capacity, text, sizeof(text));
        uint32_t percent;

        if (n >= 0 && probe_parse_percent(text, (size_t) n, &percent) == 0) {
            sum += percent;
            n_valid++;
        }
    }
    if (n_valid == 0) {
        return WEFT_ENOENT;
    }
    *ret_percent = sum / n_valid;
    return 0;
}

/* Does any outside supply say that it is plugged in?  WEFT_ENOENT when none says. */
static int plugged_in(const struct sensors *s, int *ret_yes)
{
    int found = 0;
    int yes = 0;
    size_t i;

    for (i = 0; i < s->n_mains; i++) {
        uint64_t online;

        if (probe_fd_u64(s->mains[i], &online) == 0) {
            found = 1;
            yes |= online != 0;
        }
    }
    if (!found) {
        return WEFT_ENOENT;
    }
    *ret_yes = yes;
    return 0;
}

int sensors_on_battery(const struct sensors *s, int *ret_yes)
{
    int plugged;
    int found = 0;
    int yes = 0;
    size_t i;

    if (s->n_batteries != 0 && plugged_in(s, &plugged) == 0) {
        *ret_yes = !plugged;
        return 0;
    }
    for (i = 0; i < s->n_batteries; i++) {
        char text[32];
        char status[32];
        int n = probe_fd_read(s->batteries[i].fd_status, text, sizeof(text));

        if (n >= 0 && probe_parse_line(text, (size_t) n, status, sizeof(status)) == 0) {
            found = 1;
            yes |= strcmp(status, "Discharging") == 0;
        }
    }
    if (!found) {
        return WEFT_ENOENT;
    }
    *ret_yes = yes;
    return 0;
}
