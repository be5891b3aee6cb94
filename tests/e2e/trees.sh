#!/bin/bash
# What runs is stopped with all that it started: on cancel, at a limit, when the agent is
# killed.  Draining lets it end.  A worker that crashes costs no other job its outcome.
. "$(dirname "$0")/lib.sh"

# Processes of a handler hold a connection to this socket each: its end is theirs.
sock=$tmp/sock
cat > "$tmp/holders.py" << 'END'
import selectors, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen(64)
sel, n, ended = selectors.DefaultSelector(), 0, 0
sel.register(server, selectors.EVENT_READ)
print("listening", flush=True)
while True:
    for key, _ in sel.select():
        if key.fileobj is server:
            sel.register(server.accept()[0], selectors.EVENT_READ)
            n += 1
            print("up", n, flush=True)
        else:
            sel.unregister(key.fileobj)
            key.fileobj.close()
            ended += 1
            print("ended", ended, flush=True)
END
start holders python3 "$tmp/holders.py" "$sock"
await "the listener" has "$tmp/holders.log" listening

broker 'max_attempts = 3'
cat > "$tmp/held.sh" << END
#!/bin/sh
until [ -e $tmp/go ]; do
    sleep 0.05
done
echo "\$WEFT_JOB_ID \$WEFT_ATTEMPT"
END
chmod 755 "$tmp/held.sh"
agent one "tree@1:$hostile tree $sock" '    slots = 4' \
    "short@1:$hostile tree $sock" '    wall = 400ms' "left@1:$hostile leftover $sock" \
    "hop@1:$hostile hop $sock" "held@1:$tmp/held.sh" '    slots = 4' \
    'state@1:/bin/echo ok'

# -- cancel -----------------------------------------------------------------------------

id=$(weft submit tree --data x)
await "the four processes" has "$tmp/holders.log" '^up 4$'
run weft job cancel "$id"
is "$rc" 0 "a job is cancelled"
within 1500 "its whole tree is gone within 1 s, though it ignores SIGTERM" \
    has "$tmp/holders.log" '^ended 4$'
ok "the job is over" job_is "$id" CANCELLED
run weft job wait "$id"
is "$rc" 21 "with exit code 21"
run weft run state
is "$out" ok "the agent goes on"

id=$(weft submit hop --data x)
await "the process that never stays the same" has "$tmp/holders.log" '^up 5$'
weft -q job cancel "$id"
within 1500 "not even that gets away" has "$tmp/holders.log" '^ended 5$'

start run weft run tree --data x
await "the four processes" has "$tmp/holders.log" '^up 9$'
kill -INT "${pid[run]}"
wait "${pid[run]}"
is $? 130 "Ctrl-C ends weft run"
unset 'pid[run]'
within 1500 "and the job with its tree" has "$tmp/holders.log" '^ended 9$'

# -- limits -----------------------------------------------------------------------------

run weft run short --data x
is "$rc" 20 "a job that runs longer than its capability allows fails"
like "$err" '^error EWALL: ran longer than its limit' "for that reason"
like "$err" 'next: ' "with a next step"
within 1500 "its tree is gone" has "$tmp/holders.log" '^ended 13$'
id=$(weft submit tree --data x --timeout 400ms)
await "the four processes" has "$tmp/holders.log" '^up 17$'
await "its end" job_is "$id" FAILED
within 1500 "a limit of the job does the same" has "$tmp/holders.log" '^ended 17$'
run weft run left
is "$rc" 0 "a job that leaves a daemon behind"
within 1500 "leaves none" has "$tmp/holders.log" '^ended 18$'
start run weft run tree --deadline 700ms --data x
await "the four processes" has "$tmp/holders.log" '^up 22$'
wait "${pid[run]}"
is $? 21 "a deadline ends a job that runs"
unset 'pid[run]'
within 1500 "and its tree" has "$tmp/holders.log" '^ended 22$'

# -- drain ------------------------------------------------------------------------------

id=$(weft submit held --data x)
await "it to run" job_is "$id" RUNNING
run weft node drain one
is "$rc" 0 "a node is drained"
await "the node to be so" node_is one draining
id2=$(weft submit held --data y --deadline 60s)
await "the next to wait" job_is "$id2" QUEUED
like "$(weft why "$id2")" 'drain' "why says that the node is drained"
touch "$tmp/go"
await "what ran there to end" job_is "$id" OK
ok "the next still waits" job_is "$id2" QUEUED
stop broker
broker_again
await "the agent to be back" has "$tmp/one.log" event=connected 2
await "the node to be drained" node_is one drained
ok "a node stays drained when the broker is restarted" true
id2=$(weft submit held --data y --deadline 60s)
await "it to wait" job_is "$id2" QUEUED
run weft node undrain one
is "$rc" 0 "it is undrained"
await "what waited to run" job_is "$id2" OK
ok "what waited is done" true

# -- the agent is killed ----------------------------------------------------------------

rm "$tmp/go"
start run weft run tree --data x
await "the four processes" has "$tmp/holders.log" '^up 26$'
stop one KILL
within 2000 "the tree goes with its agent" has "$tmp/holders.log" '^ended 26$'
agent two "tree@1:$tmp/held.sh"
touch "$tmp/go"
wait "${pid[run]}"
is $? 0 "the job is done by another"
unset 'pid[run]'
like "$(cat "$tmp/run.log")" '^[0-9a-f]{32} 2$' "as its second attempt"
id=$(weft jobs --max 1 --json | value id)
like "$(weft job show "$id")" 'one.*lost' "and the job tells which agent was lost"

# -- workers ----------------------------------------------------------------------------

agent three "work@1:$worker 8" '    kind = worker' '    concurrency = 8' \
    "py@1:python3 $top/client/examples/worker.py" '    kind = worker' '    workers = 2'
run weft run work --data hello
is "$out" hello "a worker in C"
run weft run py --data 'a b c'
is "$out" 3 "a worker in Python"
run weft run work --data fail
is "$rc" 20 "a worker's job may fail"
like "$err" 'did not like it' "for its own reason"
run weft run work --data crash
is "$rc" 20 "one that crashes its worker fails"
like "$err" 'killed by signal 11 .SIGSEGV' "naming the signal"
run weft run work --data crash --retries 2
is "$rc" 20 "it is tried again when that was asked for"
like "$err" 'attempt 3' "as often"
run weft run work --data hello
is "$out" hello "the next job has a new worker"
start storm driver storm 300 work
for i in 1 2 3; do
    run weft run work --data crash
done
wait "${pid[storm]}"
is $? 0 "jobs beside one that crashes the worker are tried again"
unset 'pid[storm]'
like "$(cat "$tmp/storm.log")" '^outcomes=300 ok=300 twice=0 none=0 wrong=0$' "each once"
start run weft run work --data listen
await "it to run" has "$tmp/run.log" listening
kill -INT "${pid[run]}"
wait "${pid[run]}"
is $? 130 "a worker's job can be cancelled"
unset 'pid[run]'
start run weft run work --data deaf
await "it to run" has "$tmp/run.log" deaf
kill -INT "${pid[run]}"
wait "${pid[run]}"
is $? 130 "also one that does not listen"
unset 'pid[run]'
run weft run work --data hello
is "$out" hello "and the next job is done"
finish
