#!/bin/bash
# The examples do what they say: a C function serves, the others submit to it.
. "$(dirname "$0")/../../tests/e2e/lib.sh"
PATH=$build/client/examples:$PATH

broker
join shouter
start serve example-serve "$tmp/shouter/state"
await "the server to be up" node_is shouter up

run example-serve "$tmp/shouter/state"
is "$rc" 1 "serve: one process a folder"
like "$err" "${pid[serve]}" "serve: the other one is named"
run example-submit upper@1 "hello there"
is "$rc" 0 "submit: the job is done"
is "$out" "HELLO THERE" "submit: and its result printed"
like "$err" "OK on shouter" "submit: with where it ran"
run example-submit nothing@1 x
like "$err" "ENOCAP|EBUSY" "submit: a capability that nobody offers is an error"
like "$err" "next: " "submit: that says what to do next"

run example-many upper 1000
is "$out" "1000 ok, 0 failed, 0 refused" "many: each job has one outcome"

seq -f "line %g" 500 > "$tmp/lines"
example-loop upper < "$tmp/lines" > "$tmp/results"
is $? 0 "loop: all lines are jobs"
is "$(sort "$tmp/results")" "$(tr a-z A-Z < "$tmp/lines" | sort)" "loop: all results come"

mkdir "$tmp/outbox"
for n in 1 2 3; do
    printf 'file %s' $n > "$tmp/outbox/0000000000000000000000000000000$n"
done
echo "no job" > "$tmp/outbox/README"
run example-handoff upper "$tmp/outbox"
is "$out" "3 handed over, 0 left" "handoff: what is accepted is handed over"
is "$(ls "$tmp/outbox")" README "handoff: and removed"
is "$(weft job result 00000000000000000000000000000002)" "FILE 2" "handoff: it is fetched by id"
printf 'file 3' > "$tmp/outbox/00000000000000000000000000000003"
run example-handoff upper "$tmp/outbox"
is "$out" "1 handed over, 0 left" "handoff: again is the same job"
printf 'other work' > "$tmp/outbox/00000000000000000000000000000003"
run example-handoff upper "$tmp/outbox"
is "$out" "0 handed over, 1 left" "handoff: other work under its id is not taken"

agent keeper 'copy@1:cat'
mkdir "$tmp/files"
head -c 500000 /dev/urandom > "$tmp/files/large"
echo small > "$tmp/files/small"
run example-data put things "$tmp/files"
is "$out" "things@1: 2 files at keeper" "data: files are put"
is "$(example-data cat things/small)" small "data: and streamed out again"
example-data run copy "$tmp/files/large" > "$tmp/large"
is $? 0 "data: a large file is a payload, too"
ok "data: and a result" cmp "$tmp/files/large" "$tmp/large"
run example-data cat things/none
like "$err" "ENOENT" "data: what is not there is an error"

stop serve
is "$rc" 0 "serve: ends in order when told to"
await "the node to be gone" node_is shouter offline
run example-serve "$tmp/nowhere"
like "$err" "weft-agent join" "serve: without an identity it says how to get one"
finish
