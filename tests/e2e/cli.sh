#!/bin/bash
# The weft program as people and scripts use it: output, exit codes, next steps.
. "$(dirname "$0")/lib.sh"

is_json() { python3 -c 'import json, sys
for line in sys.stdin: json.loads(line)["schema"].index("weft.")' <<< "$1"; }
lines() { [ -z "$1" ] && echo 0 || wc -l <<< "$1"; }
# On a terminal of its own; what is typed comes from standard input.
on_tty() { TERM=xterm script -qec "stty cols ${cols:-100} rows 24; $1" /dev/null; }
exec < /dev/null # a job's payload may be what is piped in

# -- without a mesh ---------------------------------------------------------------------

run weft
is "$rc" 0 "weft alone is fine"
like "$out" 'weft ctx add .*' "and shows the first step"
run weft help
names=$(sed -nE 's/^  ([a-z]+( [a-z]+)?)  .*/\1/p' <<< "$out")
ok "help lists the commands" test "$(lines "$names")" -gt 30
bad=
while read -r name; do
    # shellcheck disable=SC2086 # a name may be two words
    help=$(weft $name --help) && [ "$(lines "$help")" -gt 5 ] || bad="$bad $name"
done <<< "$names"
is "$bad" "" "each explains itself"
run weft sumbit
is "$rc" 2 "an unknown command is a usage error"
like "$err" 'did you mean `weft submit`' "with a suggestion"
run weft submit x --prioritty 3
is "$rc" 2 "an unknown option, too"
like "$err" 'did you mean `--priority`' "with a suggestion"
run weft node
like "$err" 'wants one of: show, drain' "half a command names the other halves"
run weft submit
is "$rc" 2 "a missing operand"
run weft submit x --ttl
is "$rc" 2 "an option of another command"
run weft status
is "$rc" 5 "without a context: not found"
like "$err" '^  next: .*weft ctx add' "and how to make one"
is "$out" "" "nothing on stdout"
run weft doctor
is "$rc" 1 "doctor finds that out"
like "$out" '^fail.context' "and says so"
run weft errors busy
like "$out" '^name.EBUSY' "errors knows names"
run weft errors 16 --json
ok "and writes JSON" is_json "$out"
run weft status --json
is "$rc" 5 "an error has its exit status with --json"
ok "and is JSON as well" is_json "$err"
like "$err" '"schema":"weft.error.v1","error":"ENOENT".*"next":".*weft ctx add.*"exit":5' "with its name and the next step"
is "$out" "" "nothing on stdout"
run weft errors EBSUY
like "$err" 'did you mean EBUSY' "and guesses"
weft man > "$tmp/weft.1"
ok "the man page is there" grep -q '^.SS "weft node drain' "$tmp/weft.1"
for shell in bash zsh fish; do
    ok "completion for $shell" weft completion $shell
done

# -- a mesh -----------------------------------------------------------------------------

printf '#!/bin/sh\necho one; echo two >&2; sleep 60\n' > "$tmp/slow.sh"
printf '#!/bin/sh\necho why >&2; exit 3\n' > "$tmp/fail.sh"
printf '#!/bin/sh\necho "is there"\n' > "$tmp/gone.sh"
chmod 755 "$tmp"/*.sh
# So that a limit on the size of its files is an error of its disk, not its end.
broker_by=(env --ignore-signal=XFSZ)
broker 'max_jobs = 50'
agent one 'hash@1:sha256sum' '    slots = 4' 'cat@2:cat' "slow@1:$tmp/slow.sh" \
    "fail@1:$tmp/fail.sh" "gone@1:$tmp/gone.sh"
agent two 'hash@1:sha256sum'
context bob

run weft map --wait=up --min 2 --timeout 20s
is "$rc" 0 "both agents are up"
is "$(cut -f1 <<< "$out")" "hq
one
two" "the map, piped, has a line each"
run weft map --wait=drained --timeout 300ms
is "$rc" 10 "a state that is not reached"
run weft nodes --names
is "$out" "one
two" "names of the nodes"
run weft nodes --caps
like "$out" '^one.*hash@1,cat@2,slow@1' "what they can run"
run weft check
is "$rc" 0 "check is content"
like "$out" '^WEFT OK - 2 of 2 agents up.*\| up=2;' "and says so"
run weft check --warn-queued 0 --crit-down 0 --warn-down 0 --timeout 5s
is "$rc" 0 "0 switches a threshold off"
run weft ping one -c 2 -i 1ms
is "$(lines "$out")" 2 "two pings"

for what in status map nodes 'nodes --caps' 'node show one' jobs 'top' 'token ls' 'key ls' \
    'ctx ls' 'ctx show' doctor 'ping -c 1' 'events' check version; do
    # shellcheck disable=SC2086
    run weft --json $what
    ok "JSON: $what" is_json "$out"
done

# -- work -------------------------------------------------------------------------------

echo hello > "$tmp/hello"
want=$(sha256sum < "$tmp/hello")
run weft run hash "$tmp/hello"
is "$out $rc" "$want 0" "run prints the result"
run weft submit hash "$tmp/hello" -o "$tmp/result"
is "$(cat "$tmp/result")" "$want" "submit -o writes it"
like "$out" '^[0-9a-f]{32}.OK.(one|two)' "and says how it ended"
run weft submit hash "$tmp/hello"
is "${#out}" 32 "submit prints the id"
id=$out
run weft job result "${id:0:8}"
is "$out" "$want" "the result by a prefix of it"
run weft job wait "$id" --json
ok "wait writes JSON" is_json "$out"
run weft why "${id:0:8}"
like "$out" 'chosen( by|: the only)' "why says by what it was chosen"
like "$out" '^2 agents known' "and among how many"
run weft why "$id" --json
ok "also as JSON" is_json "$out"
like "$out" '"flip":' "with what would flip it"
run weft job show "${id:0:6}"
like "$out" '^state.OK on' "job show"
like "$(weft jobs -n 1)" "^${id:0:8}.OK.hash" "jobs lists 8 digits"
is "$(weft jobs --ids -n 1)" "$id" "or whole ids"
run weft job cancel "$id"
is "$rc" 1 "what is over cannot be cancelled"
run weft job show ffffffff
is "$rc" 5 "no such job"
run weft why 12
like "$err" '`12` is no job id: give at least 4 hex digits' "a prefix that is too short is told"
run weft jobs --state runing
is "$rc" 2 "no such state"
run weft jobs --state ok --ids
like "$out" "$id" "states go in any case"
run weft run ../x --data x
is "$rc" 2 "what cannot be a capability"
like "$err" 'a capability is NAME or NAME@VERSION' "is told from what can"
await "the broker to know its agents" bash -c '! weft submit hash@7 2>&1 | grep -q EBUSY'
run weft run hash@7 --data x
like "$err" 'no agent offers hash@7' "a version that nobody has"
run weft submit hash@7 --array 40 --data x
is "$rc $(grep -c '^error ENOCAP' <<< "$err")" "5 3" "a batch does not tell 40 times the same"
like "$err" '^37 more were refused with ENOCAP' "but how often"
run weft run cat --data 'no newline'
is "$(wc -c < "$tmp/.out")" 10 "results are not touched"
head -c 3000 /dev/urandom > "$tmp/bytes"
weft run cat "$tmp/bytes" > "$tmp/bytes.out"
ok "whatever their bytes" cmp "$tmp/bytes" "$tmp/bytes.out"
weft run cat < "$tmp/bytes" > "$tmp/bytes.out"
ok "a file on standard input is the payload" cmp "$tmp/bytes" "$tmp/bytes.out"
is "$(printf piped | weft run cat)" piped "so is a pipe"
is "$(printf piped | weft run cat -)" piped "also by name"
is "$(printf piped | weft submit cat -o -)" piped "also of one job submitted"
is "$(printf piped | weft run cat --data x)" x "not with --data"
is "$(printf 'a\nb\n' | while read -r line; do
    weft submit cat --array 1 --out-dir "$tmp/loop" --quiet > "$tmp/.out"
    echo "$line"
done)" "a
b" "nor of a batch"

run weft run fail
is "$rc" 20 "a failed job"
is "$(head -n 1 <<< "$err")" why "its stderr is on ours"
like "$err" '^error EFAILED: .*exit status 3' "then the error"
like "$err" '^  next: .*weft job logs' "and the next step"
run weft run fail --exit-code
is "$rc" 3 "its own exit code, when asked for"
# A broker that has just started waits for its agents before it says that.
nosuch() { run weft run nosuch; [ "$rc" = 5 ]; }
await "the broker to know its agents" nosuch
like "$err" 'next: .*weft nodes --caps' "no such capability"
run weft run cat --deadline 200ms --need site=nowhere
is "$rc" 21 "an expired job"
run weft submit cat --wait --deadline 2500ms --need site=nowhere
like "$err" 'waits for an agent' "a job that stands still is explained"
like "$err" '^  next: .*weft why' "with the next step"
run weft run cat --need bogus
is "$rc" 2 "a need that is none"
head -c 200000 /dev/zero > "$tmp/big"
weft run cat "$tmp/big" > "$tmp/big.out"
is $? 0 "a payload that is too large for its message travels beside it"
ok "and so does the result" cmp "$tmp/big" "$tmp/big.out"
run weft submit cat "$tmp/none"
is "$rc" 5 "no such file"
same=0123456789abcdef0123456789abcdef
is "$(weft submit cat --id $same -d x; weft submit cat --id $same -d x)" "$same
$same" "the same job twice is one"
run weft submit cat --id $same -d y
like "$err" ECONFLICT "other work under its id is a conflict"

# -- what accepted means ----------------------------------------------------------------

run weft submit cat --data x --json
like "$out" '"class":"durable"' "a job is durable unless it is said otherwise"
id=$(value id <<< "$out")
weft -q job wait "$id" > "$tmp/.out"
run weft job show "$id"
like "$out" '^class.durable, on stable storage$' "and show says what that is worth"
like "$out" "^if cut off.replace after the broker's grace$" "and what a lost link does"
run weft submit cat --data x --class fast --json
like "$out" '"class":"fast"' "fast is fast"
like "$(weft job show "$(value id <<< "$out")")" "^class.fast, in the broker's memory$" "and shown"
id=$(weft submit cat --data x --disconnect stop-after=30s)
like "$(weft job show "$id")" '^if cut off.stop after 30 s$' "a disconnect policy"
like "$(weft job show "$id" --json)" '"disconnect":"stop-after","disconnect_ms":30000' "also as JSON"
run weft submit cat --data x --disconnect never
is "$rc" 2 "what is none"
like "$err" 'wants keep, stop-after=30s or' "is told which there are"

id=$(weft submit cat --data alike --reuse 1h)
weft -q job wait "$id" > "$tmp/.out"
run weft submit cat --data alike --reuse 10m --wait
like "$out" "OK.*as job ${id:0:8}$" "a like job's result is used again"
new=${out:0:32}
is "$(weft job result "$new")" alike "and is the job's own"
like "$(weft job show "$new")" "^reuses.the outcome of job ${id:0:8}" "which show tells"
run weft submit cat --data alike --reuse 10m --wait --json
like "$out" '"reused":"[0-9a-f]{32}"' "JSON, too"
run weft submit cat --data alike --wait
unlike "$out" "as job" "not when it is not wanted"

# -- jobs that were given up ------------------------------------------------------------

mv "$tmp/gone.sh" "$tmp/gone.away"
id=$(weft submit gone --retries 1 --name dead)
run weft job wait "$id"
is "$rc" 20 "a job that cannot be started is given up"
run weft jobs --dead
like "$out" "^${id:0:8}.DEAD.gone.one.*EDEAD.*No such file" "and listed with the reason"
is "$(weft jobs --state dead --ids)" "$id" "by its state, too"
like "$(weft jobs --dead --json)" '"reason":"[^"]+"' "JSON has the reason"
view=$(on_tty 'weft --no-color jobs --dead' < /dev/null)
like "$view" 'REASON' "so has a terminal"
mv "$tmp/gone.away" "$tmp/gone.sh"
run weft job retry "${id:0:8}"
is "$rc ${#out}" "0 32" "it can be repeated"
new=$out
unlike "$new" "$id" "as a new job"
is "$(weft job result "$new")" "is there" "that runs"
like "$(weft job show "$new")" "^repeats.job ${id:0:8}$" "and names the one that it repeats"
is "$(job_state "$id")" DEAD "which stays as it was"
run weft job retry "$id" --json
ok "JSON: retry" is_json "$out"
run weft job retry
is "$rc" 2 "retry wants jobs"
run weft job retry --all-dead
is "$rc" 2 "all the dead ones only when it is meant"
like "$err" '1 job is dead: .*--yes' "and says how many"
run weft job retry --all-dead --yes
is "$rc $(lines "$out")" "0 1" "then they are"
is "$(weft job retry --all-dead -y)" "$out" "once, however often it is said"
run weft job retry ffffffff
is "$rc" 5 "no such job to repeat"
id=$(weft submit slow)
run weft job retry "$id"
is "$rc" 1 "a job that is not over is not repeated"
like "$err" '^  next: .*weft job wait' "but waited for"
weft -q job cancel "$id"

# -- a store that fails -----------------------------------------------------------------

run weft status
like "$out" '^store.sqlite$' "status names the store"
like "$out" '^live jobs.0$' "and what is alive"
like "$(weft doctor)" '^ok.store.sqlite' "doctor is content with it"
prlimit --pid "${pid[broker]}" --fsize=1:unlimited
run weft --timeout 1500ms submit cat --data x --class durable
is "$rc" 8 "a broker that cannot write accepts nothing durable"
like "$err" '^error ESTORAGE: ' "and says so"
is "$(grep -c 'trying again for 1.5 s' <<< "$err")" 1 "after some patience"
run weft --timeout 700ms submit cat --array 3 --class durable
is "$rc" 8 "nor of a batch"
run weft submit cat --data fast --class fast --wait
is "$rc" 0 "fast jobs go on"
like "$(weft status)" '^store.sqlite, FAILING: nothing durable is accepted$' "status tells"
like "$(weft status --json)" '"store_failing":true' "as JSON, too"
run weft check
is "$rc" 2 "check is critical"
like "$out" '^WEFT CRIT - STORE FAILING' "about that"
run weft doctor
like "$out" '^fail.store.sqlite, FAILING' "doctor finds it"
start patient weft run cat --data patience
start waiting weft submit cat --array 3 --data '{}' --out-dir "$tmp/waiting"
await "it to be refused" has "$tmp/patient.log" 'trying again'
prlimit --pid "${pid[broker]}" --fsize=unlimited:unlimited
wait "${pid[patient]}"
is $? 0 "a job that could not be stored is submitted again"
ok "and done" has "$tmp/patient.log" '^patience$'
wait "${pid[waiting]}"
is "$? $(cat "$tmp/waiting/2")" "0 2" "those of a batch, too"
unset 'pid[patient]' 'pid[waiting]'
rm -r "$tmp/waiting"
like "$(weft status)" '^store.sqlite$' "the store is well again"

# -- batches ----------------------------------------------------------------------------

run weft submit cat --array 20 --data 'n {}' --out-dir "$tmp/array"
is "$rc $(lines "$out")" "0 20" "an array"
is "$(cat "$tmp/array/7")" "n 7" "each with its number"
seq 100 200 | weft submit cat --each - --out-dir "$tmp/each" --window 8 > /dev/null
is "$?" 0 "a job a line"
is "$(cat "$tmp/each/5")" 105 "results in the order of the lines"
is "$(find "$tmp/each" -type f | wc -l)" 101 "all of them"
printf a > "$tmp/a"
printf b > "$tmp/b"
run weft submit cat --file-each "$tmp/a" "$tmp/b" --out-dir "$tmp/files"
is "$(cat "$tmp/files/a" "$tmp/files/b")" ab "a job a file"
run weft submit cat --file-each "$tmp/a" "$tmp/files/a" --out-dir "$tmp/files"
is "$rc" 2 "two files of one name would be one result"
run weft submit fail --array 3 --wait --quiet
is "$rc" 20 "a failed job fails the batch"
run weft submit cat --array 3 --each x
is "$rc" 2 "one kind of batch at a time"

# -- running jobs -----------------------------------------------------------------------

start run weft run slow
await "its output" has "$tmp/run.log" '^one$'
id=$(weft jobs --ids --state running)
like "$(weft job logs "$id" 2>&1)" two "logs show both streams"
run weft job wait "$id" --timeout 100ms
is "$rc" 7 "waiting has an end when asked for"
kill -INT "${pid[run]}"
wait "${pid[run]}"
is $? 130 "Ctrl-C"
unset 'pid[run]'
is "$(job_state "$id")" CANCELLED "cancels the job"
id=$(weft submit slow)
start logs weft job logs -f "$id"
await "the log" has "$tmp/logs.log" '^one$'
run weft job cancel "${id:0:8}"
is "$rc" 0 "cancel"
wait "${pid[logs]}"
is $? 0 "logs -f ends with the job"
unset 'pid[logs]'
run weft job wait "$id"
is "$rc" 21 "wait tells of it"

# -- a full broker ----------------------------------------------------------------------

run weft submit cat --array 200 --wait --quiet
is "$rc $(cut -f2 <<< "$out" | uniq)" "0 OK" "a batch larger than the broker's room"
ok "met a busy broker" test "$(counter busy)" -gt 0
weft submit slow --array 50 --name flood > "$tmp/flood"
run weft --timeout 500ms submit cat
is "$rc" 6 "one job more is refused"
is "$(grep -c 'trying again for 500 ms' <<< "$err")" 1 "after some patience, told once"
like "$err" '^  next: retry after [0-9]' "with the time to come back"
run weft --timeout 500ms run cat
is "$rc" 6 "run, too"
start patient weft run cat --data patience
start waiting weft submit cat --data waiting --out "$tmp/waiting"
await "them to be refused" has "$tmp/patient.log" 'trying again'
await "them to be refused" has "$tmp/waiting.log" 'trying again'
# shellcheck disable=SC2046
run weft job cancel $(cat "$tmp/flood")
is "$rc" 0 "cancel many"
is "$(weft jobs --name flood --state cancelled --ids | wc -l)" 50 "they are"
wait "${pid[patient]}"
is $? 0 "a job that was refused is submitted again"
ok "and done" has "$tmp/patient.log" '^patience$'
wait "${pid[waiting]}"
is "$? $(cat "$tmp/waiting")" "0 waiting" "submit, too"
unset 'pid[patient]' 'pid[waiting]'

# -- nodes and people -------------------------------------------------------------------

run weft node drain --wait two
is "$rc" 0 "drain"
is "$(node_state two)" drained "is seen"
run weft submit hash --wait --node two --deadline 300ms
is "$rc" 21 "it takes nothing"
run weft node undrain two
run weft run hash --node two
is "$rc" 0 "undrain"
run weft node label one room=lab
run weft submit hash --need room=lab -w
like "$out" 'OK.one' "labels can be needed"
run weft token create --name 'Not A Name'
is "$rc" 2 "a token with a bad name"
like "$err" "token's name is of a-z" "is told what a name is"
unlike "$err" 'tier|tcp:' "and nothing else"
run weft token create --endpoint nonsense
like "$err" 'endpoint is tcp://HOST:PORT$' "a bad endpoint, too"
run weft -C bob token create
is "$rc" 4 "a client makes no tokens"
run weft -C bob run hash
is "$rc" 0 "but runs work"
run weft ctx add eve "$tmp/bob.token"
is "$rc" 4 "a token is good once"
like "$err" 'next: .*weft token create' "and it says how to get another"
run weft ctx add eve weft1-abc
is "$rc" 2 "a token on the command line is refused"
run weft key revoke bob
run weft -C bob status
is "$rc" 4 "a revoked key"
run weft node revoke two
like "$(weft nodes)" '^two.revoked' "a revoked node"
start events weft events -f --json
await "an event" has "$tmp/events.log" revoke
kill -INT "${pid[events]}"
wait "${pid[events]}"
is $? 130 "following events ends with Ctrl-C"
unset 'pid[events]'

# -- terminals --------------------------------------------------------------------------

esc=$'\033'
view=$(on_tty 'weft --no-color map' < /dev/null)
like "$view" 'NODE +STATE +RTT' "a terminal gets a header"
unlike "$view" "$esc" "without colours when they are not wanted"
view=$(on_tty 'weft map' < /dev/null)
like "$view" "${esc}\[32mup" "and colours"
view=$(NO_COLOR=1 on_tty 'weft map' < /dev/null)
unlike "$view" "$esc" "not with NO_COLOR"
view=$(cols=40 on_tty 'weft --no-color nodes' < /dev/null | tr -d '\r')
is "$(grep -v 'as of' <<< "$view" | awk 'length > 40' )" "" "tables fit the terminal"
view=$(printf q | on_tty 'weft top')
like "$view" "${esc}\[\?1049h" "top takes the screen"
like "$view" "${esc}\[\?1049l" "and gives it back"
# Ctrl-\, once the screen is taken.
{
    await "the screen" has "$tmp/top.view" '1049h'
    printf '\034'
} | on_tty 'weft top' > "$tmp/top.view"
ok "also after Ctrl-\\" has "$tmp/top.view" '1049l'
start watch weft map --watch --interval 100ms --json
await "three frames" has "$tmp/watch.log" weft.map.v1 3
kill -INT "${pid[watch]}"
wait "${pid[watch]}"
unset 'pid[watch]'
ok "piped, a watch is JSON lines" is_json "$(< "$tmp/watch.log")"

complete() { weft complete -- "$@" | cut -f1 | sort -u | paste -sd' '; }
is "$(complete node dr)" drain "completes commands"
is "$(complete node show '')" "one two" "nodes"
is "$(complete submit x --cl)" --class "options"
is "$(complete submit x --class '')" "durable fast" "values"
is "$(complete run x --disconnect '')" "keep replace-after= stop-after=" "and forms of them"
is "$(complete --context b)" bob "contexts"

# -- without its broker -----------------------------------------------------------------

stop broker
run weft status
is "$rc" 3 "cannot reach the broker"
like "$err" '^error EUNREACH: .*127.0.0.1' "which one"
like "$err" '^  next: .*weft doctor' "and what to do"
run weft check
is "$rc" 2 "check is critical"
run weft submit hash --timeout 1s
is "$rc" 3 "submit"
finish
