#!/bin/bash
# What a link between two brokers is like, over a way of 20 ms that loses every third
# datagram: its round trip and loss by the probes of the one that dials, what it carries
# by a transfer over it; both ends know all of it, and so does who is further away.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sites.sh"

# link_of SITE FROM TO FIELD
link_of() {
    weft -C "$1" links --brokers --json | python3 -c 'import json, sys
for l in json.load(sys.stdin)["links"]:
    if (l["from"], l["to"]) == (sys.argv[1], sys.argv[2]):
        print(l[sys.argv[3]])' "$2" "$3" "$4"
}
# has_more SITE FROM TO FIELD N: it is larger than N.
has_more() { [ "$(link_of "$1" "$2" "$3" "$4")" -gt "$5" ]; }

site a
site b
site c
bulk=$(sed -n 's/.*event=ready.* bulk=tcp:[^ ]*:\([0-9]*\) .*/\1/p' "$tmp/b.log")
slow_link way 127.0.0.2 '20 3' "${site_port[b]}" "$bulk"
linked a b 127.0.0.2
linked c b

# -- round trip and loss ------------------------------------------------------------------

await "a to know the round trip" has_more a a b rtt_us 30000
await "and that probes are lost" has_more a a b loss_permille 0
await "b to be told of both" has_more b b a loss_permille 0
ok "with the round trip" test "$(link_of b b a rtt_us)" -gt 30000
await "c to hear of it" has_more c b a loss_permille 0
is "$(link_of a a b up) $(link_of a a b down)" "0 0" "nothing is known of what it carries"
weft -C b status --all --json > "$tmp/status"
ok "b answers probes of brokers" test "$(value probes_answered < "$tmp/status")" -gt 0

# -- throughput ---------------------------------------------------------------------------

# Inputs go from a to b, results would come back.
at_site a agent store
at_site b agent far 'hash@1:sha256sum'
can() { weft -C "$1" run "$2" --data x > /dev/null; }
await "a to know what b offers" can a hash
head -c 40000000 /dev/urandom > "$tmp/big"
run weft -C a run hash "$tmp/big"
is "$rc" 0 "40 MB cross the link"
await "a to be told what it carries" has_more a a b up 1000000
await "b to know" has_more b b a down 1000000
is "$(link_of a a b down)" 0 "in the direction that was used"
like "$(weft -C a links --brokers)" '^a.b.[0-9.]+ ms.*%.*/s' "weft links shows it"
like "$(weft -C a map --sites)" 'a -> b.*%.*[0-9]/-' "and so does weft map, in Mbit/s"
await "c to hear of that" has_more c b a down 1000000

# -- without datagrams --------------------------------------------------------------------

# The other link is probed over loopback; one over TCP alone is measured by heartbeats.
is "$(link_of c c b loss_permille)" 0 "nothing is lost without the slow way"
stop way
start plain python3 "$top/tests/lib/link.py" "${site_port[b]}" "$bulk"
await "a way of TCP alone" has "$tmp/plain.log" '^ready'
short() { [ "$(link_of a a b state)" = up ] && [ "$(link_of a a b rtt_us)" -lt 20000 ]; }
await "a to measure it" short
await "a to say that no probe comes through" has "$tmp/a.log" 'event=no-probes neighbour=b'
is "$(grep -c no-probes "$tmp/a.log")" 1 "once"
finish
