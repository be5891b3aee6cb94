#!/bin/bash
# Two brokers with a key each share a store.  Agents and a client know both.  The first is
# killed under load: they move within three heartbeats, every job gets one outcome, and what
# runs goes on.  When it is back they stay where they are: it is not nearer.
. "$(dirname "$0")/../e2e/lib.sh"

heartbeat=600
cat > "$tmp/handler.sh" << END
#!/bin/sh
echo "\$WEFT_JOB_ID \$WEFT_ATTEMPT" >> $tmp/marks
until [ -e $tmp/go ]; do
    sleep 0.05
done
echo "\$WEFT_JOB_ID \$WEFT_ATTEMPT"
END
chmod 755 "$tmp/handler.sh"
patience=60

# site NAME: its configuration, and its start.  Sets $port.
site() {
    mkdir -p -m 700 "$tmp/$1"
    printf '%s\n' "name = $1" 'listen = "tcp://127.0.0.1:*"' "state = $tmp/$1" \
        "store = \"$WEFT_PG_URI\"" "heartbeat = ${heartbeat}ms" 'lease = 3s' 'grace = 1s' \
        'retry_min = 20ms' 'retry_max = 500ms' > "$tmp/$1.conf"
    start "$1" weft-broker --config "$tmp/$1.conf"
    await "$1" has "$tmp/$1.log" event=ready
    port=$(sed -n 's/.*event=ready listen=tcp:[^ ]*:\([0-9]*\) .*/\1/p' "$tmp/$1.log")
    sed -i "s/:\*\"/:$port\"/" "$tmp/$1.conf"
}

site north
site south
await "an operator" weft -q ctx add op "$tmp/north/operator.token"
await "one of the second" weft -q ctx add south "$tmp/south/operator.token"
key=$(sed -n 's/^broker_key = //p' "$WEFT_HOME/contexts/south/context")
other="broker = \"tcp://127.0.0.1:$port $key\""
context alice
weft -q ctx use alice
echo "$other" >> "$WEFT_HOME/contexts/alice/context"
agent one "$other" "held@1:$tmp/handler.sh" '    slots = 2' "describe@1:$worker" '    kind = worker'
agent two "$other" "held@1:$tmp/handler.sh" '    slots = 2' "describe@1:$worker" '    kind = worker'
await "the second broker to know the agents" weft -C south node show two
run weft-agent check --config "$tmp/one/agent.conf"
like "$out" "ok +broker +tcp://127.0.0.1:$port " "an agent's check names both brokers"

# -- the first is killed under load -----------------------------------------------------

start waits driver storm 4 held
await "four to run" has "$tmp/marks" . 4
start load driver persist 3000 describe
await "some outcomes" has "$tmp/load.log" '^ended' 4
stop north KILL
for name in one two; do
    within $((3 * heartbeat)) "agent $name has moved within three heartbeats" \
        has "$tmp/$name.log" 'event=connected broker=south'
done
await "the end of the load" ended "${pid[load]}"
wait "${pid[load]}"
is $? 0 "3000 jobs over the move"
unset 'pid[load]'
like "$(cat "$tmp/load.log")" '^outcomes=3000 ok=3000 twice=0 none=0 wrong=0$' "each once"
touch "$tmp/go"
await "those that were running to end" ended "${pid[waits]}"
wait "${pid[waits]}"
unset 'pid[waits]'
like "$(cat "$tmp/waits.log")" '^outcomes=4 ok=4 twice=0 none=0 wrong=0$' \
    "who waited for four long ones gets them by the same handles"
is "$(cut -d' ' -f2 "$tmp/marks" | sort | uniq -c | tr -s ' ')" " 4 1" \
    "they were started once: attempt 1 is the one that ended"

# -- the first comes back ---------------------------------------------------------------

again north weft-broker --config "$tmp/north.conf"
await "the first" has "$tmp/north.log" event=ready 2
run env WEFT_CONTEXT=south driver persist 500 describe
like "$out" '^outcomes=500 ok=500 twice=0 none=0 wrong=0$' "work goes on with both there"
for name in one two; do
    is "$(grep -c event=connected "$tmp/$name.log")" 2 "agent $name stays where it is"
done
run weft status --json
is "$(value broker <<< "$out")" north "a client that comes anew goes to the first again"

# -- and the other way -------------------------------------------------------------------

stop south
for name in one two; do
    await "agent $name to come to the first" \
        has "$tmp/$name.log" 'event=connected broker=north' 2
done
run driver persist 100 describe
like "$out" '^outcomes=100 ok=100 twice=0 none=0 wrong=0$' "which takes work again"
finish
