# lib.sh - meshes of real processes, for the end-to-end tests
#
# A test is a bash script that sources this file first, gets the build folder as its
# argument, prints TAP and ends with `finish`:
#
#     . "$(dirname "$0")/lib.sh"
#     broker
#     agent one 'hash@1:sha256sum'
#     run weft run hash --data x
#     is "$rc" 0 "the job is done"
#     finish
#
# Each has a folder of its own ($tmp, also $WEFT_HOME), ports that the kernel chose, and
# runs under `guard`, which ends everything that it started.  Nothing here waits for time
# to pass: `await` waits for a condition and gives up the test after $patience seconds.
#
# Assertions: ok, is, like, unlike, within.  Doing: run, await, has, start, stop, broker,
# agent, join, context, token, link, slow_link.

build=${1:-${WEFT_BUILD:-build}}
build=$(cd "$build" && pwd) || exit 2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
if [ -z "${E2E_GUARDED-}" ]; then
    exec "$build/tests/e2e/guard" "${E2E_SECONDS:-100}" bash "$0" "$build"
fi
set -u
# `weft run` reads a pipe that it is given as the payload.
exec < /dev/null

tmp=$(mktemp -d "${TMPDIR:-/tmp}/weft-e2e.XXXXXX")
# Handlers' commands and LD_PRELOAD are split at blanks.
case $build$top in
*\ *)
    ln -s "$build" "$tmp/.build"
    ln -s "$top" "$tmp/.top"
    build=$tmp/.build top=$tmp/.top
    ;;
esac
PATH=$build/cli:$build/broker:$build/agent:$build/tests/e2e:$PATH
# Handlers of the tests: worker answers `describe` with id and attempt, and more; hostile
# misbehaves on demand (tests/lib).
worker=$build/tests/e2e/e2e-worker
hostile=$build/tests/e2e/e2e-hostile
unset WEFT_CONTEXT NO_COLOR XDG_CONFIG_HOME
export WEFT_HOME=$tmp/home
chmod 755 "$tmp" # handlers in a sandbox look at what stands in it
patience=30
count=0 failures=0 finished=
set +m         # no news of jobs
declare -A pid # of what `start` started, by name
# Lines for every broker and agent of a test; a lost agent's jobs go elsewhere soon.
broker_lines=('grace = 300ms' 'retry_min = 20ms' 'retry_max = 500ms')
agent_lines=('sandbox = none' 'stop_timeout = 2s')

clean_up() {
    local p
    trap - EXIT
    for p in "${pid[@]}"; do
        kill -KILL "$p" 2> /dev/null
    done
    wait 2> /dev/null
    rm -rf "$tmp"
}

on_exit() {
    local code=$?
    if [ -z "$finished" ]; then
        echo "Bail out! ended early"
        tell_logs
        code=1
    fi
    clean_up 2> /dev/null # bash tells of each that was killed
    exit "$code"
}
trap on_exit EXIT
trap 'exit 1' INT TERM

# -- TAP --------------------------------------------------------------------------------

note() { printf '%s\n' "$*" | sed 's/^/# /'; }

tell_logs() {
    local f
    for f in "$tmp"/*.log; do
        [ ! -f "$f" ] || note "--- $(basename "$f"):" "
$(tail -n 30 "$f" | tr -d '\0')"
    done
}

# report CODE DESCRIPTION [DETAIL]
report() {
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $count - $2"
    else
        failures=$((failures + 1))
        echo "not ok $count - $2"
        note "${3-}"
        note "at ${BASH_SOURCE[2]##*/}:${BASH_LINENO[1]}"
        return 1
    fi
}

# ok DESCRIPTION COMMAND...: the command succeeds.
ok() {
    local what=$1 text
    shift
    text=$("$@" 2>&1)
    report $? "$what" "$text"
}

is() {
    [ "$1" = "$2" ]
    report $? "$3" "got  \`$1\`
want \`$2\`"
}

# like TEXT PATTERN DESCRIPTION: an extended regular expression, over all lines.
like() {
    grep -qE -- "$2" <<< "$1"
    report $? "$3" "no /$2/ in:
$1"
}

unlike() {
    ! grep -qE -- "$2" <<< "$1"
    report $? "$3" "unexpected /$2/ in:
$1"
}

# within MS DESCRIPTION COMMAND...: the condition comes true in time.  Only for promises
# that name a time; the bound is that of the promise and some slack for a busy machine.
within() {
    local most=$1 what=$2 from=${EPOCHREALTIME/[.,]/}
    shift 2
    until "$@" > /dev/null 2>&1; do
        if [ $(((${EPOCHREALTIME/[.,]/} - from) / 1000)) -gt "$most" ]; then
            report 1 "$what" "not within $most ms: $*"
            return
        fi
        sleep 0.02
    done
    report 0 "$what"
}

finish() {
    echo "1..$count"
    finished=yes
    [ $failures -eq 0 ] || tell_logs
    [ $failures -eq 0 ]
    exit
}

# -- doing ------------------------------------------------------------------------------

# run COMMAND...: sets $rc, $out and $err.
run() {
    "$@" > "$tmp/.out" 2> "$tmp/.err" < /dev/null
    rc=$?
    out=$(tr -d '\0' < "$tmp/.out") err=$(< "$tmp/.err")
}

# await DESCRIPTION COMMAND...: wait for a condition, or give up the test.
await() {
    local what=$1 end=$((SECONDS + patience))
    shift
    until "$@" > /dev/null 2>&1; do
        if [ $SECONDS -ge $end ]; then
            note "waited $patience s for: $what ($*)"
            exit 1
        fi
        sleep 0.02
    done
}

# has FILE PATTERN [TIMES]: so many lines match (1).
has() { [ "$(grep -cE -- "$2" "$1" 2> /dev/null)" -ge "${3:-1}" ]; }

gone() { ! kill -0 "$1" 2> /dev/null; }

# Left by a process that nobody waited for yet, too.
ended() { gone "$1" || [ "$(ps -o stat= -p "$1" 2> /dev/null | cut -c1)" = Z ]; }

# start NAME COMMAND...: in the background; ${pid[NAME]}, log in $tmp/NAME.log.
start() {
    local name=$1
    shift
    "$@" > "$tmp/$name.log" 2>&1 < /dev/null &
    pid[$name]=$!
}

# again NAME COMMAND...: the same, its log goes on.
again() {
    local name=$1
    shift
    "$@" >> "$tmp/$name.log" 2>&1 < /dev/null &
    pid[$name]=$!
}

# stop NAME [SIGNAL]: and wait for its end; sets $rc.
stop() {
    kill "-${2:-TERM}" "${pid[$1]}"
    wait "${pid[$1]}" 2> /dev/null
    rc=$?
    unset "pid[$1]"
}

# value NAME < JSON: a number or text of one line of JSON, good enough for our own.
value() { sed -nE 's/.*"'"$1"'":"?([^",}]*)"?[,}].*/\1/p' | head -n 1; }

counter() { weft status --all --json 2> /dev/null | value "$1"; }

job_state() { weft job show "$1" --json 2> /dev/null | value state; }
job_is() { [ "$(job_state "$1")" = "$2" ]; }

node_state() { weft node show "$1" --json 2> /dev/null | value state; }
node_is() { [ "$(node_state "$1")" = "$2" ]; }

# -- the mesh ---------------------------------------------------------------------------

# broker [LINE...]: write its configuration, start it, make the context of an operator.
# Sets $port.  It keeps its port when it is started again with `broker_again`.
broker() {
    printf '%s\n' 'name = hq' "listen = \"tcp://127.0.0.1:${port:-*}\"" \
        "state = $tmp/broker" "${broker_lines[@]}" "$@" > "$tmp/broker.conf"
    start broker "${broker_by[@]}" weft-broker --config "$tmp/broker.conf"
    await "the broker" has "$tmp/broker.log" event=ready
    port=$(sed -n 's/.*event=ready listen=tcp:[^ ]*:\([0-9]*\) .*/\1/p' "$tmp/broker.log")
    sed -i "s/:\*\"/:$port\"/" "$tmp/broker.conf"
    await "an operator" weft -q ctx add op "$tmp/broker/operator.token"
}
broker_by=() # what runs it: `prlimit --nofile=256`, say

broker_again() {
    again broker "${broker_by[@]}" weft-broker --config "$tmp/broker.conf"
    await "the broker" has "$tmp/broker.log" event=ready "${1:-2}"
}

# token FILE OPTION...: make a join token.
token() {
    local file=$1
    shift
    weft -q -C "${op-op}" token create "$@" > "$file"
}

# context NAME [ROLE]: enrol a client.
context() {
    token "$tmp/$1.token" --name "$1" --role "${2:-client}" &&
        weft -q ctx add "$1" "$tmp/$1.token"
}

# agent NAME [CAPABILITY:COMMAND | LINE]...: enrol it, start it, wait for it.  A line that
# starts with blanks belongs to the capability before it; others are of the top.
agent() {
    join "$@"
    agent_run "$1"
}

join() {
    local name=$1 dir=$tmp/$1 line
    shift
    mkdir -p -m 700 "$dir"
    {
        printf '%s\n' "state = $dir/state" "runner = $build/agent/runner/weft-runner" \
            "${agent_lines[@]}"
        for line; do
            case $line in
            *@*:*) printf 'capability\n    name = %s\n    command = "%s"\n' \
                "${line%%:*}" "${line#*:}" ;;
            *) printf '%s\n' "$line" ;;
            esac
        done
    } > "$dir/agent.conf"
    token "$dir/token" --name "$name" ${agent_token-}
    if ! weft-agent join --config "$dir/agent.conf" --token-file "$dir/token" \
        > "$dir/join.out" 2>&1; then
        note "$(cat "$dir/join.out")"
        exit 1
    fi
}

# agent_run NAME [TIMES]: start one that joined, and wait until it is connected.
agent_run() {
    again "$1" weft-agent --config "$tmp/$1/agent.conf"
    await "agent $1" has "$tmp/$1.log" event=connected "${2:-1}"
    await "agent $1 to be up" node_is "$1" up
}

# link PORT...: what tests/lib/link.py says; sets $ports, as they came out.
link() {
    start link python3 "$top/tests/lib/link.py" "$@"
    await "the link" has "$tmp/link.log" '^ready'
    ports=$(sed -n 's/^ready //p' "$tmp/link.log")
}

# link_signal SIGNAL [NAME]: USR1 cuts, USR2 mends, HUP asks.
link_signal() {
    local name=${2:-link} n
    n=$(grep -c '^passed' "$tmp/$name.log")
    kill "-$1" "${pid[$name]}"
    await "the link to hear" has "$tmp/$name.log" '^passed' $((n + 1))
}

# slow_link NAME ADDRESS MS PORT...: one of its own at that address, with so long a way,
# for datagrams, too.  MS may be "MS N": every Nth datagram is lost.
slow_link() {
    local name=$1 at=$2
    echo "$3" > "$tmp/$name.delay"
    shift 3
    start "$name" python3 "$top/tests/lib/link.py" --at "$at" --udp \
        --delay "$tmp/$name.delay" "$@"
    await "the link $name" has "$tmp/$name.log" '^ready'
}

# link_delay NAME MS: its way becomes longer or shorter.
link_delay() {
    echo "$2" > "$tmp/$1.delay"
    link_signal HUP "$1"
}

# over_link NAME ADDRESS: an agent that joined reaches the broker only at that address.
over_link() {
    sed -i "/^endpoint/s/127\.0\.0\.1/$2/" "$tmp/$1/state/identity"
}

# link_passed: sets $passed, bytes so far.
link_passed() {
    link_signal HUP
    passed=$(sed -n '$s/passed //p' "$tmp/link.log")
}
