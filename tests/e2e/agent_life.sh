#!/bin/bash
# An agent's life: configuration, capabilities, a second agent on its folder, reload, a
# broker that goes and comes, stopping politely, a runner that is killed, revocation.
. "$(dirname "$0")/lib.sh"

broker
context me
ctl=$tmp/ctl
mkdir -m 777 "$ctl"
agent one 'words@1:wc -w' 'copy@1:cp {payload} {result}' 'bad@1:/bin/sh -c '"'echo why >&2; exit 3'" \
    "held@1:/bin/sh -c 'echo up; until [ -e $ctl/go ]; do sleep 0.02; done; echo done'" \
    '    slots = 2' "py@1:python3 $top/client/examples/worker.py" '    kind = worker' '    concurrency = 4' \
    'die@1:/bin/sh -c '"'kill -SEGV \$\$'" 'slow@1:sleep 60' '    wall = 200ms' \
    'big@1:head -c 5000 /dev/zero' '    output = 1000'

run weft-agent check --config "$tmp/one/agent.conf"
is "$rc" 0 "the configuration is good"
sed 's/wc -w/no-such-program/' "$tmp/one/agent.conf" > "$tmp/bad.conf"
run weft-agent check --config "$tmp/bad.conf"
is "$rc" 2 "a program that is not there"
like "$err" 'bad.conf: line [0-9]+: `command`' "is reported with its line"
run weft-agent --config "$tmp/one/agent.conf"
is "$rc" 6 "a second agent on the same folder"
like "$err" "in use by process ${pid[one]}" "is told which process holds it"

run weft -C me run words --data 'a b c'
is "$out" 3 "stdin to stdout"
run weft -C me run copy --data 'hello'
is "$out" hello "file to file"
run weft -C me run py --data 'a b'
is "$rc" 0 "a worker"
run weft -C me run bad --data x
is "$rc" 20 "a handler that fails"
like "$err" 'why' "its stderr is shown"
like "$err" 'exit 3|status 3' "and its exit status"
run weft -C me run die --data x
like "$err" 'SEGV' "a handler that crashes: the signal is named"
run weft -C me run slow --data x
is "$rc" 20 "one that runs too long"
like "$err" 'EWALL|200 ms' "the limit is named"
run weft -C me run big --data x
is "$rc" 20 "a result over the limit"
like "$err" 'EOUTPUT|limit' "that is named as well"

run weft node show one
like "$out" '^sandbox' "how handlers are confined is told"
like "$out" 'words@1' "and what it offers"

sed -i '1i log = debug' "$tmp/one/agent.conf"
kill -HUP "${pid[one]}"
await "the reload" has "$tmp/one.log" 'event=reloaded log=debug'
sed -i 's/^log = debug/log = loud/' "$tmp/one/agent.conf"
kill -HUP "${pid[one]}"
await "the refusal" has "$tmp/one.log" 'event=reload-failed'
sed -i '/^log = /d' "$tmp/one/agent.conf"
report 0 "SIGHUP reads the configuration, and keeps the old one if it is wrong"

id=$(weft -C me submit held --data x)
await "it runs" job_is "$id" RUNNING
runner=$(pgrep -P "${pid[one]}" weft-runner)
kill -KILL "$runner"
await "the runner to be lost" has "$tmp/one.log" event=runner-down
await "the runner to be back" has "$tmp/one.log" event=runner-up 2
touch "$ctl/go"
run weft -C me job wait "$id" --timeout 20s
is "$rc" 0 "a job survives the runner's death"
rm "$ctl/go"

stop broker KILL
await "the loss" has "$tmp/one.log" event=disconnected
broker_again
await "the return" has "$tmp/one.log" event=connected 2
run weft -C me run words --data 'a b'
is "$out" 2 "it works again after the broker came back"

id=$(weft -C me submit held --data x)
await "it runs" job_is "$id" RUNNING
kill -TERM "${pid[one]}"
await "the drain" has "$tmp/one.log" event=stopping
touch "$ctl/go"
wait "${pid[one]}"
is $? 0 "stopping waits for what runs, and exits with 0"
like "$(tail -n 1 "$tmp/one.log")" 'event=stopped' "its last line says so"
run weft -C me job wait "$id" --timeout 20s
is "$rc" 0 "the job came to its end"
rm "$ctl/go"

agent_run one 3
id=$(weft -C me submit held --data x)
await "it runs" job_is "$id" RUNNING
kill -TERM "${pid[one]}"
await "the drain" has "$tmp/one.log" event=stopping 2
kill -TERM "${pid[one]}"
within 1500 "a second signal ends it at once" ended "${pid[one]}"
# The runner outlives the agent by what it takes to clear up.
clean() { [ -z "$(find "$tmp/one/state/scratch" -mindepth 1 ! -name results)" ]; }
await "the runner to clear up" clean
ok "no run left its folder or its result behind" clean
unset 'pid[one]'

agent_run one 4
ok "revoke" weft -C op node revoke one -y
await "the end of its session" has "$tmp/one.log" 'error=EREVOKED'
await "the refusal of its key" has "$tmp/one.log" 'event=refused.*weft-agent leave'
stop one
is "$rc" 0 "it can still be stopped"
finish
