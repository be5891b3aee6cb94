# Files in place at one agent become the inputs of jobs at another, over a lane of their
# own and through the broker; a large result is a blob.
. "$(dirname "$0")/lib.sh"

mkdir -p "$tmp/set/sub"
head -c 3000000 /dev/urandom > "$tmp/set/large"
echo small > "$tmp/set/sub/small"
: > "$tmp/set/empty"
sum=$(cd "$tmp/set" && find . -type f | sort | xargs cat | sha256sum)

cat > "$tmp/sum" << 'END'
#!/bin/sh
cd "$WEFT_INPUTS/set/" && find . -type f | sort | xargs cat | sha256sum
END
cat > "$tmp/copy" << 'END'
#!/bin/sh
cat "$WEFT_INPUTS/file"
END
chmod 755 "$tmp/sum" "$tmp/copy"

broker
agent_lines+=('data_floor = 0' 'data_patience = 3s' 'data_listen = tcp://127.0.0.1:*')
agent holder 'hash@1:sha256sum'
agent_lines=("${agent_lines[@]/data_listen*/}")
agent direct "sum@1:$tmp/sum" "copy@1:$tmp/copy" '    output = 16M'
agent giver 'other@1:sha256sum'
agent relayed "sum2@1:$tmp/sum"
context me

holds() {
    weft-agent data ls --config "$tmp/$1/agent.conf"
}
run weft-agent data add "$tmp/set" --in-place --config "$tmp/holder/agent.conf"
is "$rc" 0 "an agent takes files in place"
is "$(wc -l <<< "$out")" 3 "a line a file"
like "$out" '[0-9a-f]{64} 3000000 large' "digest, size, path"
run weft data add "$tmp/set" --name set --in-place --config "$tmp/holder/agent.conf"
is "$rc" 0 "they are a dataset"
is "$(holds holder | grep -c ' i$')" 3 "which the agent has in place"

run weft run sum --input set=set
is "$rc" 0 "a job elsewhere reads it"
is "$out" "$sum" "all of it"
is "$(holds direct | wc -l)" 3 "its agent keeps what it fetched"
is "$(find "$tmp/direct/state/inputs" -mindepth 3 | wc -l)" 0 "the job's folder is gone"

weft run copy --input file=set/large > "$tmp/copied"
is "$?" 0 "a job has a large result"
ok "it comes back whole" cmp "$tmp/copied" "$tmp/set/large"
like "$(holds direct)" '3000000 3000000 p' "its agent keeps it for as long as the job is known"

run weft-agent data add "$tmp/set/sub" --config "$tmp/giver/agent.conf"
run weft data add "$tmp/set" --name again --config "$tmp/giver/agent.conf"
stop holder
stop direct
run weft run sum2 --input set=again
is "$rc" 0 "agents that do not listen give through the broker"
is "$out" "$sum" "the same bytes"

run weft-agent data scrub --config "$tmp/relayed/agent.conf"
is "$rc" 0 "nothing is damaged"
run weft-agent data stats --config "$tmp/relayed/agent.conf"
like "$out" 'whole 3' "three blobs are whole"
run weft-agent data ls --config "$tmp/holder/agent.conf"
is "$rc" 3 "nobody answers for an agent that was stopped"
like "$err" 'next: start it' "and what to do is told"

# -- data that nobody has any more ------------------------------------------------------

mkdir "$tmp/gone"
echo lone > "$tmp/gone/only"
run weft data add "$tmp/gone" --name gone --config "$tmp/giver/agent.conf"
is "$rc" 0 "a dataset at one agent"
stop giver
like "$(weft data ls)" 'gone@1	1	5 B	0	' "which is nowhere once that has gone"
run weft --timeout 500ms data stage gone --to relayed
is "$rc" 7 "a stage may wait for as long as it is told"
like "$err" 'ETIMEOUT.*gone: .*' "and says that nothing came"
id=$(weft submit sum2 --input set=gone)
is_fetching() { weft job show "$id" | grep -q fetching; }
await "its agent to wait for it" is_fetching
like "$(weft job show "$id")" 'nobody who is connected has input set, only: bring back' \
    "a job that waits for what nobody has says so"
job_field() { weft job show "$1" --json | value "$2"; }
stands() { weft job show "$id" --json | grep -q '"fetch_stands":"nowhere"'; }
await "its agent to look for it" stands
given_back() { weft job show "$id" | grep -q 'EUNREACH.*input set: nobody who can be reached has it'; }
await "it to be given back" given_back
is_back() { [ "$(job_field "$id" attempt)" -ge 2 ]; }
await "it to be tried again" is_back
like "$(weft job show "$id")" '^state	(ASSIGNED|QUEUED)' "it waits for as long as it takes"
agent_run giver 2
run weft job wait "$id"
is "$rc" 0 "it goes on when that is there again"
is "$(job_field "$id" lost)" 0 "which counted as no lost attempt"
finish
