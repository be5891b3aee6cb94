#include "common/sm.h"
#include "tests/lib/tap.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NEW, RUNNING, DONE, STATES };

static const struct wf_sm_state table[STATES] = {
    [NEW] = {"new", WF_SM_TO(RUNNING) | WF_SM_TO(DONE)},
    [RUNNING] = {"running", WF_SM_TO(NEW) | WF_SM_TO(DONE)},
    [DONE] = {"done", 0},
};

static int aborts(unsigned from, unsigned to)
{
    int status = 0;
    pid_t pid = fork();

    must(pid >= 0);
    if (pid == 0) {
        wf_sm_move(table, STATES, &from, to);
        _exit(0);
    }
    must(waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

int main(void)
{
    unsigned state = NEW;

    ok(wf_sm_allowed(table, STATES, NEW, RUNNING), "in the table");
    ok(!wf_sm_allowed(table, STATES, DONE, NEW), "not in the table");
    ok(!wf_sm_allowed(table, STATES, NEW, NEW), "staying is a move too");
    ok(!wf_sm_allowed(table, STATES, NEW, STATES), "no such target");
    ok(!wf_sm_allowed(table, STATES, 99, NEW), "no such origin");
    ok(!wf_sm_allowed(table, STATES, NEW, 64), "far out");
    wf_sm_move(table, STATES, &state, RUNNING);
    is_str(wf_sm_name(table, STATES, state), "running", "moved");
    is_str(wf_sm_name(table, STATES, 77), "?", "name of none");
    ok(aborts(DONE, NEW), "a forbidden move aborts");
    ok(aborts(NEW, STATES), "so does one to nowhere");
    return done();
}
