#!/bin/bash
# Large results of another site, and what is left when one's own broker is gone: the
# command line knows several brokers and goes on with another one.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sites.sh"

site a
site b
linked a b
at_site b agent far 'slots = 2' 'hash@1:sha256sum' \
    "many@1:/bin/sh -c 'cat > /dev/null; seq 500000'"
want=$(seq 500000 | sha256sum)

# ann, a client of a; and as she is when she comes to b, which never enrolled her.
at_site a token "$tmp/ann.token" --role client --name ann
ok "a client of a" weft -q ctx add ann "$tmp/ann.token"
contexts=$WEFT_HOME/contexts
cp -r "$contexts/ann" "$contexts/guest"
sed -i "s/:${site_port[a]}/:${site_port[b]}/; s/^broker_key.*/$(grep '^broker_key' \
    "$contexts/b/context")/" "$contexts/guest/context"
rm -f "$contexts/guest/brokers"
can() { weft -C ann run hash --data x > /dev/null; }
await "a to know what b offers" can

# -- results of 3 MB, made at b for a -------------------------------------------------------

job=$(weft -C ann submit many --data x)
run weft -C ann job wait "$job"
is "$rc" 0 "a job of a whose result is too large for a message runs at b"
is "$(weft -C ann job result "$job" | sha256sum)" "$want" "its result comes to a client of a"
is "$(weft -C guest job result "${job:0:8}" | sha256sum)" "$want" \
    "and to who asks at b, and is led to a, by its first digits"
own=$(weft -C guest submit many --data y)
run weft -C guest job wait "$own"
is "$rc" 0 "one that was submitted at b"
is "$(weft -C ann job result "$own" | sha256sum)" "$want" "is to be had from a as well"

# -- an operator of b, whom a does not know -------------------------------------------------

refused="EAUTH.*a at tcp://127.0.0.1:${site_port[a]} has that job, and does not know this key"
for what in 'job result' 'job wait' 'job show' why 'job logs' 'job cancel'; do
    run timeout -k 5 40 weft -C b --timeout 20s $what "$job"
    like "$rc $err" "^4 .*$refused" "$what: that the job is a's is said at once"
done
run timeout -k 5 40 weft -C b job result "$job"
like "$rc $err" "^4 .*$refused" "also to who would wait for ever"
run weft -C b job result "$own"
is "$rc" 0 "jobs of b he sees"

# -- a is gone ------------------------------------------------------------------------------

run weft -C a nodes
is "$rc" 0 "an operator of a looks at it"
grep -q "name = \"b\"" "$contexts/ann/brokers" || note "$(cat "$contexts/ann/brokers")"
ok "the client knows of b" grep -q 'name = "b"' "$contexts/ann/brokers"
stop a KILL
run weft -C ann --timeout 20s run hash --data z
is "$rc" 0 "a client of a goes on at b when a is dead"
is "$out" "$(printf z | sha256sum)" "as if nothing were"
is "$(weft -C ann --timeout 20s job result "$own" | sha256sum)" "$want" \
    "results that b has are there"
run weft -C ann --timeout 3s job result "$job"
unlike "$rc" '^0$' "one that a keeps is not"
run weft -C a --timeout 5s nodes
is "$rc" 3 "an operator is none at b"
like "$err" 'EUNREACH.*cannot reach.*is weft-broker running' "and a is away"
like "$err" 'another broker, of which it told, does not know this key' "both are said"
site_again a
run weft -C a nodes
is "$rc" 0 "when a is back he is one again"
is "$(weft -C ann --timeout 20s job result "$job" | sha256sum)" "$want" \
    "and results that it keeps are there"
finish
