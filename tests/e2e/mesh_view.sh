#!/bin/bash
# What an operator sees of a mesh: three sites in a chain, each from its own end; what it
# cannot see now, and how old that is.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sites.sh"

is_json() { python3 -c 'import json, sys; json.loads(sys.argv[1])' "$1"; }
on_tty() { TERM=xterm script -qec "stty cols 80 rows 24; $1" /dev/null | tr -d '\r'; }
too_wide() { python3 -c 'import sys
for l in sys.stdin.buffer.read().decode().split("\n"):
    if len(l) > 80:
        print(l)'; }
# of NAME FIELD MAP: a broker's field in the map's JSON.
of() {
    python3 -c 'import json, sys
for b in json.loads(sys.argv[3])["brokers"]:
    if b["name"] == sys.argv[1]:
        print(b[sys.argv[2]])' "$@"
}
# link_of FROM TO FIELD MAP
link_of() {
    python3 -c 'import json, sys
for l in json.loads(sys.argv[4])["links"]:
    if (l["from"], l["to"]) == (sys.argv[1], sys.argv[2]):
        print(l[sys.argv[3]])' "$@"
}
# sees SITE BROKER STATE
sees() { [ "$(of "$2" state "$(weft -C "$1" map --json)")" = "$3" ]; }
# tells SITE FROM TO: the link between these is known there, with its round trip.
tells() { [ "$(link_of "$2" "$3" rtt_us "$(weft -C "$1" map --json)")" -gt 0 ]; }

# -- alone --------------------------------------------------------------------------------

site a
run weft -C a map --json
ok "a broker alone is a mesh of one" is_json "$out"
is "$(of a state "$out")" self "itself"
run weft -C a links --brokers
like "$err" 'a has no link to another broker' "without links"
run weft -C a map --wait=up --brokers 2 --timeout 200ms
is "$rc" 10 "waiting for another broker is in vain"
like "$err" '1 brokers? (is|are) up, wanted 2' "which is said"
run weft -C a map --brokers 2
is "$rc" 2 "--brokers alone makes no sense"

# -- three in a chain ---------------------------------------------------------------------

site b
printf '%s\n' class '    name = gpu' '    usd_h = 0.9' > "$tmp/prices"
site c "prices = $tmp/prices"
linked a b
linked b c
at_site a agent near 'slots = 2' 'hash@1:sha256sum'
at_site c agent deep 'slots = 3' 'class = gpu' 'deep@1:tr a-z A-Z'
for s in a b c; do
    run weft -C "$s" map --wait=up --brokers 3 --timeout 30s
    is "$rc" 0 "$s: three brokers are up"
done
await "a to know of the link between the others" tells a b c
await "and of the slots of c" bash -c '[ "$(weft -C a map | sed -n "s/^c\t.*\t0\/3\t.*/x/p")" = x ]'

run weft -C a map --json
ok "the map as JSON" is_json "$out"
is "$(of b state "$out") $(of c state "$out")" "up up" "the others are up"
is "$(of b hops "$out") $(of c hops "$out") $(of c via "$out")" "1 2 b" "with the way there"
ok "what is known of c has an age" test "$(of c age_ms "$out")" -ge 0
is "$(of c slots "$out") $(of c agents "$out")" "3 1" "and figures"
is "$(of c classes "$out")" "[{'name': 'gpu', 'slots': 3, 'pusd_s': 250000000}]" \
    "node classes with their prices"
ok "which are of some age, too" test "$(of c site_age_ms "$out")" -ge 0
is "$(link_of a b state "$out")" up "our own link"
is "$(link_of b c state "$out")" up "and one that b told of"
ok "both for a while" test "$(link_of b c state_ms "$out")" -gt 0
run weft -C c map --json
is "$(of a state "$out") $(of a hops "$out") $(of a via "$out")" "up 2 b" "from the other end"
run weft -C b map --json
is "$(of a hops "$out") $(of c hops "$out")" "1 1" "from the middle"

run weft -C a map
is "$(cut -f1 <<< "$out")" "a
a -> b
near
b
b -> a
b -> c
c
c -> b" "piped: a line each, in order of distance"
like "$out" '^c.up.*2 via b' "with the hops"
like "$out" '^c.*gpu 3 at \$0\.9/h$' "and the classes"
view=$(on_tty 'weft --no-color -C a map')
like "$view" '(→|->) b +up' "on a terminal: links below their broker"
like "$view" '3/3 brokers, 2/2 agents up' "and how many are up, at all of them"
is "$(grep -v 'as of' <<< "$view" | too_wide)" "" "it fits 80 columns"
run weft -C a map --sites
unlike "$out" near "--sites leaves agents out"
like "$(on_tty 'weft --no-color -C a map --sites')" '3/3 brokers, 2/2 agents up' \
    "and counts them all the same"

run weft -C a map --dot
like "$out" '"broker/a" -- "broker/b" \[label="[0-9.]+ (us|ms)' "--dot: a link"
is "$(grep -c -- '"broker/[abc]" -- "broker/[abc]"' <<< "$out")" 2 "each once"
like "$out" '"broker/a" -- "agent/near"' "and an agent"
if command -v dot > /dev/null; then
    ok "graphviz reads it" dot -Tsvg <<< "$out"
else
    is "$(grep -cvE '^(graph weft \{|\}|    .*;)$' <<< "$out")" 0 "of statements alone"
fi
run weft -C a map --sites --dot
unlike "$out" near "or without agents"

run weft -C a links --brokers
is "$(cut -f1,2 <<< "$out" | tr '\t' '>')" "a>b
b>a
b>c
c>b" "links between brokers, from each end"
run weft -C a links near
unlike "$out" '^b' "links of one node"
run weft -C a links c --json
is "$(grep -o '"state":"up"' <<< "$out" | wc -l)" 2 "those of a broker"

# -- needs ---------------------------------------------------------------------------------

# b made a's token, and a broker is where it says itself.
has_site() { weft -C "$1" node show "$2" --json | grep -q "\"site\":\"$3\""; }
await "b to know where a is" has_site b a a
await "and a where b is" has_site a b b
run weft -C a plan deep -n site=c
like "$out" 'would go to b' "a need that a further site meets leads there"
run weft -C a run deep -n site=c --data x
is "$out" X "as does the work"
run weft -C a plan deep -n site=a
like "$out" 'no agent that is known meets site=a' "one that nobody meets is named"
run weft -C a plan deep -n sitee=c
like "$out" 'no agent here meets sitee=c: b would be asked' "or who may know"
run weft -C a submit deep -n 'cpus>=banana' --data x
isnt=$rc
ok "what is no number is not compared with" test "$isnt" -ne 0
like "$err" 'KEY>=NUMBER' "which is said"
run weft -C a submit deep -n sitee=c --data x
is "$rc" 0 "a need may be met later"
job=$out
waits() { weft -C a job show "$job" | grep -q 'no agent that is known meets sitee=c'; }
await "the job to say what it waits for" waits
run weft -C a job show "$job"
like "$out" 'attempt.0 of [0-9]+, beside 1 that no agent took' "a refusal is no attempt"
run weft -C a job cancel "$job"
is "$rc" 0 "it is cancelled"

# -- round trips --------------------------------------------------------------------------

run weft -C a ping b -c 1
like "$out" 'then b [0-9.]+ (us|ms)' "a neighbour that we dialled"
run weft -C b ping a -c 1
like "$out" 'then a [0-9.]+ (us|ms)' "and one that dialled us"
run weft -C a ping c --from b -c 2 -i 1ms
is "$rc" 0 "from a neighbour to its neighbour"
like "$out" '^b to c: [0-9.]+ (us|ms)' "who is two links away"
run weft -C c ping a --from b -c 1
is "$rc" 0 "and back"
run weft -C a ping near --from a -c 1
is "$rc" 0 "from our own broker"
run weft -C a ping nobody --from b -c 1
is "$rc" 5 "what the other one does not know"
run weft -C a ping b --from c -c 1
isnt=$rc
ok "c is too far to be asked" test "$isnt" -ne 0
like "$err" 'use a context of the other' "which is said"

# -- cut off ------------------------------------------------------------------------------

stop b KILL
await "a to miss b" sees a b cut
await "and c with it" sees a c cut
run weft -C a map --json
ok "how long b has been cut off" test "$(of b cut_ms "$out")" -gt 0
ok "and how old that is" test "$(of b age_ms "$out")" -gt 0
ok "the same of c" test "$(of c age_ms "$out")" -gt 0
is "$(of c via "$out")" "" "nothing leads there"
is "$(of c slots "$out")" 3 "what it said last stays"
is "$(link_of a b state "$out")" cut "our link is cut"
view=$(on_tty 'weft --no-color -C a map')
like "$view" 'b +cut off [0-9]' "the table says for how long"
like "$view" 'c is cut off; last word from it .* ago' "and when it last said something"
like "$view" 'not known' "and that of its links nothing is known"
like "$(weft -C a map --dot)" '"broker/b" .*cut off' "as does the picture"
run weft -C a ping a --from b -c 1
is "$rc" 3 "who is cut off cannot measure"
run weft -C a map --wait=up --brokers 3 --timeout 200ms
is "$rc" 10 "three are not up"
site_again b
run weft -C a map --wait=up --brokers 3 --timeout 30s
is "$rc" 0 "until it is back"

# Events of a neighbour, one link far.
stop deep KILL
heard() { weft -C b events -n 100 | grep -q 'warning.agent-lost.c.*agent deep'; }
await "b to hear what c lost" heard
run weft -C a events -n 100
unlike "$out" 'agent deep' "which goes no further"
at_site c agent_run deep 2

# -- revoked ------------------------------------------------------------------------------

can() { weft -C a run deep --data x > /dev/null; }
await "work of a to reach c" can
run weft -C b key revoke c
is "$rc" 0 "b revokes c"
is_gone() { [ -z "$(of c state "$(weft -C "$1" map --json)")" ]; }
await "it is on b's map no more" is_gone b
await "nor a way for a" bash -c '! weft -C a map --json | grep -q "\"name\":\"c\".*\"state\":\"up\",\"cut"'
refused() { ! weft -C a submit deep --data x > /dev/null; }
await "a to hear that b knows no way there" refused
run weft -C a submit deep --data x
is "$rc" 5 "work for c alone is refused"
like "$err" 'ENOCAP' "as what nobody offers"
finish
