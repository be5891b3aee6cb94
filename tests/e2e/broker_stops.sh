#!/bin/bash
# A broker that stops with live jobs of class fast says what is lost, and ends within 2 s.
# When it is back at its port, agents and clients are too: enrolment survives, who waited
# for a lost job is told.  One that only stands still loses nothing.
. "$(dirname "$0")/lib.sh"

cat > "$tmp/handler.sh" << END
#!/bin/sh
echo "\$WEFT_JOB_ID \$WEFT_ATTEMPT" >> $tmp/marks
until [ -e $tmp/go ]; do
    sleep 0.05
done
echo "\$WEFT_JOB_ID \$WEFT_ATTEMPT" | tee -a $tmp/ends
END
chmod 755 "$tmp/handler.sh"
broker_lines=('heartbeat = 200ms' 'lease = 800ms' 'grace = 20s' 'retry_min = 20ms')

broker
context alice
weft -q ctx use alice
agent one "held@1:$tmp/handler.sh" '    slots = 4' 'hash@1:sha256sum'
agent two 'count@1:wc -c'

# -- it stands still, for longer than a lease -------------------------------------------

start storm driver storm 4 held
await "all to run" has "$tmp/marks" . 4
kill -STOP "${pid[broker]}"
touch "$tmp/go"
await "the agent to notice" has "$tmp/one.log" 'event=disconnected .*error=EUNREACH'
await "the handlers to end" has "$tmp/ends" . 4
kill -CONT "${pid[broker]}"
wait "${pid[storm]}"
is $? 0 "results that the broker did not hear are delivered when it goes on"
unset 'pid[storm]'
like "$(cat "$tmp/storm.log")" '^outcomes=4 ok=4 twice=0 none=0 wrong=0$' "each once"
is "$(wc -l < "$tmp/marks")" 4 "nothing ran twice for it"
is "$(counter retried)" 0 "and nothing was tried again"

# -- it is told to stop -----------------------------------------------------------------

rm "$tmp/go"
: > "$tmp/marks"
lost=$(grep -c event=disconnected "$tmp/one.log")
DRIVER_FAST=1 start storm driver storm 6 held
start run weft run held --data x --class fast
start wait weft submit held --data y --wait --class fast
await "four to run" has "$tmp/marks" . 4
await "eight to be accepted" bash -c '[ "$(weft jobs --json | grep -o "\"id\":" | wc -l)" -ge 12 ]'
from=$EPOCHREALTIME
kill -TERM "${pid[broker]}"
within 3000 "it ends within 2 s" ended "${pid[broker]}"
wait "${pid[broker]}"
is $? 0 "with exit code 0"
like "$(cat "$tmp/broker.log")" 'event=stopping .*lost_fast=8 .*8 accepted jobs of class fast' \
    "and says how many jobs of class fast are lost"
await "the agent to notice" has "$tmp/one.log" event=disconnected $((lost + 1))
like "$(tail -n 1 "$tmp/one.log")" 'why="the broker is stopping"' "agents are told why"
run weft --timeout 1s status
is "$rc" 3 "without it there is exit code 3"
like "$err" 'EUNREACH.*cannot reach a broker' "an error"
like "$err" 'next: .*weft' "and a next step"
run weft --timeout 1s run hash --data x
is "$rc" 3 "also for a job"

# -- it comes back ----------------------------------------------------------------------

broker_again
await "one to be back" has "$tmp/one.log" event=connected 3
await "two to be back" node_is two up
ok "its key is the same" [ "$(grep -c event=keys-made "$tmp/broker.log")" = 1 ]
run weft run count --data abc
is "$out" 3 "contexts and agents are still enrolled: work goes on"
wait "${pid[storm]}"
unset 'pid[storm]'
is "$(grep -c '^error [0-9a-f]* ENOENT: the broker has this job no more: it was restarted' "$tmp/storm.log")" 6 \
    "who waited for a lost job is told that the broker does not have it"
like "$(cat "$tmp/storm.log")" '^outcomes=6 ok=0 twice=0 none=0' "once for each"
wait "${pid[run]}"
is $? 5 "so is who runs weft run"
like "$(cat "$tmp/run.log")" 'submit it again' "with what to do about it"
unset 'pid[run]'
wait "${pid[wait]}"
is $? 5 "and who runs weft submit --wait"
unset 'pid[wait]'

touch "$tmp/go"
run weft run held --data z
is "$rc" 0 "the agent's slots are free again"
is "$(counter ok)" 2 "and the results of lost jobs count for nothing"

# -- it is killed while an agent is at work ---------------------------------------------

rm "$tmp/go"
: > "$tmp/marks"
start run weft run held --data x --class fast --id 00112233445566778899aabbccddeeff
await "it to run" has "$tmp/marks" .
stop broker KILL
kill -KILL "${pid[run]}"
wait "${pid[run]}" 2> /dev/null
unset 'pid[run]'
broker_again 3
await "one to be back" has "$tmp/one.log" event=connected 4
touch "$tmp/go"
run weft run held --data x --class fast --id 00112233445566778899aabbccddeeff
is "$rc" 0 "a job submitted again under its id after a crash has its outcome"
finish
