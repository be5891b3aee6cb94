#!/bin/bash
# A client and an agent between sites: jobs of several homes are told by one program
# without waiting, and nobody waits for an agent that is elsewhere without its attempt.
. "$(dirname "$0")/lib.sh"
. "$here/sites.sh"
broker_lines+=('heartbeat = 500ms' 'lease = 2s')
export WEFT_CONTEXT=a
sites='a b c'

cat > "$tmp/hold" << END
echo run >> $tmp/runs
until [ -e $tmp/go ]; do sleep 0.05; done
cat
END

# a's agents and clients reach it over a link, its neighbours and operator without.
site a
link "${site_port[a]}"
stop a
echo "advertise = \"tcp://127.0.0.2:${site_port[a]}\"" >> "$tmp/site-a/broker.conf"
site_again a
site b
site c
linked a b
linked b c
op=a agent one "hash@1:sha256sum"
op=a context me
run weft -C me run hash --data x
is "$rc" 0 "a client and an agent of a do their work there"

# knows FOLDER SITE...: of the brokers there.
knows() {
    local dir=$1 s
    shift
    for s; do
        grep -rqs "name = \"$s\"" --include=brokers "$dir" || return 1
    done
}

client_knows() {
    weft -q -C me status && knows "$WEFT_HOME" b c
}
await "the client to know the others" client_knows

# only SITE COMMAND...: with the other brokers down.
only() {
    local at=$1 s
    shift
    for s in $sites; do
        [ "$s" = "$at" ] || stop "$s"
    done
    run "$@"
    for s in $sites; do
        [ "$s" = "$at" ] || site_again "$s"
    done
    await "a and b to be linked" at_site a node_is b up
    await "b and c to be linked" at_site b node_is c up
}

jobs=()
for s in $sites; do
    only "$s" weft -C me submit hash --deadline 10m --data "$s" --timeout 20s
    is "$rc" 0 "a job is accepted at $s"
    jobs+=("$out")
done
run weft -C me job wait "${jobs[@]}" --timeout 45s
is "$rc" 0 "one program hears of all of them within less than a minute"
is "$(grep -c OK <<< "$out")" 3 "each ended well"

# An agent is killed with a job that waits for it, and has no way back to a.
op=a agent two "held@1:/bin/sh $tmp/hold"
await "the agent to know the others" knows "$tmp/two/state" b c
id=$(weft -C a submit held --disconnect keep --data x)
await "the job to run" has "$tmp/runs" run
await "its broker to know" job_is "$id" RUNNING
stop two KILL
link_signal USR1
again two weft-agent --config "$tmp/two/agent.conf"
at_b_or_c() { at_site b node_is two up || at_site c node_is two up; }
await "the agent elsewhere" at_b_or_c
await "another attempt" has "$tmp/runs" run 2
touch "$tmp/go"
run weft -C a job wait "$id" --timeout 20s
is "$rc" 0 "its job ends, though the agent never came back"
run weft -C a job show "$id"
like "$out" 'two.*ELOST.*its agent is at another broker' "and says what happened"
finish
