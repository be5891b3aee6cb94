#!/bin/bash
# A dataset of 256 MiB moves from agent to agent while the link between them is cut three
# times and each side is killed once; less than 5 % of its bytes are sent again.  First
# over a lane of their own, then through the broker.
. "$(dirname "$0")/lib.sh"

size=$((256 << 20))
most=$((size / 100 * 105))

# Files of mixed sizes that do not compress and have nothing in common.
fill() {
    local at=0 n
    mkdir "$1" "$1/many"
    head -c $size /dev/urandom > "$1/all"
    for n in $((150 << 20)) $((70 << 20)) $((20 << 20)) 8000001 1 65536 65537; do
        tail -c +$((at + 1)) "$1/all" | head -c "$n" > "$1/$n"
        at=$((at + n))
    done
    tail -c +$((at + 1)) "$1/all" | split -b 70001 -a 3 - "$1/many/"
    rm "$1/all"
}

cat > "$tmp/sum.sh" << 'END2'
#!/bin/sh
cd "$WEFT_INPUTS/set/" && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum
END2
chmod 755 "$tmp/sum.sh"
sum_of() { (cd "$1" && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum); }

# -- the link ---------------------------------------------------------------------------

has_passed() {
    link_passed
    [ "$passed" -ge "$1" ]
}

# behind_link NAME: an agent that reaches the broker only over it.
behind_link() {
    sed -i '/^endpoint/s/127\.0\.0\.1/127.0.0.2/' "$tmp/$1/state/identity"
}

times() { grep -c "event=$2" "$tmp/$1.log"; }

sever() {
    local up down
    up=$(times "$1" connected) down=$(times "$1" disconnected)
    link_signal USR1
    await "the loss to be noticed" has "$tmp/$1.log" event=disconnected $((down + 1))
    link_signal USR2
    await "the return of $1" has "$tmp/$1.log" event=connected $((up + 1))
}

killed() {
    local up
    up=$(times "$1" connected)
    stop "$1" KILL
    agent_run "$1" $((up + 1))
}

# moves FROM TO: the dataset, with what goes wrong on the way.
moves() {
    local step=0 from what
    link_passed
    from=$passed
    start stage weft data stage set --to "$2" --json
    for what in "sever $2" "killed $2" "sever $2" "killed $1" "sever $2"; do
        step=$((step + 1))
        await "$step/6 of the dataset" has_passed $((from + size / 6 * step))
        ok "on its way: $what" goes_on "${pid[stage]}"
        $what
    done
    wait "${pid[stage]}"
    is $? 0 "it arrives"
    unset 'pid[stage]'
    link_passed
    passed=$((passed - from)) moved=$(value moved < "$tmp/stage.log")
    note "$passed bytes over the link for $size, $moved told"
    ok "all of it came over the link" test "$passed" -ge "$size"
    ok "less than 5 % of it was sent again" test "$passed" -lt "$most"
    ok "and that is what is told, but for what a killed one did not tell" \
        test "$moved" -le "$passed" -a "$moved" -gt $((size / 2))
    run weft run sum --node "$2" --input set=set
    is "$out" "$sum" "each byte is what it was"
}
goes_on() { ! ended "$1"; }

# far_agent NAME: one that fetches over the link alone.
far_agent() {
    join "$1" "sum@1:$tmp/sum.sh"
    behind_link "$1"
    agent_run "$1"
}

# -- over a lane of their own -----------------------------------------------------------

fill "$tmp/set"
sum=$(sum_of "$tmp/set")
broker
# The store keeps up with this, so that what was killed had kept what it had received.
agent_lines+=('data_floor = 0' 'data_rate = 28M')
bulk=$(sed -n 's/.*event=ready .* bulk=tcp:[^ ]*:\([0-9]*\) .*/\1/p' "$tmp/broker.log")
link 0 "$port" "$bulk"
direct=${ports%% *}
agent near 'hash@1:sha256sum' "data_listen = tcp://127.0.0.1:$direct" \
    "data_advertise = tcp://127.0.0.2:$direct"
far_agent far
run weft data add "$tmp/set" --in-place --name set --config "$tmp/near/agent.conf"
is "$rc" 0 "a dataset of mixed files, in place"
moves near far

# -- through the broker -----------------------------------------------------------------

stop near
stop far
agent mute 'hash@1:sha256sum'
far_agent farther
run weft-agent data add "$tmp/set" --in-place --config "$tmp/mute/agent.conf"
is "$rc" 0 "the same files at an agent that does not listen"
moves mute farther
finish
