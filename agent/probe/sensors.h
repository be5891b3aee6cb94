/* sensors.h - temperatures and power of a node, from sysfs
 *
 * Descriptors stay open.  A device that comes later is seen after the next open; one that
 * goes away fails its reads and drops out.
 */
#ifndef AGENT_PROBE_SENSORS_H
#define AGENT_PROBE_SENSORS_H

#include "common/defs.h"

#define SENSORS_TEMPS_MAX    16
#define SENSORS_SUPPLIES_MAX 8

struct sensors {
    int temps[SENSORS_TEMPS_MAX];
    size_t n_temps;
    struct sensors_battery {
        int fd_capacity;
        int fd_status;
    } batteries[SENSORS_SUPPLIES_MAX];
    size_t n_batteries;
    int mains[SENSORS_SUPPLIES_MAX]; /* the `online` files of what can be plugged in */
    size_t n_mains;
};

void sensors_open(struct sensors *s, int root);
void sensors_close(struct sensors *s);

/* The hottest valid sensor, in milli-degrees Celsius.  WEFT_ENOENT when none says. */
int sensors_temp(const struct sensors *s, int32_t *ret_mc);

/* Mean charge of the system's batteries, 0..100.  WEFT_ENOENT without one. */
int sensors_battery(const struct sensors *s, uint32_t *ret_percent);

/* 1 while no outside supply feeds the node, else 0.  WEFT_ENOENT when the kernel does not
 * tell, as on most machines without a battery. */
int sensors_on_battery(const struct sensors *s, int *ret_yes);

#endif
