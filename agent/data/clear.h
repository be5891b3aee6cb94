/* clear.h - removing a folder with whatever somebody else put there, some at a time
 *
 * Links are removed and not followed, folders opened up first.  What cannot be removed,
 * or is too deep, stays.
 */
#ifndef AGENT_DATA_CLEAR_H
#define AGENT_DATA_CLEAR_H

/* Remove up to `most` files and folders.  1: it is gone, or no more of it can be removed;
 * 0: call again. */
int clear_some(const char *path, unsigned most);

#endif
