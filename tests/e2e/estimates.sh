#!/bin/bash
# What jobs took is known after a restart of the broker: on stopping it writes what it
# learned, and decides by that from its next start on.
. "$(dirname "$0")/lib.sh"

db=$tmp/broker/weft.db
records() {
    python3 -c 'import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM estimates").fetchone()[0])' "$db"
}
# expected ID: the run that the decision about a job expected, in microseconds.
expected() {
    weft why "$1" --json | python3 -c 'import json, sys
def find(x):
    if isinstance(x, dict):
        if "run_us" in x:
            return x["run_us"]
        x = list(x.values())
    for y in x if isinstance(x, list) else []:
        r = find(y)
        if r is not None:
            return r
print(find(json.load(sys.stdin)))'
}

broker
context alice
weft -q ctx use alice
agent one 'echo@1:cat'
first=000000000000000000000000000000e1
run weft run echo --data abc --id "$first"
is "$rc" 0 "a first job is done"
is "$(expected $first)" 500000 "which was expected to take half a second, as any"
for n in 1 2 3 4 5 6; do
    run weft run echo --data abc
done
stop broker
is "$(records)" 1 "the broker wrote what it learned when it stopped"
broker_again
await "the agent to be back" node_is one up
second=000000000000000000000000000000e2
run weft run echo --data abc --id "$second"
is "$rc" 0 "a job after the restart is done"
us=$(expected $second)
ok "and was expected to take what the others took: $us us" [ "$us" -lt 300000 ]
stop broker
is "$(records)" 1 "its record is the same one"
finish
