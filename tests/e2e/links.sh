#!/bin/bash
# Links: an agent probes the way to its broker and tells what it is like; probes with a
# cookie that was not given out get silence; where no datagram comes through, heartbeats
# are measured, and that is said once.
. "$(dirname "$0")/lib.sh"

is_json() { python3 -c 'import json, sys; json.loads(sys.argv[1])' "$1"; }
links_of() { weft links "$1" --json | value rtt_us; }
knows() { [ "$(links_of "$1")" -gt 0 ]; }
# at_least COUNTER N
at_least() { [ "$(counter "$1")" -ge "$2" ]; }

broker
context alice
weft -q ctx use alice

run weft links
is "$rc" 0 "there are no links yet"
like "$err" 'no link was measured yet' "which is said"

# -- an agent -----------------------------------------------------------------------------

agent one 'hash@1:sha256sum'
await "its link" knows one
weft -q ctx use op
await "probes to be answered" at_least probes_answered 3
weft -q ctx use alice
run weft links
is "$rc" 0 "a client may see the links"
like "$out" '^one.hq.[0-9.]+ (us|ms).[0-9.]+ (us|ms).[0-9.]+%.*measured' "from the agent to the broker"
run weft links one --json
ok "--json is JSON" is_json "$out"
like "$out" '"schema":"weft.links.v1"' "with its schema"
is "$(value to <<< "$out")" hq "and who is at the other end"
run weft links nobody
like "$err" 'no link of nobody' "a node without links"
unlike "$(cat "$tmp/one.log")" no-probes "probes come through"

# -- strangers ----------------------------------------------------------------------------

# Well-formed probes with cookies that were not given out, the same as answers, and noise:
# prints how many datagrams came back, after one that shows that all were looked at.
cat > "$tmp/stranger.py" << 'END'
import os
import socket
import sys

s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(('127.0.0.1', int(sys.argv[1])))
for i in range(30):
    cookie = bytes([0, 0, 0, i % 8]) + (bytes(12) if i < 15 else os.urandom(12))
    for kind in (1, 2):
        s.send(b'wfpr\x01' + bytes([kind, 0, 0]) + cookie + bytes(16) + bytes(i))
    s.send(os.urandom(i + 1))
s.settimeout(0.5)
got = 0
try:
    while True:
        s.recv(2000)
        got += 1
except (TimeoutError, ConnectionRefusedError):
    print(got)
END
unknown=$(weft -C op status --all --json | value probes_unknown)
run python3 "$tmp/stranger.py" "$port"
is "$out" 0 "strangers get nothing"
weft -q ctx use op
await "them to be counted" at_least probes_unknown $((unknown + 90))
weft -q ctx use alice
run weft -C op status --all --json
is "$(value probes_unknown <<< "$out")" $((unknown + 90)) "and each is counted"

# -- between agents -----------------------------------------------------------------------

# Fetching shows what the way between two nodes carries; the limit makes it last.
agent_token='--site lyon' agent giver 'data_cap = 1G' \
    'data_listen = tcp://127.0.0.1:*' 'copy@1:cat'
agent_token='--site paris' agent getter 'data_cap = 1G' 'data_rate = 20M' 'copy@1:cat'
head -c 20M /dev/urandom > "$tmp/big"
weft data put "$tmp/big" --name big --to site=lyon > "$tmp/put.out"
run weft data stage big --to site=paris
is "$rc" 0 "data moves from one to the other"
between() { weft links getter --json | tr '{' '\n' | grep '"to":"giver"'; }
await "the link between them" between
[ "$(between | value down)" -gt 1000000 ]
report $? "its throughput is known" "$(between)"
is "$(between | value up)" 0 "in the direction that was used"
like "$(weft links getter | grep giver)" '/s' "which the table shows"

# -- where UDP does not come through ------------------------------------------------------

# It reaches the broker over a relay of TCP alone, at another address.
link "$port"
join two 'hash@1:sha256sum'
sed -i '/^endpoint/s/127\.0\.0\.1/127.0.0.2/' "$tmp/two/state/identity"
agent_run two
await "its link, from heartbeats" knows two
await "it to give up probing" has "$tmp/two.log" 'event=no-probes'
is "$(grep -c no-probes "$tmp/two.log")" 1 "which is said once"
like "$(weft links two)" '^two.hq.[0-9.]+ (us|ms)' "its link is known all the same"

# -- a broker that answers none -----------------------------------------------------------

stop one
stop two
stop broker
printf 'probe_port = 0\n' >> "$tmp/broker.conf"
broker_again
agent_run one 2
await "a link from heartbeats" knows one
run weft -C op status --all --json
is "$(value probes_answered <<< "$out")" 0 "probe_port = 0: no probes, and the link is known"
stop broker
sed -i 's/^probe_port.*/probe_port = none/' "$tmp/broker.conf"
run weft-broker --config "$tmp/broker.conf"
like "$err" 'probe_port `none` is not a port' "a port that is none is refused"
finish
