#!/bin/bash
# Programs that are started without standard descriptors: what they open next must not
# take in what they print.
. "$(dirname "$0")/lib.sh"

broker
agent one 'cat@1:cat'

run weft nodes --json
is "$rc" 0 "the broker and the agent are up"
weft nodes >&- 2> "$tmp/err"
is "$?" 1 "without standard output a command says so"
like "$(cat "$tmp/err")" 'EIO.*standard output' "by name"
weft nodes > "$tmp/nodes" 2>&-
is "$?" 0 "without standard error it works"
like "$(cat "$tmp/nodes")" '^one' "as ever"
weft nodes <&- > "$tmp/nodes"
is "$?" 0 "and without standard input"
weft run cat - <&- 2> "$tmp/err"
is "$?" 1 "unless it was to read that"
is "$(weft run cat --data x 2>&-)" x "a job runs"

# What they log goes nowhere; the log of before says that the start was one.
stop one
start silent bash -c 'exec "$@" <&- >&- 2>&-' - weft-agent --config "$tmp/one/agent.conf"
await "the agent" node_is one up
is "$(weft run cat --data y)" y "an agent without any of the three does work"
is "$(readlink "/proc/${pid[silent]}/fd/2")" /dev/null "and what it logs goes nowhere"
stop silent
is "$rc" 0 "it stops as told"

stop broker
start mute bash -c 'exec "$@" <&- >&- 2>&-' - weft-broker --config "$tmp/broker.conf"
await "the broker" weft status
is "$(readlink "/proc/${pid[mute]}/fd/2")" /dev/null "so does a broker"
stop mute
is "$rc" 0 "it stops as told"
finish
