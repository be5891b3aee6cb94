#!/bin/bash
# Nodes that give wrong bytes, files that change, and clients that ask for more than they
# may: what was asked for arrives all the same, and nobody gets what is not theirs.
. "$(dirname "$0")/lib.sh"

mkdir "$tmp/set"
head -c 18000000 /dev/urandom > "$tmp/set/large"
echo small > "$tmp/set/small"
sum=$(sha256sum < "$tmp/set/large")

cat > "$tmp/sum.sh" << 'END2'
#!/bin/sh
cat "$WEFT_INPUTS/file" | sha256sum
END2
chmod 755 "$tmp/sum.sh"

broker
context alice
context bob
weft -q ctx use alice
listen='data_listen = tcp://127.0.0.1:*'
agent_lines+=('data_floor = 0' 'data_encrypt = no')
fetcher() { agent "$1" "sum-$1@1:$tmp/sum.sh" "$listen"; }
stats() { weft-agent data stats --config "$tmp/$1/agent.conf"; }
listed() { weft-agent data ls --config "$tmp/$1/agent.conf" | grep -c "^$digest"; }
has_all() { weft data show set --json | grep -q "\"node\":\"$1\",[^}]*\"files\":2,"; }
spoil() { printf spoiled | dd of="$1" bs=1 seek=9000000 conv=notrunc 2> "$tmp/dd.log"; }

# -- a disk that loses bytes ------------------------------------------------------------

agent worn 'worn@1:cat' "$listen"
run weft data put "$tmp/set" --name set --to worn
digest=$(weft data show set --json --digests |
    sed 's/.*"path":"large","digest":"\([0-9a-f]*\).*/\1/')
spoil "$tmp/worn/state/blobs/objects/${digest:0:2}/$digest"
fetcher one
id=$(weft submit sum-one --input file=set/large)
await "the damage to be seen" has "$tmp/worn.log" event=blob-damaged
ok "a holder notices what its disk did" has "$tmp/worn.log" "event=blob-damaged blob=$digest"
like "$(stats worn)" '^damaged 1' "and counts it"
# All but the chunk that was spoiled.
rest() { weft data show set --json | grep -q '"node":"one","site":"local","bytes":17934464,'; }
await "the rest to arrive" rest
ok "a job that needs it waits for another" job_is "$id" ASSIGNED
ok "the holder does not pretend to have all of it" eval '! has_all worn'
run weft-agent data add "$tmp/set" --config "$tmp/worn/agent.conf"
is "$rc" 0 "it is given the file again"
run weft job wait "$id" --timeout 30s
is "$rc" 0 "and the job goes on"
is "$(weft job result "$id")" "$sum" "with the right bytes"
stop one

# -- a node that lies -------------------------------------------------------------------

join liar 'liar@1:cat' "$listen"
LD_PRELOAD=$build/tests/e2e/liar.so agent_run liar
run weft data stage set --to liar
is "$rc" 0 "what will lie has all of it"
stop worn
fetcher two
id=$(weft submit sum-two --input file=set/large)
corrupt() { weft -C op events --json | grep -q '"kind":"corrupt-data"'; }
await "the lie to be seen" corrupt
like "$(weft -C op events | grep corrupt-data)" 'liar' "an operator reads who gave wrong bytes"
is "$(stats two | sed -n 's/^whole //p')" 0 "none of them is kept"
ok "a job that needs it waits for another" job_is "$id" ASSIGNED
agent_run worn 2
run weft job wait "$id" --timeout 30s
is "$rc" 0 "who has the right ones is asked"
is "$(weft job result "$id")" "$sum" "and gives them"
stop liar
join liar2 'liar2@1:cat'
LD_PRELOAD=$build/tests/e2e/liar.so agent_run liar2
run weft data stage set --to liar2
stop worn
stop two
fetcher three
id=$(weft submit sum-three --input file=set/large)
corrupt2() { weft -C op events | grep corrupt-data | grep -q liar2; }
await "the lie to be seen" corrupt2
report 0 "through the broker it is seen, too"
agent_run worn 3
run weft job wait "$id" --timeout 30s
is "$(weft job result "$id")" "$sum" "and another gives the right ones"
stop liar2
stop three
stop worn

# -- a file in place that changes -------------------------------------------------------

for name in first second; do
    cp -r "$tmp/set" "$tmp/$name-set"
    agent $name "$name@1:cat" "$listen"
    weft-agent data add "$tmp/$name-set" --in-place --config "$tmp/$name/agent.conf" > "$tmp/added"
    await "$name to be known" has_all $name
done
spoil "$tmp/first-set/large"
rm "$tmp/second-set/small"
fetcher four
run weft run sum-four --input file=set/large
is "$out" "$sum" "one of two has a file in place that changed: the other is asked"
run weft data stage set --to four
is "$rc" 0 "where one lacks the other has"
changed() { ! has_all first; }
run weft-agent data scrub --config "$tmp/first/agent.conf"
await "it to be known" changed
like "$(stats first)" '^withdrawn 1' "what changed is withdrawn"
is "$(listed first)" 0 "and not offered any more"
is "$(tail -c +9000001 "$tmp/first-set/large" | head -c 7)" spoiled "the file is left alone"

# -- clients that ask -------------------------------------------------------------------

key=$(weft status --json | value key)
bulk=$(sed -n 's/.*event=ready .* bulk=tcp:[^ ]*:\([0-9]*\) .*/\1/p' "$tmp/broker.log" | tail -n 1)
small=$(weft data show set --json --digests |
    sed 's/.*"path":"small","digest":"\([0-9a-f]*\).*/\1/')
ask() {
    local who=$1
    shift
    run asker "$WEFT_HOME/contexts/$who/key" "$key" "tcp://127.0.0.1:$port" "$digest" \
        18000000 "$@"
}
ask alice locate direct get 0
is "$(sed 's/ [0-9]*$//' <<< "$out")" 'located 0
got' "who may is told who has a blob, and is given it"
ask alice locate relay "$bulk" get 274
like "$out" '^got$' "also through the broker"
ask bob locate
is "$out" 'located 13 0' "who may not is told of nobody"
like "$(weft -C op events | tail -n 1)" 'fetch-denied	bob' "and an operator reads of it"
ask alice locate as "$WEFT_HOME/contexts/bob/key" direct closed
like "$out" '^closed$' "a ticket of another's is no way in"
ask alice locate as "$WEFT_HOME/contexts/bob/key" relay "$bulk" get 0
like "$out" '^refused EPERM$' "nor through the broker"
for way in direct "relay $bulk"; do
    ask alice locate about "$small" $way get 0
    like "$out" '^refused EPERM$' "a ticket is for its blobs alone (${way% *})"
    ask alice locate made-up $way get 0
    like "$out" '^refused EPERM$' "one made up is for none (${way% *})"
    ask alice locate $way get 275
    like "$out" '^refused ' "there are no chunks beyond the last (${way% *})"
    ask alice locate $way get 0 want 0 275 want 0 275 want 0 100 answers 650
    like "$out" '^chunks [0-9]+ refused [0-9]+ EBUSY$' \
        "more at once than is allowed is refused (${way% *})"
done
run weft data get set/small -o -
is "$out" small "who waits for his turn is served"
finish
