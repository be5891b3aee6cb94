#!/bin/bash
# Two brokers of one site on one PostgreSQL database.  The first is killed with 200 accepted
# jobs: all of them get their outcome from the second, one each.
#
# Run under scripts/with-postgres.
. "$(dirname "$0")/../e2e/lib.sh"

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

# site NAME PORT [ADVERTISED-PORT...]: write the configuration of one of the two.
site() {
    local name=$1 port=$2 p
    shift 2
    mkdir -p -m 700 "$tmp/$name"
    {
        printf '%s\n' "name = $name" "listen = \"tcp://127.0.0.1:$port\"" \
            "state = $tmp/$name" "store = \"$WEFT_PG_URI\"" 'heartbeat = 300ms' \
            'lease = 2s' 'grace = 1s' 'retry_min = 20ms' 'retry_max = 500ms'
        for p; do
            echo "advertise = \"tcp://127.0.0.1:$p\""
        done
    } > "$tmp/$name.conf"
}

# up NAME [TIMES]
up() {
    again "$1" weft-broker --config "$tmp/$1.conf"
    await "$1" has "$tmp/$1.log" event=ready "${2:-1}"
}

port_of() { sed -n 's/.*event=ready listen=tcp:.*:\([0-9]*\) .*/\1/p' "$tmp/$1.log" | tail -n 1; }

# A first start of each finds free ports and makes the key pair that they share.
site north '*'
site south '*'
up north
cp -p "$tmp/north/broker.key" "$tmp/north/broker.pub" "$tmp/south/"
up south
north=$(port_of north) south=$(port_of south)
stop north
stop south
site north "$north" "$north" "$south"
site south "$south" "$north" "$south"
up north 2
up south 2
await "an operator" weft -q ctx add op "$tmp/north/operator.token"
context alice
weft -q ctx use alice
agent one "held@1:$tmp/handler.sh" '    slots = 4' "describe@1:$worker" '    kind = worker'
agent two "held@1:$tmp/handler.sh" '    slots = 4' "describe@1:$worker" '    kind = worker'

# What one broker enrolled the other hears of within a second.
cp -rp "$WEFT_HOME/contexts/alice" "$WEFT_HOME/contexts/south"
sed -i "/:$north/d" "$WEFT_HOME/contexts/south/context"
await "the second broker to know the client and the agents" weft -C south node show two
run weft -C south node show one
like "$out" 'offline|down' "agents of the first broker are known to the second, and not there"

# -- the first is killed ----------------------------------------------------------------

live_is() { [ "$(weft -C "$1" status --all --json 2> /dev/null | value live)" = "$2" ]; }

start client driver abandon 200 held
await "200 to be accepted" has "$tmp/client.log" '^accepted 200'
await "eight to run" has "$tmp/marks" . 8
is "$(weft -C south status --all --json | value live)" 0 "they are the first one's alone"
stop client KILL
stop north KILL
await "the second to take over" live_is south 200
touch "$tmp/go"
sed -n 's/^id //p' "$tmp/client.log" > "$tmp/ids"
run bash -c "driver fetch < '$tmp/ids'"
is "$out" "fetched=200 ok=200" "all 200 get their outcome from the second broker"
is "$(sort -u "$tmp/marks" | cut -d' ' -f1 | sort -u | wc -l)" 200 "each of them ran"
is "$(sort "$tmp/marks" | uniq -d | wc -l)" 0 "no attempt ran twice"
like "$(weft -C op events --json)" takeover "an event tells of it"

# -- the first comes back ---------------------------------------------------------------

up north 3
run weft status --json
is "$(value live <<< "$out")" 0 "the first comes back without jobs"
run bash -c "WEFT_CONTEXT=south driver fetch < '$tmp/ids'"
is "$out" "fetched=200 ok=200" "the outcomes are the second one's"

# -- what one broker is told holds at the other -----------------------------------------

run weft -q -C op node revoke --yes two
is "$rc" 0 "a node that is connected to the second broker is revoked at the first"
await "its session to end" has "$tmp/two.log" 'error=EREVOKED|EREVOKED'
finish
