#!/bin/bash
# Who may what: tokens and roles of clients and operators, clocks that are wrong, and
# revocation, which ends what goes on.
. "$(dirname "$0")/lib.sh"

# At a clock that is off by a century.
clock=(env "LD_PRELOAD=$build/tests/e2e/wrongclock.so")
fast=("${clock[@]}" WRONG_CLOCK_S=3153600000)
slow=("${clock[@]}" WRONG_CLOCK_S=-3153600000)

broker
agent one "held@1:/bin/sh -c 'until [ -e $tmp/go ]; do sleep 0.05; done'" '    slots = 8' \
    'hash@1:sha256sum'

# -- tokens -----------------------------------------------------------------------------

token "$tmp/t" --role client --name alice
run weft ctx add alice "$tmp/t"
is "$rc" 0 "a client joins with its token"
run weft ctx add alice2 "$tmp/t"
is "$rc" 4 "a token that was used"
like "$err" '^error ETOKENUSED: the join token was used before' "is known as that"
like "$err" 'next: make a new one: `weft token create`' "with a next step"
token "$tmp/t" --role client --name bob
sed 's/\(weft1-....................\)./\1_/' "$tmp/t" > "$tmp/t2"
run weft ctx add bob "$tmp/t2"
is "$rc" 4 "a token that was changed"
like "$err" '^error ETOKEN: the join token is damaged' "is known by its checksum"
token "$tmp/t2" --name dev
run weft ctx add dev "$tmp/t2"
is "$rc" 4 "a token for an agent"
like "$err" '^error ETOKENROLE: ' "makes no context"
run weft-agent join --state "$tmp/x" --token-file "$tmp/t"
is "$rc" 4 "nor a token for a client an agent"
run weft -C op token revoke bob
is "$rc" 0 "a token can be revoked"
run weft ctx add bob "$tmp/t"
is "$rc" 4 "and is then of no use"
like "$err" '^error EREVOKED: ' "which is said"
run weft token create --role broker --name plant
like "$err" 'next: .*weft-broker link --config FILE --token-file' "a broker's is for a link"
run weft token create --name ''
is "$rc" 2 "an empty name is none"
run weft token create --role client --name alice
is "$rc" 1 "there is no token for a name that is taken"
like "$err" '^error EEXIST: ' "which is said"
run weft ctx ls --json
unlike "$out" '"name":"(bob|dev|alice[23])"' "what failed left no context behind"

# -- clocks -----------------------------------------------------------------------------

token "$tmp/t" --role client --name early --ttl 1m
run "${slow[@]}" weft ctx add early "$tmp/t"
is "$rc" 0 "a device whose clock is a century slow joins"
token "$tmp/t" --role client --name late --ttl 1m
run "${fast[@]}" weft ctx add late "$tmp/t"
is "$rc" 0 "and one whose clock is a century fast: the broker judges"
run "${fast[@]}" weft -C late run hash --data x --deadline 20s
is "$rc" 0 "deadlines do not depend on the client's clock"
run "${slow[@]}" weft -C early status
is "$rc" 0 "nor does anything else"
join two 'date@1:/bin/echo'
again two "${fast[@]}" weft-agent --config "$tmp/two/agent.conf"
await "two to be up" node_is two up
run weft run date --deadline 20s
is "$rc" 0 "an agent with a wrong clock works"
run weft node show two
is "$rc" 0 "and is shown"
token "$tmp/t" --role client --name dave --ttl 1s
stop broker
again broker "${clock[@]}" WRONG_CLOCK_S=3600 weft-broker --config "$tmp/broker.conf"
await "the broker" has "$tmp/broker.log" event=ready 2
is "$(weft nodes | grep -c -E '^(one|two)')" 2 "a broker that was restarted knows its nodes"
await "one to be back" node_is one up
await "two to be back" node_is two up
run weft ctx add dave "$tmp/t"
is "$rc" 4 "a token whose time is over by the broker's clock"
like "$err" '^error ETOKENEXPIRED: the join token has expired' "is known as that"
like "$err" 'next: make a new one' "with a next step"
run weft ctx ls --json
unlike "$out" '"name":"dave"' "and leaves no context behind"

# -- roles ------------------------------------------------------------------------------

weft -q ctx use alice
run weft token create --name x
is "$rc" 4 "a client may not make tokens"
like "$err" '^error EPERM: this role may not do that' "which is said"
like "$err" 'next: .*weft ctx ls' "with a next step"
run weft node drain one
is "$rc" 4 "nor drain a node"
run weft node revoke one --yes
is "$rc" 4 "nor revoke one"
run weft key ls
is "$rc" 4 "nor list keys"
run weft events
is "$rc" 4 "nor read events"
ok "the node is still up" node_is one up
# A context made of an agent's key.
mkdir -m 700 -p "$WEFT_HOME/contexts/thief"
cp "$tmp/two/state/key" "$WEFT_HOME/contexts/thief/key"
pub=$(weft node show two --json | value key)
sed "s/^key = .*/key = $pub/; s/^role = .*/role = operator/" \
    "$WEFT_HOME/contexts/op/context" > "$WEFT_HOME/contexts/thief/context"
chmod 600 "$WEFT_HOME/contexts/thief/"*
run weft -C thief status
is "$rc" 4 "an agent's key is no operator's"
like "$err" '^error EPERM: .*enrolled as `agent`, not as `operator`' "which is said"
ok "nor does it disturb the agent" node_is two up

# -- revocation -------------------------------------------------------------------------

weft -q ctx use op
start alice weft -C alice run held --data x
await "her job to run" bash -c 'weft jobs --filter state=RUNNING,cap=held --json | grep -q "\"id\""'
run weft key revoke alice
is "$rc" 0 "a client is revoked"
run weft key revoke alice
is "$rc" 5 "but once"
like "$err" 'alice is revoked already' "which is said"
within 10000 "and its session ends at once" ended "${pid[alice]}"
wait "${pid[alice]}"
is $? 4 "with exit code 4"
unset 'pid[alice]'
like "$(cat "$tmp/alice.log")" '^error EREVOKED: this key was revoked' "and the reason"
like "$(cat "$tmp/alice.log")" 'next: join again with a fresh token' "and a next step"
run weft -C alice status
is "$rc" 4 "it is not let in again"
like "$err" '^error (EAUTH|EREVOKED): ' "with a clear error"
touch "$tmp/go"
context bob operator
weft -q ctx use op
start bob weft -C bob events -f
await "bob to listen" has "$tmp/bob.log" .
run weft key revoke bob
is "$rc" 0 "an operator is revoked by another"
within 10000 "and his session ends at once" ended "${pid[bob]}"
wait "${pid[bob]}"
is $? 4 "with exit code 4"
unset 'pid[bob]'
run weft -C bob key ls
is "$rc" 4 "he is not let in again"
me=$(weft ctx show --json | value as)
run weft key revoke "$me"
is "$rc" 1 "the last operator cannot be revoked"
like "$err" 'this is the last operator key: enrol another first' "which is said"
run weft status
is "$rc" 0 "and works on"

rm "$tmp/go"
id=$(weft submit held --data x --node one)
await "it to run" job_is "$id" RUNNING
run weft node revoke one --yes
is "$rc" 0 "an agent is revoked"
await "the end of its session" has "$tmp/one.log" 'error=EREVOKED'
await "the refusal of its key" has "$tmp/one.log" 'event=refused.*weft-agent leave'
await "its attempt to be lost" bash -c '[ "$(weft status --all --json |
    sed -nE "s/.*\"lost_attempts\":([0-9]+).*/\1/p")" -ge 1 ]'
like "$(weft nodes)" 'one.*revoked' "it is shown as revoked"
run weft job cancel "$id"
is "$rc" 0 "its job can be cancelled"
agent three 'hash@1:sha256sum'
run weft run hash --data x
is "$rc" 0 "others go on"
finish
