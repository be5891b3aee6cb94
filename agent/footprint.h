/* footprint.h - give memory back that only start-up needed
 *
 * Start-up touches a good part of the code of thirty libraries, most of it never again.
 * Those pages are clean and come back from the page cache when they are wanted after all.
 */
#ifndef AGENT_FOOTPRINT_H
#define AGENT_FOOTPRINT_H

/* Once, when the agent has come to rest.  What cannot be given back stays. */
void footprint_trim(void);

#endif
