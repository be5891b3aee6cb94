#!/bin/bash
# Data goes into the mesh, between its nodes and out of it, also when something breaks in the
# middle: a client that is interrupted, an agent and a broker that are killed, a file that
# changes.
. "$(dirname "$0")/lib.sh"

broker
agent_token='--site lyon' agent one 'data_cap = 1G' 'copy@1:cat'
agent_token='--site paris' agent two 'data_cap = 1G' 'copy@1:cat'
context alice

# -- a folder ---------------------------------------------------------------------------

mkdir -p "$tmp/in/sub"
head -c 3000000 /dev/urandom > "$tmp/in/a"
cp "$tmp/in/a" "$tmp/in/same"
echo small > "$tmp/in/sub/b"
: > "$tmp/in/empty"
ln -s a "$tmp/in/link"
run weft -C alice data put "$tmp/in" --name maps --label source=osm --to site=lyon
is "$out" 'maps@1' "a folder becomes a dataset"
like "$err" '1 symbolic link left out: links are not followed' "without its link, which is said"
run weft -C alice data show maps --json
like "$out" '"name":"maps","version":1,.*"labels":"source=osm","files":4,' "of its files"
like "$out" '"node":"one"' "where it was to go"
unlike "$out" '"node":"two"' "and nowhere else"
like "$out" '"path":"sub/b"' "named by their paths in it"
run weft -C alice data get maps -o "$tmp/out"
rm "$tmp/in/link"
ok "it comes out again" diff -r "$tmp/in" "$tmp/out"
is "$(weft -C alice data get maps@1/sub/b -o -)" small "or one file of it"
run weft -C alice data get maps/sub -o "$tmp/sub"
is "$(ls "$tmp/sub")" b "or a folder of it"
run weft -C alice data get maps -o "$tmp/out" --json
like "$out" '"moved":0' "what is there with the same bytes is not got again"
echo mine > "$tmp/out/a"
run weft -C alice data get maps -o "$tmp/out"
is "$rc" 1 "what is there and differs is not replaced"
like "$err" 'EEXIST: .*/out/a is there, and is not this' "which is named"
like "$err" 'next: .*--force' "with what to do"
is "$(< "$tmp/out/a")" mine "and stays"
run weft -C alice data get maps -o "$tmp/out" --force
ok "unless that is wanted" diff -r "$tmp/in" "$tmp/out"
run weft -C alice data put "$tmp/in" --name maps --json
like "$out" '"dataset":"maps@2".*"moved":0' "what is there is not sent again"
run weft -C alice data put "$tmp/in" --name maps --new
is "$rc" 1 "a name that must be new"
like "$err" 'EEXIST.*newest version is 2' "with what there is"
run weft data stage maps --copies all
is "$rc" 0 "a dataset is brought to all nodes"
like "$(weft data ls)" 'maps@2.*	2	' "which the list counts"
for word in pin unpin; do
    run weft -C alice data $word maps --node two
    is "$rc" 0 "$word"
done
run weft -C alice data rm maps
is "$rc" 0 "it is forgotten"
run weft -C alice data get maps
is "$rc" 5 "and cannot be got any more"
like "$err" 'next: .*weft data ls' "with what to do"

# -- lone blobs -------------------------------------------------------------------------

digest=$(weft -C alice data put "$tmp/in/a")
ok "a lone blob has a digest" test ${#digest} = 64
weft -C alice data get "$digest" -o - > "$tmp/lone"
ok "by which it is got" cmp "$tmp/in/a" "$tmp/lone"
echo piped | weft -C alice data put - --name pipe --file x/y > "$tmp/pipe.out"
is "$(weft -C alice data get pipe/x/y -o -)" piped "standard input can be put, too"

# -- in place ---------------------------------------------------------------------------

run weft data add "$tmp/in" --in-place --name archive --config "$tmp/one/agent.conf"
is "$out" 'archive@1' "files that an agent has on its disk become a dataset"
like "$(weft data show archive --json)" '"node":"one"' "at that node"
weft data get archive -o "$tmp/archive"
ok "which gives them out" diff -r "$tmp/in" "$tmp/archive"
run weft data add "$tmp/none" --in-place --name archive --config "$tmp/one/agent.conf"
is "$rc" 1 "a folder that is not there"
like "$err" 'next: ' "with what to do"
run weft data add "$tmp/in" --in-place
is "$rc" 2 "a dataset needs a name"

# -- what breaks ------------------------------------------------------------------------

head -c 150000000 /dev/urandom > "$tmp/large"
start put weft -C alice data put "$tmp/large" --name large --to one
await "the transfer" bash -c "[ \"\$(du -s $tmp/one/state | cut -f1)\" -gt 60000 ]"
kill -KILL "${pid[one]}"
wait "${pid[one]}" 2> /dev/null
agent_run one 2
wait "${pid[put]}"
is $? 0 "a put goes on when the agent is back"
start get weft -C alice data get large/large -o "$tmp/got"
await "some of it" bash -c "[ \"\$(du -k $tmp/got.part | cut -f1)\" -gt 20000 ]"
kill -INT "${pid[get]}"
wait "${pid[get]}"
is $? 130 "a get is interrupted"
run weft -C alice data get large/large -o "$tmp/got" --json
is "$rc" 0 "and goes on"
ok "with what it had" test "$(value moved <<< "$out")" -lt 150000000
ok "to the same bytes" cmp "$tmp/large" "$tmp/got"
rm "$tmp/got"
start get weft -C alice data get large/large -o "$tmp/got"
await "some of it" test -s "$tmp/got.part"
stop broker KILL
broker_again
wait "${pid[get]}"
is $? 0 "a get outlives the broker"
ok "with the same bytes" cmp "$tmp/large" "$tmp/got"

mkdir "$tmp/linked"
echo linked > "$tmp/linked/file"
ln -s file "$tmp/linked/one"
ln -s file "$tmp/linked/two"
run weft -C alice data put "$tmp/linked" --name linked --json
like "$out" '"files":1,.*"skipped":2,' "programs are told how many links were left out"
finish
