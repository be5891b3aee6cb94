/* draw.h - what a job asks for: capability, needs, promise, how its handler behaves */
#ifndef TESTS_SIM_DRAW_H
#define TESTS_SIM_DRAW_H

struct sim;
struct hjob;

/* A new job, which has its id and owner. */
void draw_job(struct sim *s, struct hjob *j);

/* A new job that repeats an old one. */
void draw_repeat(struct hjob *j, struct hjob *old);

#endif
