#!/bin/bash
# kill -9 of an agent in the middle of 1,000 jobs over three: 1,000 outcomes, none twice.
. "$(dirname "$0")/lib.sh"

jobs=1000
marks=$tmp/marks
: > "$marks"
cat > "$tmp/handler.sh" << END
#!/bin/sh
echo "\$WEFT_JOB_ID \$WEFT_ATTEMPT" >> $marks
echo "\$WEFT_JOB_ID \$WEFT_ATTEMPT"
END
chmod 755 "$tmp/handler.sh"

broker
for name in one two three; do
    agent $name "mark@1:$tmp/handler.sh" '    slots = 4' '    queue = 16'
done

start storm driver storm $jobs mark
await "the middle of the storm" has "$tmp/storm.log" '^ended 300$'
stop two KILL
wait "${pid[storm]}"
is $? 0 "the client is content"
unset 'pid[storm]'
like "$(cat "$tmp/storm.log")" \
    "^outcomes=$jobs ok=$jobs twice=0 none=0 wrong=0$" "an outcome for each job, none twice"
ok "work of the lost agent was tried again" test "$(counter retried)" -gt 0

is "$(cut -d' ' -f1 "$marks" | sort -u | wc -l)" $jobs "each job was started"
is "$(sort "$marks" | uniq -d)" "" "no attempt of a job was started twice"
is "$(counter ok)" $jobs "the broker counts the same"
is "$(counter accepted)" $jobs "and accepted each once"
ok "the lost agent is offline" node_is two offline
like "$(weft events)" 'agent-lost.*two' "its loss is an event"
run weft map
like "$out" 'two.*offline' "and is on the map"

agent_run two 2
ok "it comes back" node_is two up
run weft run mark --node two
is "$rc" 0 "and works"
finish
