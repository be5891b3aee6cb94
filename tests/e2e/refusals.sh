#!/bin/bash
# Work that is refused, cannot be placed or is too large: each with its error, exit code
# and next step, and none in the way of others.
. "$(dirname "$0")/lib.sh"

cat > "$tmp/handler.sh" << END
#!/bin/sh
until [ -e $tmp/go ]; do
    sleep 0.05
done
echo "\$WEFT_JOB_ID \$WEFT_ATTEMPT"
END
chmod 755 "$tmp/handler.sh"

broker 'max_payload = 2K' 'max_jobs = 20' 'heartbeat = 500ms' 'lease = 2s'
context alice
weft -q ctx use alice
agent_token='--site lyon --tier edge' agent one 'count@2:wc -c' 'many@1:head -c 5000 /dev/zero' \
    'bounded@1:head -c 5000 /dev/zero' '    output = 1000' \
    "held@1:$tmp/handler.sh" '    slots = 8'

# -- nobody can -------------------------------------------------------------------------

# A broker that has just started cannot tell yet.
await "it to know its agents" bash -c '[ "$(weft submit nope 2>&1 | grep -c ENOCAP)" = 1 ]'
run weft run nope --data x
is "$rc" 5 "an unknown capability"
like "$err" '^error ENOCAP: no agent offers this capability: ' "is called that"
like "$err" 'next: .*weft nodes --caps' "with a next step"
run weft run count@1 --data x
is "$rc" 5 "a version that nobody offers"
run weft run count --node nowhere --data x
is "$rc" 5 "a node that is not there"
like "$err" 'nowhere' "is named"
run weft run nope --deadline 300ms --data x
is "$rc" 21 "with a deadline it may wait for someone, then it expires"
like "$err" 'EEXPIRED' "and that is said"
run weft run 'bad name' --data x
ok "a bad name is refused" [ "$rc" -ne 0 ]
run weft run count --need 'site>lyon' --data x
ok "a bad need is refused" [ "$rc" -ne 0 ]
like "$err" 'EINVAL' "as an invalid argument"

# -- nobody may -------------------------------------------------------------------------

id=$(weft submit count --data abcd --need site=paris --need mem\>=1K)
is "$(job_state "$id")" QUEUED "a need that nobody meets: the job waits"
run weft why "$id"
is "$rc" 0 "and why"
like "$out" 'need' "names the filter that excludes the agents"
run weft why "$id" --json
like "$out" '"filters":.*"name":"needs","count":1}' "with its count"
agent_token='--site paris' agent two 'count@1:wc -c'
run weft --timeout 20s job result "$id"
is "$out" 4 "an agent that meets it gets the job"
like "$(weft why "$id")" 'two' "and why says so"

# -- too large --------------------------------------------------------------------------

head -c 3000 /dev/zero > "$tmp/big"
run weft run count "$tmp/big"
is "$out" 3000 "a payload over the limit travels beside its job"
key=$(weft status --json | value key)
payload=$(head -c 3000 /dev/zero | od -An -v -tx1 | tr -d ' \n')
run peer "$WEFT_HOME/contexts/alice/key" "$key" "tcp://127.0.0.1:$port" dial hello client \
    await welcome send "9520c41001020304050607080910111213141516a5636f756e7400c50bb8$payload" \
    await error
is "$rc" 0 "the broker does not leave that to its clients"
like "$out" 'error code=8 about=32' "but refuses it itself"
head -c 2048 /dev/zero > "$tmp/fits"
run weft run count "$tmp/fits"
is "$out" 2048 "a payload at the limit passes"
run weft run many
is "$rc" 0 "a result over the broker's limit is fetched apart"
ok "whole" test "$(stat -c %s "$tmp/.out")" -gt 2048
run weft run bounded
is "$rc" 20 "a result over the capability's limit, too"
like "$err" '^error EOUTPUT: .*output limit' "with its reason"

# -- the same id ------------------------------------------------------------------------

id=00112233445566778899aabbccddee01
run weft submit count --data abc --id $id
is "$rc" 0 "an id of one's own"
run weft submit count --data abc --id $id
is "$rc" 0 "the same again is the same job"
run weft submit count --data abcd --id $id
is "$rc" 1 "another payload under that id"
like "$err" 'ECONFLICT' "is a conflict"
run weft job show beef
is "$rc" 5 "an id that is not there"
run weft job cancel $id
ok "a job that is over cannot be cancelled" [ "$rc" -ne 0 ]
like "$err" 'ESTATE' "which is said"

# -- full -------------------------------------------------------------------------------

start persist driver persist 200 held
await "the broker to be full" bash -c '[ "$(weft status --all --json |
    sed -nE "s/.*\"busy\":([0-9]+).*/\1/p")" -gt 100 ]'
run weft submit held --data x
is "$rc" 6 "at max_jobs there is exit code 6"
like "$err" '^error EBUSY: ' "an error"
like "$err" 'next: retry after [0-9.]+ ?m?s' "and a time to come back"
run weft status
is "$rc" 0 "a full broker goes on answering"
touch "$tmp/go"
run weft submit held --array 60 --wait
is "$rc" 0 "a batch comes back by itself until all are done"
is "$(grep -c OK <<< "$out")" 60 "each of it"
wait "${pid[persist]}"
is $? 0 "so does a program that heeds the time it is given"
unset 'pid[persist]'
like "$(cat "$tmp/persist.log")" '^outcomes=200 ok=200 twice=0 none=0 wrong=0$' "each once"
finish
