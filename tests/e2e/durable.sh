#!/bin/bash
# Accepted means durable: kill -9 of the broker at any time loses no job, runs none twice
# that an agent still holds, and every result can be fetched afterwards.
. "$(dirname "$0")/lib.sh"

cat > "$tmp/handler.sh" << END
#!/bin/sh
echo "\$WEFT_JOB_ID \$WEFT_ATTEMPT" >> $tmp/marks
until [ -e $tmp/go ]; do
    sleep 0.05
done
echo "\$WEFT_JOB_ID \$WEFT_ATTEMPT"
END
chmod 755 "$tmp/handler.sh"
broker_lines=('heartbeat = 500ms' 'lease = 5s' 'grace = 1s' 'retry_min = 20ms')

kill_broker() {
    stop broker KILL
    starts=$((starts + 1))
    broker_again $starts
    connects=$((connects + 1))
    await "the agent to be back" has "$tmp/one.log" event=connected $connects
}
starts=1 connects=1

# jobs_are N TEXT: at least so many are listed with it.
jobs_are() { [ "$(weft jobs --json | grep -o -- "$2" | wc -l)" -ge "$1" ]; }

broker
context alice
weft -q ctx use alice
agent one "held@1:$tmp/handler.sh" '    slots = 4' 'hash@1:sha256sum' 'fails@1:false' \
    "describe@1:$worker" '    kind = worker'

# -- it is killed while jobs run and wait -----------------------------------------------

start storm driver storm 6 held
await "four to run" has "$tmp/marks" . 4
await "six to be accepted" jobs_are 6 '"class":"durable"'
kill_broker
touch "$tmp/go"
wait "${pid[storm]}"
is $? 0 "jobs go on after kill -9 of the broker"
unset 'pid[storm]'
like "$(cat "$tmp/storm.log")" '^outcomes=6 ok=6 twice=0 none=0 wrong=0$' "each has one outcome"
is "$(sort -u "$tmp/marks" | cut -d' ' -f1 | uniq -d | wc -l)" 0 \
    "what the agent went on with ran once"

# -- a client that forgets --------------------------------------------------------------

run weft submit hash --data abc --id 00112233445566778899aabbccddee01
is "$rc" 0 "a job is accepted"
await "its end" job_is 00112233445566778899aabbccddee01 OK
kill_broker
run weft run hash --data abc --id 00112233445566778899aabbccddee01
like "$out" '^ba7816bf' "its result can be fetched after a crash"
run weft submit hash --data abc --id 00112233445566778899aabbccddee01
is "$rc" 0 "its id is the same job still"
run weft submit hash --data other --id 00112233445566778899aabbccddee01
like "$err" ECONFLICT "and no other"
run weft job show 00112233445566778899aabbccddee01
like "$out" 'durable' "its class is told"

# -- it is killed again and again under load --------------------------------------------

start load driver persist 2000 describe
for round in 1 2 3 4; do
    await "some outcomes" has "$tmp/load.log" '^ended' $((round * 2))
    kill_broker
done
wait "${pid[load]}"
is $? 0 "2000 jobs over four crashes"
unset 'pid[load]'
like "$(cat "$tmp/load.log")" '^outcomes=2000 ok=2000 twice=0 none=0 wrong=0$' "each once"

# -- the dead are listed and repeated ---------------------------------------------------

run weft run fails --data x --id 00112233445566778899aabbccddee02
kill_broker
run weft jobs --state failed
like "$out" '00112233' "what failed is listed after a crash"
run weft job logs 00112233445566778899aabbccddee02
is "$rc $out" "0 " "what it printed is not kept over a crash"
like "$err" '^-- nothing printed, or not kept: .* until it restarts --$' "and that is said"
run weft job retry 00112233445566778899aabbccddee02
is "$rc" 0 "it can be repeated"
run weft job retry ffffffffffffffffffffffffffffffff
ok "what is not there can not" [ "$rc" -ne 0 ]

# -- it is told to stop -----------------------------------------------------------------

rm "$tmp/go"
start run weft run held --data y
await "it to run" jobs_are 1 '"state":"RUNNING"'
stop broker TERM
is "$rc" 0 "told to stop, it ends in order"
like "$(tail -n 3 "$tmp/broker.log")" 'lost_fast=0' "and nothing is lost"
touch "$tmp/go"
broker_again $((starts + 1))
wait "${pid[run]}"
is $? 0 "who waits gets the result from its successor"
unset 'pid[run]'
finish
