#!/bin/bash
# The first of two brokers is killed with 200 accepted jobs: all of them get their outcome
# from the second, one each.
. "$(dirname "$0")/site.sh"

run weft -C south node show one
like "$out" 'offline|down' "agents of the first broker are known to the second, and not there"

# -- the first is killed ----------------------------------------------------------------

start client driver abandon 100 held
await "100 to be accepted" has "$tmp/client.log" '^accepted 100'
stop client KILL
start storm driver storm 100 held
await "200 to be accepted" live_is alice 200
await "eight to run" has "$tmp/marks" . 8
is "$(weft -C south status --all --json | value live)" 0 "they are the first one's alone"
stop north KILL
await "the second to take over" live_is south 200
touch "$tmp/go"
sed -n 's/^id //p' "$tmp/client.log" > "$tmp/ids"
run bash -c "driver fetch < '$tmp/ids'"
is "$out" "fetched=100 ok=100" "who forgot 100 of them gets their outcome from the second broker"
await "the storm to end" ended "${pid[storm]}"
wait "${pid[storm]}"
unset 'pid[storm]'
like "$(cat "$tmp/storm.log")" '^outcomes=100 ok=100 twice=0 none=0 wrong=0$' \
    "who waited for 100 more gets each once"
is "$(sort -u "$tmp/marks" | cut -d' ' -f1 | sort -u | wc -l)" 200 "each of them ran"
is "$(sort "$tmp/marks" | uniq -d | wc -l)" 0 "no attempt ran twice"
like "$(weft -C op events --json)" takeover "an event tells of it"

# -- the first comes back ---------------------------------------------------------------

up north 3
run weft status --json
is "$(value live <<< "$out")" 0 "the first comes back without jobs"
run bash -c "WEFT_CONTEXT=south driver fetch < '$tmp/ids'"
is "$out" "fetched=100 ok=100" "the outcomes are the second one's"

# -- what one broker is told holds at the other -----------------------------------------

run weft -q -C op node revoke --yes two
is "$rc" 0 "a node that is connected to the second broker is revoked at the first"
await "its session to end" has "$tmp/two.log" 'error=EREVOKED|EREVOKED'
finish
