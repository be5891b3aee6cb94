#!/bin/bash
# A machine that is taken away: it is told with `weft-agent notice`, takes no more work,
# gives back what did not start, and lets run what runs.
. "$(dirname "$0")/lib.sh"

broker
context me
ctl=$tmp/ctl
mkdir -m 777 "$ctl"
held="held@1:/bin/sh -c 'until [ -e $ctl/go ]; do sleep 0.02; done; echo done'"

# No data is kept here: the door is there all the same.
agent one 'spot = yes' 'class = c6a.large' 'speed = 1.5' 'data_cap = 0' "$held"
first=$(weft -C me submit held --data x)
await "it runs" job_is "$first" RUNNING
second=$(weft -C me submit held --data y)
await "the other to wait there" job_is "$second" ASSIGNED

run weft-agent notice --config "$tmp/one/agent.conf" --in soon
is "$rc" 2 "when it is taken away is a time"
run weft-agent data ls --config "$tmp/one/agent.conf"
is "$rc" 1 "there is no data to list"
like "$err" 'next: set data_cap above 0' "and what to do is said"
run weft-agent notice --config "$tmp/one/agent.conf" --in 90s
is "$rc" 0 "the agent is told"
like "$out" 'taken away in 90s' "and says so"
await "its log" has "$tmp/one.log" 'event=notice left_ms=90000'
await "the broker to know" node_is one draining

agent two "$held"
await "what waited to run elsewhere" job_is "$second" RUNNING
like "$(weft -C me job show "$second")" '\btwo\b' "at the other machine"
is "$(job_state "$first")" RUNNING "what ran goes on"
touch "$ctl/go"
run weft -C me job wait "$first" --timeout 20s
is "$rc" 0 "to its end"
like "$(weft -C me job show "$first")" '\bone\b' "where it was"
run weft -C me job wait "$second" --timeout 20s
is "$rc" 0 "and so does the other"

stop one
is "$rc" 0 "it stops as ever"
run weft-agent notice --config "$tmp/one/agent.conf"
is "$rc" 3 "nobody is there to be told"
like "$err" 'no weft-agent runs' "which is said"
agent_run one 2
run weft -C me run held --data z --node one
is "$rc" 0 "a machine that was not taken away works again"
finish
