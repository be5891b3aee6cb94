# sites.sh - meshes of several brokers, for the end-to-end tests; source after lib.sh
#
#     site a; site b
#     linked a b                     # a dials b
#     at_site a agent one 'hash@1:sha256sum'
#     run weft -C a run hash --data x
#
# A site is a broker NAME with an operator's context of that name.

declare -A site_port

# site NAME [LINE...]: write its configuration, start its broker, make the context.
site() {
    local name=$1 dir=$tmp/site-$1
    shift
    mkdir -p "$dir"
    printf '%s\n' "name = $name" "site = $name" \
        "listen = \"tcp://127.0.0.1:${site_port[$name]:-*}\"" "state = $dir/state" \
        "${broker_lines[@]}" "$@" > "$dir/broker.conf"
    start "$name" weft-broker --config "$dir/broker.conf"
    await "broker $name" has "$tmp/$name.log" event=ready
    site_port[$name]=$(sed -n 's/.*event=ready listen=tcp:[^ ]*:\([0-9]*\) .*/\1/p' \
        "$tmp/$name.log")
    sed -i "s/:\*\"/:${site_port[$name]}\"/" "$dir/broker.conf"
    await "an operator of $name" weft -q ctx add "$name" "$dir/state/operator.token"
}

site_again() {
    local n
    n=$(grep -c event=ready "$tmp/$1.log")
    again "$1" weft-broker --config "$tmp/site-$1/broker.conf"
    await "broker $1 again" has "$tmp/$1.log" event=ready $((n + 1))
}

# at_site NAME COMMAND...: with its operator's context.
at_site() {
    local op=$1 WEFT_CONTEXT=$1
    export WEFT_CONTEXT
    shift
    "$@"
}

# linked A B [ADDRESS]: A dials B, at that address, with a token of B's operator.  Waits
# until both know.
linked() {
    at_site "$2" token "$tmp/$1-$2.token" --role broker --name "$1"
    if ! weft-broker link --config "$tmp/site-$1/broker.conf" \
        --token-file "$tmp/$1-$2.token" > "$tmp/$1-$2.out" 2>&1; then
        note "$(cat "$tmp/$1-$2.out")"
        exit 1
    fi
    [ -z "${3-}" ] || sed -i "s/127\.0\.0\.1/$3/" "$tmp/site-$1/state/links/$2"
    kill -HUP "${pid[$1]}"
    await "$1 to see $2" at_site "$1" node_is "$2" up
    await "$2 to see $1" at_site "$2" node_is "$1" up
}
