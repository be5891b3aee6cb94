#!/bin/bash
# Three tiers, each behind a link with a delay of its own: where jobs go, what makes them
# go elsewhere, and that `weft why` says so.
. "$(dirname "$0")/lib.sh"

# The heartbeat tells what was measured; links are probed as often as ever.
broker_lines+=('heartbeat = 100ms')
broker
bulk=$(sed -n 's/.*event=ready .* bulk=tcp:[^ ]*:\([0-9]*\) .*/\1/p' "$tmp/broker.log")

# tier NAME TIER SITE ADDRESS MS LINE...: an agent that is so far away, one way.
tier() {
    local name=$1 tier=$2 site=$3 at=$4
    slow_link "way-$name" "$at" "$5" "$port" "$bulk"
    shift 5
    agent_token="--tier $tier --site $site" join "$name" "$@"
    over_link "$name" "$at"
    agent_run "$name"
}

# rtt NAME: as the broker reckons, in microseconds; 0: not measured.
rtt() { weft node show "$1" --json | value rtt_us; }
# farther NAME US: than that.
farther() { [ "$(rtt "$1")" -gt "$2" ]; }

# decide OPTION...: run a job; sets $why, what `weft why --json` says of it.
decide() {
    jobs=$((jobs + 1))
    id=$(printf '%032x' $jobs)
    run weft run "$@" --id "$id"
    why=$(weft why "$id" --json)
}
jobs=0

# of FIELD [NODE]: of the decision, or of one of its candidates.
of() {
    python3 -c 'import json, sys
x = json.loads(sys.argv[1])
if len(sys.argv) > 3:
    x = next(c for c in x["candidates"] if c["node"] == sys.argv[3])
print(x[sys.argv[2]])' "$why" "$@"
}

less() { [ "$(of "$1" "$2")" -lt "$(of "$1" "$3")" ]; }

context alice
weft -q ctx use alice
tier box edge lyon 127.0.0.2 2 'hash@1:sha256sum'
tier server onprem lyon 127.0.0.3 20 'hash@1:sha256sum'
tier vm cloud paris 127.0.0.4 60 'hash@1:sha256sum'
await "the link of the box" farther box 3999
await "that of the server" farther server 39999
await "that of the cloud" farther vm 119999

# -- near -------------------------------------------------------------------------------

decide hash --data x
is "$rc" 0 "a job is done"
is "$(of node)" box "by the near agent"
is "$(of scored)" 3 "of all that were looked at"
ok "for its link" less link_us box server
ok "as the nearer of the others" less link_us server vm

finish
