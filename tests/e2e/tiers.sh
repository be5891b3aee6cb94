#!/bin/bash
# Three tiers, each behind a link with a delay of its own: where jobs go, what makes them
# go elsewhere, and that `weft why` says so, afterwards as `weft plan` does before.
. "$(dirname "$0")/lib.sh"

cat > "$tmp/prices.conf" << 'END'
class
    name = box
    usd_h = 0.01
    paid = owned
class
    name = vm-large
    usd_h = 1
    paid = on-demand
tiers
    from = cloud
    to = *
    usd_gb = 0.09
END
broker "prices = $tmp/prices.conf"
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

# farther NAME US: than that, as the broker reckons.
farther() { [ "$(weft node show "$1" --json | value rtt_us)" -gt "$2" ]; }

# decide OPTION...: run a job; sets $why, what `weft why --json` says of it.
decide() {
    jobs=$((jobs + 1))
    id=$(printf '%032x' $jobs)
    run weft run "$@" --id "$id"
    why=$(weft why "$id" --json)
}
jobs=0

# plan OPTION...: what it says, in $why, too.
plan() { why=$(weft plan "$@" --json); }

# of FIELD [NODE]: of the decision, or of one of its candidates.
of() {
    python3 -c 'import json, sys
x = json.loads(sys.argv[1])
if len(sys.argv) > 3:
    x = next(c for c in x["candidates"] if c["node"] == sys.argv[3])
print(x[sys.argv[2]])' "$why" "$@"
}

# less FIELD NODE NODE: the first has less of it.
less() { [ "$(of "$1" "$2")" -lt "$(of "$1" "$3")" ]; }
# least NODE NODE NODE: the first has the best score.
least() { less score_us "$1" "$2" && less score_us "$1" "$3"; }

context alice
weft -q ctx use alice
# Each class of machine does the same work in its own time.
hash='hash@1:sha256sum' lines='lines@1:wc -l {input:in}'
tier box edge lyon 127.0.0.2 2 'class = box' "$hash" "$lines" 'render@1:sleep 0.8'
tier server onprem lyon 127.0.0.3 20 "$hash" "$lines" 'render@1:sleep 0.8'
tier vm cloud paris 127.0.0.4 60 'class = vm-large' 'speed = 4' "$hash" "$lines" \
    'render@1:sleep 0.2'
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
ok "so its score is the best" least box server vm
is "$(of goal)" balanced "a job that names no goal is for both time and money"

# -- data -------------------------------------------------------------------------------

head -c 20000000 /dev/urandom > "$tmp/large"
run weft data put "$tmp/large" --name large --to vm
is "$rc" 0 "a large input in the cloud"
decide lines --input in=large/large --goal latency
is "$rc" 0 "a job that reads it is done"
is "$(of node)" vm "where it is"
is "$(of fetch_us vm)" 0 "which fetches nothing"
is "$(of took_fetched)" 0 "and did not"
is "$(of fetch_bytes box)" 20000000 "the others would fetch all of it"
ok "in longer than it takes to reach the cloud" \
    [ "$(of fetch_us server)" -gt "$(of link_us vm)" ]
is "$(of cost_pusd server)" $((20000000 * 90)) "and pay for each byte that leaves it"
decide lines --input in=large/large --node box
ok "where it is sent it is fetched" [ "$(of took_fetched)" -ge 20000000 ]
ok "and paid for" [ "$(of took_cost_pusd)" -ge $((20000000 * 90)) ]
like "$(weft links box --json)" '"to":"vm","rtt_us":[1-9][0-9]{5},.*"down":[1-9]' \
    "which shows what the way between them is like"
decide lines --input in=large/large --goal balanced
is "$(of node)" box "the next one goes to the nearer of two that have it"
is "$(of fetch_us box)" 0 "with nothing to fetch"

# -- money ------------------------------------------------------------------------------

decide render --data x --goal latency
is "$rc" 0 "a long job for which a second is worth a cent"
is "$(of node)" vm "goes to the fast machine"
ok "which is farther" less link_us box vm
ok "but sooner done" less run_us vm box
ok "and costs something" [ "$(of took_cost_pusd)" -gt 0 ]
decide render --data x --goal cost
is "$(of node)" box "one that is to be cheap does not"
is "$(of cost_pusd box)" 0 "the near machine is there anyway"
ok "money stands against the fast one" [ "$(of money_us vm)" -gt "$(of run_us box)" ]
is "$(of took_cost_pusd)" 0 "and it cost nothing"
decide render --data x --goal latency --max-cost 0.000001
is "$(of node)" box "nor does one with a limit"
is "$(of refused vm)" max-cost "which refuses the fast one"
like "$(weft why "$id")" 'vm.*max-cost$' "as people see"

# -- asked before -----------------------------------------------------------------------

accepted=$(weft -C op status --all --json | value accepted)
plan render --data x --goal latency
is "$(of node)" vm "a plan names where it would go"
planned=$(of cost_pusd vm)
plan render --data x --goal latency --what-if down=vm
is "$(of node)" box "or where, without that node"
is "$(of refused vm)" what-if "and says so"
plan render --data x --goal latency --what-if site=lyon --max-cost 0.000001
is "$(of chosen)" False "or that it would wait"
is "$(of refused vm),$(of refused box)" max-cost,what-if "and for what"
run weft plan render --data x --node nobody
is "$rc" 5 "a plan for what cannot be"
like "$err" 'no node is named nobody' "says what"
is "$(weft -C op status --all --json | value accepted)" "$accepted" \
    "nothing was submitted"
decide render --data x --goal latency
is "$(of node),$(of cost_pusd vm)" "vm,$planned" "then it does what was said"

# -- slow -------------------------------------------------------------------------------

link_delay way-box 150
await "the broker to know" farther box 299999
decide hash --data x
is "$rc" 0 "the near link has become slow"
is "$(of node)" server "the next job goes elsewhere"
ok "for the link" less link_us server box
like "$(weft links box --json)" '"to":"hq","rtt_us":[3-9][0-9]{5}[,}]' \
    "which people see as well"
plan hash --data x --what-if down=server
is "$(of node)" vm "and without that one to the cloud"
finish
