#!/bin/bash
# Late binding: what waits at a busy agent goes to another when that one has a free slot,
# and what runs stays.
. "$(dirname "$0")/lib.sh"

broker
context me
ctl=$tmp/ctl
mkdir -m 777 "$ctl"
held="held@1:/bin/sh -c 'until [ -e $ctl/go ]; do sleep 0.02; done; echo done'"

at() { weft -C me job show "$1" | grep -qE "\b$2\b"; }

agent one 'slots = 1' "$held" '    slots = 1' '    queue = 4'
first=$(weft -C me submit held --data 1)
await "it runs" job_is "$first" RUNNING
second=$(weft -C me submit held --data 2)
third=$(weft -C me submit held --data 3)
await "the second to wait there" job_is "$second" ASSIGNED
await "the third to wait there" job_is "$third" ASSIGNED
ok "there is but one agent" at "$third" one

agent two 'slots = 1' "$held" '    slots = 1' '    queue = 0'
await "the last to run at the other one" job_is "$third" RUNNING
like "$(weft -C me job show "$third")" '\btwo\b' "what waited longest was asked back"
like "$(weft -C me job show "$third")" 'given back|asked back' "which its history tells"
is "$(weft -C me job show "$third" --json | value attempt)" 2 "it is the second attempt"
is "$(counter recalled)" 1 "and counted"
is "$(job_state "$first")" RUNNING "what ran goes on"
is "$(job_state "$second")" ASSIGNED "and nothing else moved: no slot is free"
touch "$ctl/go"
for id in "$first" "$second" "$third"; do
    run weft -C me job wait "$id" --timeout 20s
    is "$rc" 0 "all are done"
done
finish
