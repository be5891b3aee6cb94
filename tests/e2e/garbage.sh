#!/bin/bash
# A peer with a valid key that sends garbage above CURVE: its connection is closed, that is
# counted, and nobody else notices.
. "$(dirname "$0")/lib.sh"

broker
agent one "mark@1:$worker 8" '    kind = worker' '    concurrency = 8'
agent two "mark@1:$worker 8" '    kind = worker' '    concurrency = 8'
context mallory
weft -q ctx use op
join rogue
key=$(weft status --json | value key)
bus=tcp://127.0.0.1:$port

client() { run peer "$WEFT_HOME/contexts/mallory/key" "$key" "$bus" dial "$@"; }
rogue() { run peer "$tmp/rogue/state/key" "$key" "$bus" dial "$@"; }

start load driver load 4 mark
await "the load" has "$tmp/load.log" '^ended 50$'

# -- frames -----------------------------------------------------------------------------

cut=$(counter cut_bad_frame)
client frame 78010203 closed
is "$rc" 0 "a wrong magic ends the connection"
client frame 77020203 closed
is "$rc" 0 "a wrong version, too"
client frame 77 closed
is "$rc" 0 "a frame shorter than its header, too"
client parts closed
is "$rc" 0 "a message of several parts, too"
client hello client await welcome frame 00 closed
is "$rc" 0 "and so in the middle of a session"
is "$(counter cut_bad_frame)" $((cut + 5)) "each is counted"
client zeros 1200000 closed
is "$rc" 0 "a frame over the limit ends the connection"
cut=$(counter cut_bad_id)
run peer "$WEFT_HOME/contexts/mallory/key" "$key" "$bus" id 12345 dial hello client closed
is "$rc" 0 "a routing id of its own ends the connection"
is "$(counter cut_bad_id)" $((cut + 1)) "and is counted"

# -- messages ---------------------------------------------------------------------------

cut=$(counter cut_bad_message)
client send a0 closed
is "$rc" 0 "something that is no message ends the connection"
client hello client await welcome send dd05f5e100 closed
is "$rc" 0 "an array that claims more than there is, too"
client hello client await welcome send 9504ff000000 closed
is "$rc" 0 "a negative number, too"
client hello client await welcome send 9904d9ffc0 closed
is "$rc" 0 "a cut message, too"
client hello client await welcome send "$(printf '91%.0s' {1..3000})" closed
is "$rc" 0 "an endless nest, too"
is "$(counter cut_bad_message)" $((cut + 5)) "each is counted"
ok "the broker's log names where it came from" \
    has "$tmp/broker.log" 'event=malformed peer=127.0.0.1:[0-9]+' 5
client hello client await welcome deep 60000 await pong
is "$rc" 0 "a deep surplus element is skipped without harm"
skipped=$(counter skipped_messages)
client hello client await welcome send 917f950405000000 await pong
is "$rc" 0 "an unknown message is skipped, the next one answered"
is "$(counter skipped_messages)" $((skipped + 1)) "and counted"

# -- sessions and roles -----------------------------------------------------------------

unknown=$(counter unknown_messages)
client hello client await welcome send 9160916391649162950405000000 await pong
is "$rc" 0 "records of the store are no messages"
is "$(counter unknown_messages)" $((unknown + 4)) "each is counted"
unknown=$(counter unknown_messages)
client send 950401000000 hello client await welcome
is "$rc" 0 "what comes before hello is dropped"
is "$(counter unknown_messages)" $((unknown + 1)) "and counted"
client hello agent await bye closed
like "$out" 'bye code=13 .*enrolled as `client`, not as `agent`' \
    "a client may not say that it is an agent"
rogue hello operator await bye closed
like "$out" 'bye code=13 .*enrolled as `agent`, not as `operator`' \
    "nor an agent that it is an operator"
denied=$(counter denied)
client hello client await welcome send 9139 await error
like "$out" 'error code=13 about=57 .*role `client` may not send `node_set`' \
    "a client may not drain a node"
client hello client await welcome send 9138 await error
like "$out" 'error code=13 about=56 .*may not send `token_put`' "nor make a token"
client hello client await welcome send 9116 await error
like "$out" 'error code=13 .*may not send `result`' "nor say how a job ended"
rogue hello agent await welcome send 9120 await error
like "$out" 'error code=13 .*role `agent` may not send `submit`' "an agent may not submit"
is "$(counter denied)" $((denied + 4)) "each is counted"

# -- noise ------------------------------------------------------------------------------

cut=$(counter cut_bad_message)
run peer "$WEFT_HOME/contexts/mallory/key" "$key" "$bus" garble client 1 1500
is "$rc" 0 "a client that only sends damaged messages gets new sessions"
ok "which end" test "$(counter cut_bad_message)" -gt $((cut + 50))
run peer "$tmp/rogue/state/key" "$key" "$bus" garble agent 2 1500
is "$rc" 0 "so does an agent"
run peer "$tmp/rogue/state/key" "$key" "$bus" strangers agent 3 1500
is "$rc" 0 "and one whose messages are well-formed nonsense"
run peer "$WEFT_HOME/contexts/mallory/key" "$key" "$bus" strangers client 4 1500
is "$rc" 0 "and such a client"
run peer "$WEFT_HOME/contexts/op/key" "$key" "$bus" strangers operator 5 300
is "$rc" 0 "and such an operator"

# -- the others -------------------------------------------------------------------------

stop load
before=$(sed -n 's/^ended //p' "$tmp/load.log" | tail -n 1)
note "$before jobs of others meanwhile"
like "$(cat "$tmp/load.log")" '^outcomes=([0-9]+) ok=\1 twice=0 none=0 wrong=0$' \
    "the jobs of others went on, each with its one outcome"
is "$(grep -cE 'event=(agent-lost|agent-silent) node=(one|two)' "$tmp/broker.log")" 0 \
    "no agent was lost over it"
finish
