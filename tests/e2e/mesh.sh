#!/bin/bash
# Two sites, then three: work goes where it can run, its outcome comes home, and nothing
# of it depends on a broker staying alive.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sites.sh"

ctl=$tmp/ctl
mkdir -m 777 "$ctl"
site a
site b
run weft-broker link --config "$tmp/site-a/broker.conf" --token-file /dev/null
is "$rc" 1 "a link needs a token"
at_site b token "$tmp/client.token" --name c
run weft-broker link --config "$tmp/site-a/broker.conf" --token-file "$tmp/client.token"
like "$err" 'token create --role broker' "of role broker"
linked a b
at_site b agent far 'slots = 2' 'hash@1:sha256sum' \
    "held@1:/bin/sh -c 'echo begun; until [ -e $ctl/go ]; do sleep 0.02; done; echo done'" \
    '    slots = 2' "fail@1:/bin/sh -c 'exit 3'" \
    "who@1:/bin/sh -c 'echo \$WEFT_JOB_ID \$WEFT_ATTEMPT'"
can() { weft -C "$1" run "$2" --data x > /dev/null; }
await "a to know what b offers" can a hash

run weft -C a run hash --data x
is "$rc" 0 "a job of a runs at b"
is "$out" "$(printf x | sha256sum)" "with the right result"
run weft -C a run fail --data x
is "$rc" 20 "a handler that fails there fails here"
like "$err" 'exit.* 3' "with its exit code"

who=$(weft -C a submit who --data x)
run weft -C a job wait "$who" --timeout 20s
is "$(weft -C a job result "$who")" "$who 1" "handlers there see its own id and attempt"

first=$(weft -C a submit held --data 1)
await "it runs" at_site a job_is "$first" RUNNING
like "$(weft -C a job show "$first")" '\bb\b' "at b, as its home knows"
there=$(weft -C a job show "$first" --json | value there)
like "$(weft -C a job show "$first")" "^there.${there:0:8} at b\$" "and what it is there"
is "$(weft -C b job show "${there:0:8}" --json | value of)" "$first" "b knows it as that"
like "$(weft -C b job show "$there")" "^of.a's job ${first:0:8}\$" "and whose it is"
like "$(weft -C b events)" 'broker a is up' "a neighbour is called a broker"
run weft -C a node show b
unlike "$out" '^machine|none' "of which nothing is shown that it does not have"
await "its output to come home" bash -c "weft -C a job logs $first | grep -q begun"
second=$(weft -C a submit held --data 2)
await "the second runs" at_site a job_is "$second" RUNNING
run weft -C a job cancel "$second"
is "$rc" 0 "it is cancelled at home"
live() { [ "$(weft -C "$1" status --json | value live)" = "$2" ]; }
await "b to have ended it" live b 1

# The home broker is killed meanwhile: the run goes on.
stop a KILL
site_again a
await "the home broker knows that it runs" at_site a job_is "$first" RUNNING
is "$(weft -C a job show "$first" --json | value attempt)" 1 "as the same attempt"

# And now the broker of the site where it runs.
stop b KILL
await "a to miss b meanwhile" at_site a node_is b lost
like "$(weft -C a job show "$first")" '^state.RUNNING on b, which is cut off: last heard .* ago$' \
    "what cannot be seen now is said to be out of sight"
site_again b
await "b's agent is back" at_site b node_is far up
await "b is back" at_site a node_is b up
is "$(weft -C a job show "$first" --json | value attempt)" 1 "still the same attempt"
touch "$ctl/go"
run weft -C a job wait "$first" --timeout 20s
is "$rc" 0 "it ends well"
like "$(weft -C a job result "$first")" done "with its result"

# A third site that only b can reach: work of a gets there through b.
site c
linked b c
at_site c agent deep 'slots = 1' 'deep@1:tr a-z A-Z' \
    "whom@1:/bin/sh -c 'echo \$WEFT_JOB_ID \$WEFT_ATTEMPT'"
await "a to hear of it through b" can a deep
run weft -C a run deep --data x
is "$out" X "a job runs two brokers further"
who=$(weft -C a submit whom --data x)
run weft -C a job wait "$who" --timeout 20s
is "$(weft -C a job result "$who")" "$who 1" "under its own id and number there as well"
run weft -C c run hash --data x
is "$out" "$(printf x | sha256sum)" "and the other way round, against the dialled link"
picky=$(weft -C a submit deep --data x --need 'cpus>=100000')
await "its refusal" bash -c "weft -C a job show $picky | grep -q 'no agent here may run it'"
await "it to wait at home" at_site a job_is "$picky" QUEUED
run weft -C a job cancel "$picky"
run weft -C a run deep --data pin --node deep
is "$out" PIN "a node of another site can be named"
run weft -C a run deep --data pin --node nobody
is "$rc" 5 "one that nobody knows cannot"

# What is known of keys travels: a client of c, revoked at a.
at_site c token "$tmp/cc.token" --role client --name cc
ok "a client of c" weft -q ctx add cc "$tmp/cc.token"
run weft -C cc run hash --data x
is "$rc" 0 "works"
own=$(weft -C cc submit hash --data y)
# The same client at a, which never enrolled it.
file=$(grep -rl "^endpoint = .*:${site_port[c]}" "$WEFT_HOME" | grep cc | head -n 1)
cp "$file" "$tmp/cc.profile"
sed -i "s/:${site_port[c]}/:${site_port[a]}/; $(grep '^broker_key' "$(grep -rl \
    "^endpoint = .*:${site_port[a]}" "$WEFT_HOME" | head -n 1)" |
    sed 's|.*|s/^broker_key.*/&/|')" "$file"
run weft -C cc run hash --data x
is "$rc" 0 "is let in at a as well"
like "$(weft -C a events)" 'adopted.*cc' "as an operator can see"
run weft -C cc job show "$own"
is "$rc" 0 "and is led from there to c, two links away, where its job is"
run weft -C cc job result "$own"
is "$out" "$(printf y | sha256sum)" "for the result as well"
run weft -C cc job show "${own:0:8}"
is "$rc" 0 "its first digits will do"
run weft -C cc job result "${own:0:8}"
is "$out" "$(printf y | sha256sum)" "for its result, too"
run weft -C cc job show 0123456789abcdef0123456789abcdef
is "$rc" 5 "what nobody has is not found anywhere"
cp "$tmp/cc.profile" "$file"
revoked() { weft -C a key revoke cc; }
await "a to hear of it, two links away, and revoke it" revoked
refused() { ! weft -C cc run hash --data x; }
await "c to refuse it" refused
run weft -C cc run hash --data x
like "$err" 'revoked' "and to say why"

stop b KILL
await "a to miss b" at_site a node_is b lost
like "$(weft -C a events)" 'broker b is gone' "which is said"
run weft -C a submit deep --data later
is "$rc" 0 "what only a cut off site can do is accepted"
late=$out
like "$(weft -C a why "$late")" 'offline' "and waits for it"
site_again b
run weft -C a job wait "$late" --timeout 30s
is "$rc" 0 "until the link is back"
finish
