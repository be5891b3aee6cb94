#!/bin/bash
# What a job prints is seen while it runs, by who submitted it and by who looks later; what
# does not fit is cut and counted; many jobs and big output leave the others their way.
. "$(dirname "$0")/lib.sh"

# Prints a line a step, waiting for the test in between.
cat > "$tmp/steps.sh" << END
#!/bin/sh
echo "first line"
echo "a warning" >&2
until [ -e $tmp/go ]; do
    sleep 0.05
done
echo "last line"
END
chmod 755 "$tmp/steps.sh"
broker 'log_bytes = 8K'
context alice
weft -q ctx use alice
agent one "steps@1:$tmp/steps.sh" '    slots = 4' 'hash@1:sha256sum' \
    "loud@1:/bin/sh -c 'seq 1 20000 >&2; echo done'" \
    "flood@1:/bin/sh -c 'while :; do echo flooding; done >&2'" '    wall = 2s' \
    "stuck@1:/bin/sh -c 'head -c 40000 /dev/zero; until [ -e $tmp/go2 ]; do sleep 0.05; done; head -c 10000 /dev/zero'" \
    "work@1:$worker" '    kind = worker'

# -- while it runs ----------------------------------------------------------------------

run_out() { exec weft run steps --data x > "$tmp/run.out" 2> "$tmp/run.err"; }
start run run_out
await "the first line" has "$tmp/run.out" '^first line$'
await "the warning" has "$tmp/run.err" '^a warning$'
id=$(weft jobs --max 1 --json | value id)
await "it to be running" job_is "$id" RUNNING
ok "the first line arrives before the job ends" job_is "$id" RUNNING
start logs weft job logs -f "$id"
await "what was printed before" has "$tmp/logs.log" '^first line$'
run weft job logs "$id"
like "$out" '^first line$' "weft job logs shows what there is"
is "$err" "a warning" "and the other stream on its own"
ok "and does not wait" job_is "$id" RUNNING
touch "$tmp/go"
wait "${pid[run]}"
is $? 0 "weft run ends with the job"
unset 'pid[run]'
is "$(cat "$tmp/run.out")" "first line
last line" "with all of the result, once"
is "$(cat "$tmp/run.err")" "a warning" "and nothing else on the other stream"
wait "${pid[logs]}"
is $? 0 "weft job logs -f ends with the job"
unset 'pid[logs]'
like "$(cat "$tmp/logs.log")" '^last line$' "with the last line"
run weft job logs "$id" --stream err
is "$err" "a warning" "one stream can be asked for"
run weft job logs 00112233445566778899aabbccddeeff
is "$rc" 5 "a job that is not there"

# -- too much ---------------------------------------------------------------------------

run weft run loud --name loud
is "$rc" 0 "a job that prints much"
is "$out" "done" "has its result"
is "$(grep -cE '^[0-9]+$' <<< "$err")" 20000 "all that it printed is seen"
unlike "$err" 'dropped' "and nothing is said to be dropped"
id=$(weft jobs --filter name=loud --json | value id)
size=$(weft job show "$id" --json | value log_len)
ok "of its output the broker keeps a tail" test "$size" -gt 4000 -a "$size" -le 8192
run weft job logs "$id"
is "$(tail -n 1 <<< "$err")" 20000 "to the last line"
like "$err" '^-- [0-9]+ bytes of stderr dropped --$' "and says how much is not there"
stop one
{ sed '/^runner/a max_log = 4K' "$tmp/one/agent.conf"; } > "$tmp/conf" && mv "$tmp/conf" "$tmp/one/agent.conf"
agent_run one 2
run weft run loud --name cut
is "$rc" 0 "where an agent passes on only so much"
like "$err" '^[0-9]+ bytes of output were dropped at a limit$' "the rest is counted"
id=$(weft jobs --filter name=cut --json | value id)
ok "and shown with the job" test "$(weft job show "$id" --json | value cut)" -gt 50000
run weft run flood
is "$rc" 20 "a job that prints without end comes to its limit"
like "$err" '^error EWALL: ' "of time"
run weft run hash --data x
is "$rc" 0 "and the agent to its next job"
start stuck weft run stuck --name stuck
await "the first part" bash -c "[ \$(stat -c %s $tmp/stuck.log) -ge 4096 ]"
touch "$tmp/go2"
wait "${pid[stuck]}"
is $? 0 "a result that was streamed only in part"
unset 'pid[stuck]'
is "$(tr -dc '\0' < "$tmp/stuck.log" | wc -c)" 50000 "is complete at the end"

# -- workers ----------------------------------------------------------------------------

run weft run work --data print
is "$rc" 0 "a worker prints"
is "$err" "to stdoutto stderr" "beside its result: both of its streams are its log"
is "$out" "" "and the result is what it said it is"
finish
