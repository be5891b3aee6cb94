#!/bin/bash
# Results that end while the broker cannot be reached: on the agent's disk until it can,
# through kill -9 and damage; nothing on the disk while it can.
. "$(dirname "$0")/lib.sh"

ctl=$tmp/ctl
spool=$tmp/one/state/spool
mkdir -m 777 "$ctl"
cat > "$tmp/handler.sh" << END
#!/bin/sh
until [ -e $ctl/go ]; do sleep 0.02; done
echo "attempt \$WEFT_ATTEMPT"
END
printf '#!/bin/sh\nsleep 1000\n' > "$tmp/nap.sh"
chmod 755 "$tmp/handler.sh" "$tmp/nap.sh"

records() { find "$spool" -maxdepth 1 -type f -name '*-????????' 2> /dev/null; }
spooled() { [ "$(records | wc -l)" -eq "$1" ]; }
naps() { pgrep -f "$tmp/nap.sh"; }

# silent: the broker stops; what its agents hold may take a while to come back.
silent() { kill -STOP "${pid[broker]}"; }
killed() { stop broker KILL; }

# held HOW CUTS: a job that ends while there is no broker; sets $id.
held() {
    rm -f "$ctl"/*
    id=$(weft -C me submit held --disconnect keep --data x)
    await "it runs" job_is "$id" RUNNING
    "$1"
    await "the loss to be noticed" has "$tmp/one.log" event=disconnected "$2"
    touch "$ctl/go"
}

kill_agent() {
    stop one KILL
    await "its runner to be gone" gone "$runner"
}

again_agent() {
    again one weft-agent --config "$tmp/one/agent.conf"
    runner_of "$1"
}

# runner_of TIMES: sets $runner.
runner_of() {
    await "the runner" has "$tmp/one.log" event=runner-up "$1"
    runner=$(pgrep -P "${pid[one]}" weft-runner)
}

broker_lines=('heartbeat = 200ms' 'lease = 1s' 'grace = 60s' 'retry_min = 20ms')
broker
context me
agent one 'words@1:wc -w' "held@1:$tmp/handler.sh" "nap@1:$tmp/nap.sh"
runner_of 1

for i in 1 2 3; do
    weft -C me run words --data 'a b' > "$tmp/words"
done
is "$(cat "$tmp/words")" 2 "it works"
ok "while connected there is not even a folder" test ! -e "$spool"

held silent 1
await "the result on the disk" spooled 1
kill -CONT "${pid[broker]}"
run weft -C me job wait "$id" --timeout 20s
is "$rc" 0 "a job that ended while the broker was silent"
like "$(weft -C me job result "$id" 2>&1)" 'attempt 1' "with the result of the attempt that ran"
await "the record to go" spooled 0
report 0 "and then nothing stays on the disk"

nap=$(weft -C me submit nap --retries 0 --data x)
await "another job to run" naps
held silent 2
await "the result on the disk" spooled 1
run weft-agent check --config "$tmp/one/agent.conf"
like "$out" '^ok  spool  1 results' "check counts it"
kill_agent
ok "a record survives kill -9" spooled 1
is "$(naps)" "" "which no handler does"
again_agent 2
await "it to be read" has "$tmp/one.log" 'event=spool results=1'
kill -CONT "${pid[broker]}"
await "the return" has "$tmp/one.log" event=connected 3
await "the broker to have it" spooled 0
touch "$ctl/go"
run weft -C me job wait "$id" --timeout 20s
is "$rc" 0 "the job has its outcome"
like "$(weft -C me job result "$id" 2>&1)" 'attempt 1' "that of the attempt that ran"

held silent 3
await "the result on the disk" spooled 1
kill_agent
file=$(records)
printf X | dd of="$file" bs=1 seek=60 conv=notrunc 2> "$tmp/dd.log"
again_agent 3
await "the damage to be seen" has "$tmp/one.log" 'event=spool-damaged results=1'
ok "a damaged record is put aside" test -e "$spool/damaged/${file##*/}"
kill -CONT "${pid[broker]}"
await "the return" has "$tmp/one.log" event=connected 4
run weft -C me job wait "$id" --timeout 20s
is "$rc" 0 "its job runs again"
like "$(weft -C me job result "$id" 2>&1)" 'attempt 2' "and that is its outcome"

held killed 4
await "the result on the disk" spooled 1
kill_agent
again_agent 4
await "it to be read" has "$tmp/one.log" 'event=spool results=1' 2
broker_again
await "the return" has "$tmp/one.log" event=connected 5
run weft -C me job wait "$id" --timeout 20s
is "$rc" 0 "broker and agent were killed while the job ran"
like "$(weft -C me job result "$id" 2>&1)" 'attempt 1' "and yet it ran once"
await "the record to go" spooled 0
report 0 "the broker has it"

rm -f "$ctl"/*
id=$(weft -C me submit held --disconnect stop-after=200ms --data x)
await "it runs" job_is "$id" RUNNING
killed
await "it to be stopped" spooled 1
touch "$ctl/go"
broker_again 3
run weft -C me job wait "$id" --timeout 20s
is "$rc" 0 "what may not go on without a broker is stopped"
like "$(weft -C me job result "$id" 2>&1)" 'attempt 2' "and runs again"
await "the record to go" spooled 0

rm -rf "$spool"
: > "$spool" # as good as a disk that is full
held silent 6
await "the failure" has "$tmp/one.log" event=spool-failed
kill -CONT "${pid[broker]}"
run weft -C me job wait "$id" --timeout 20s
is "$rc" 0 "without a disk a result waits in memory"
is "$(grep -c event=spool-failed "$tmp/one.log")" 1 "which is logged once"
rm "$spool"

held silent 7
await "the result on the disk" spooled 1
kill_agent
run weft-agent leave --config "$tmp/one/agent.conf"
like "$out" '1 results that were not delivered are dropped' "leaving says what it drops"
ok "and leaves nothing of it" test ! -e "$spool"
kill -CONT "${pid[broker]}"
finish
