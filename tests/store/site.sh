# site.sh - two brokers of one site on one PostgreSQL database, for tests that source it
#
# Run under scripts/with-postgres.  Starts `north` and `south`, which share their key pair;
# agents `one` and `two` and the client `alice` know both and go to north first.  The context
# `south` knows only that one.  Each can do `held`, which ends when $tmp/go is there, and
# `describe`.
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

port_of() { sed -n 's/.*event=ready listen=tcp:[^ ]*:\([0-9]*\) .*/\1/p' "$tmp/$1.log" | tail -n 1; }

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

live_is() { [ "$(weft -C "$1" status --all --json 2> /dev/null | value live)" = "$2" ]; }
