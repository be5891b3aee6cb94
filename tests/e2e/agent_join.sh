#!/bin/bash
# Enrolment: what a device is told at each step, and at each thing that can go wrong.
. "$(dirname "$0")/lib.sh"

broker
state=$tmp/dev/state

# try FILE OPTION...: join with the token in FILE.
try() {
    local file=$1
    shift
    run weft-agent join --state "$state" --token-file "$file" --timeout 3s "$@"
}

run weft-agent --state "$state"
is "$rc" 5 "a machine that did not join does not run"
like "$err" 'next: .*weft-agent join' "and is told how to join"

echo garbage > "$tmp/t"
try "$tmp/t"
is "$rc" 4 "text that is no token"
like "$err" '^error ETOKEN: ' "is called that"
token "$tmp/t" --name dev
tr A-Za-z B-ZAb-za < "$tmp/t" | sed s/^[^-]*/weft1/ > "$tmp/t2"
try "$tmp/t2"
is "$rc" 4 "a token with a letter changed"
like "$err" 'checksum' "fails by its checksum"
try "$tmp/none"
is "$rc" 5 "a token file that is not there"
run weft-agent join --state "$state" --token weft1-abc
is "$rc" 2 "a token on the command line is refused"

token "$tmp/t3" --role client
try "$tmp/t3"
is "$rc" 4 "a token for a client"
like "$err" '^error ETOKENROLE: .*client' "is for another role"
token "$tmp/t3" --ttl 1s
sleep 1.1 # tokens live for a second at least
try "$tmp/t3"
is "$rc" 4 "a token whose time is over"
like "$err" '^error ETOKENEXPIRED: ' "has expired"
token "$tmp/t3" --endpoint tcp://127.0.0.1:1
try "$tmp/t3"
is "$rc" 3 "an address where nobody listens"
like "$err" 'tcp://127.0.0.1:1' "is named"

fingerprint=$(cat "$state/key" | sha256sum)
try "$tmp/t" --name other
is "$rc" 2 "a name that is not the token's"
try "$tmp/t"
is "$rc" 0 "the right token"
like "$out" '^ok  key kept from before' "the key of the first try is kept"
read_out=$(sed -n 's/^ok  key kept .*  //p' <<< "$out")
like "$read_out" '^([0-9a-f]{4}-){3}[0-9a-f]{4}$' "and read out"
like "$(weft -C op key ls)" "^dev.*$read_out" "as the operator sees it"
is "$(weft -C op key ls --json | tr '{' '\n' | grep '"name":"dev"' | value fingerprint)" \
    "$read_out" "also as JSON"
has "$tmp/broker.log" "event=ready .*key=$(weft -C op status --json | value fingerprint)"
is "$?" 0 "so is the broker's own"
like "$(weft -C op status)" '^key.([0-9a-f]{4}-){3}[0-9a-f]{4}$' "in its status"
is "$(cat "$state/key" | sha256sum)" "$fingerprint" "and is the same"
like "$out" '^ok  enrolled as dev ' "it says who it is now"
is "$(stat -c %a "$state/key" "$state/identity" | paste -sd' ')" "600 600" \
    "key and identity are private"
try "$tmp/t"
is "$rc" 0 "joining again with that token changes nothing"
token "$tmp/t4" --name more
try "$tmp/t4"
is "$rc" 1 "another token does not replace an identity"
like "$err" 'next: .*weft-agent leave' "and it is said how to start over"
run weft-agent join --state "$tmp/dev2" --token-file "$tmp/t"
is "$rc" 4 "a token is good for one device"
like "$err" '^error ETOKENUSED: ' "the second is told"
weft -q -C op token create > "$tmp/t5"
run weft-agent join --state "$tmp/dev2" --token-file "$tmp/t5" --name dev
is "$rc" 1 "a name that is taken"
like "$err" '^error EEXIST: ' "is refused"
run weft-agent join --state "$tmp/dev2" --token-file "$tmp/t5" --name dev2
is "$rc" 0 "the same token with another name is not used up"

chmod 644 "$state/key"
run weft-agent --state "$state"
is "$rc" 4 "a key that others may read"
like "$err" '^error EKEY: .*chmod 600' "is not used"
chmod 600 "$state/key"

run weft-agent leave --state "$state"
is "$rc" 0 "leave"
like "$out" 'weft node revoke dev' "reminds of the broker"
is "$(ls "$state")" lock "nothing secret is left"
finish
