#!/bin/bash
# Jobs read data as their inputs: fetched once for all of an agent's, where its residency
# allows it, and told while it comes.
. "$(dirname "$0")/lib.sh"

mkdir -p "$tmp/set/sub"
head -c 9000000 /dev/urandom > "$tmp/set/large"
echo one > "$tmp/set/sub/one"
: > "$tmp/set/empty"
sum=$(sha256sum < "$tmp/set/large")
tree=$(cd "$tmp/set" && find . | LC_ALL=C sort)

cat > "$tmp/look.sh" << 'END2'
#!/bin/sh
cd "$WEFT_INPUTS/set" && find . | LC_ALL=C sort
find . -type f ! -perm 444
cat "$WEFT_INPUTS/one"
END2
cat > "$tmp/sum.sh" << 'END2'
#!/bin/sh
cat "$WEFT_INPUTS/file" | sha256sum
END2
cat > "$tmp/make.sh" << 'END2'
#!/bin/sh
cat
cat "$WEFT_INPUTS/file"
END2
chmod 755 "$tmp"/*.sh

broker
link 0
context alice
weft -q ctx use alice
agent_lines=('stop_timeout = 2s' 'data_floor = 0')
agent home 'label = residency=eu' 'data_rate = 5M' "data_listen = tcp://127.0.0.1:$ports" \
    "data_advertise = tcp://127.0.0.2:$ports" "both@1:$tmp/sum.sh"
agent away "look@1:$tmp/look.sh" "sum@1:$tmp/sum.sh" '    slots = 4' \
    "make@1:$tmp/make.sh" '    output = 16M' "work@1:$worker" '    kind = worker' \
    "both@1:$tmp/sum.sh"

job_field() { weft job show "$1" --json | value "$2"; }
fetches() { [ "$(job_field "$1" fetch_done)" -gt 0 ]; }

# -- it comes once ----------------------------------------------------------------------

run weft data put "$tmp/set" --name set --to home
is "$out" set@1 "a dataset at a node"
first=$(weft submit sum --input file=set/large)
second=$(weft submit sum --input file=set/large)
await "the fetch" fetches "$first"
run weft job show "$first"
like "$out" '^data	fetching [0-9.]+% of 8\.6 MiB from home(, [0-9.]+ m?s left)?$' \
    "a job tells how far its data is, and from whom"
like "$out" '^input	file: set@1/large' "and what it reads"
for id in "$first" "$second"; do
    run weft job wait "$id"
    is "$(weft job result "$id")" "$sum" "a job elsewhere reads it"
done
link_passed
ok "for two jobs it came once" test "$passed" -gt 9000000 -a "$passed" -lt 9500000
moved=$(job_field "$first" fetched)
ok "which the first tells" test "$moved" -ge 9000000
like "$(weft job show "$first")" '^data moved	8\.6 MiB' "to people, too"
run weft run sum --input file=set/large --json
like "$out" '"fetched":0,' "and nothing is moved for one after them"

# -- as files ---------------------------------------------------------------------------

run weft run look --input set=set --input one=set/sub/one
is "$out" "$tree
one" "a folder with all its files, and one file alone, which nobody may write to"
run weft run work --data 'input set/sub/one' --input set=set
is "$out" one "a worker reads a folder"
run weft run work --data 'input one' --input one=set/sub/one
is "$out" one "and a file"
if grep -q 'sandbox bwrap' "$tmp/away.log"; then
    for what in 'set/large' 'set/sub/one'; do
        run weft run work --data "spoil $what" --input set=set
        is "$out" 'Read-only file system' "not even as its owner can it write to $what"
    done
fi
digest=$(weft data show set --json --digests |
    sed 's/.*"path":"large","digest":"\([0-9a-f]*\).*/\1/')
run weft run sum --input "file=$digest"
is "$out" "$sum" "a blob can be named by its digest"
echo newer > "$tmp/set/sub/one"
run weft data put "$tmp/set" --name set --to home
is "$out" set@2 "a second version"
run weft run work --data 'input one' --input one=set/sub/one
is "$out" newer "is what a name means now"
run weft run work --data 'input one' --input one=set@1/sub/one
is "$out" one "the first one is there, too"

# -- payloads and results ---------------------------------------------------------------

head -c 3000000 /dev/urandom > "$tmp/payload"
run weft run make "$tmp/payload" --input file=set/large -o "$tmp/result"
is "$rc" 0 "a large payload from a file, a large result to a file"
ok "whole" cmp <(cat "$tmp/payload" "$tmp/set/large") "$tmp/result"
id=$(weft submit make "$tmp/payload" --input file=set/large)
run weft job wait "$id"
weft job result "$id" > "$tmp/later"
ok "also when it is asked for later" cmp "$tmp/result" "$tmp/later"
weft run make --input file=set/large < "$tmp/payload" > "$tmp/piped"
ok "and from and to a pipe" cmp "$tmp/result" "$tmp/piped"

# -- limits change while it runs ---------------------------------------------------------

reloaded() { has "$tmp/away.log" event=reloaded "$1"; }
head -c 2000000 /dev/urandom > "$tmp/paid"
run weft data put "$tmp/paid" --name paid --to home
sed -i '1i data_day = 1' "$tmp/away/agent.conf"
kill -HUP "${pid[away]}"
await "the budget" reloaded 1
id=$(weft submit look --input one=paid/paid)
run weft job wait "$id" --timeout 2s
is "$rc" 7 "a budget for the day is in force after SIGHUP"
like "$(weft job show "$id")" '^data	fetching 0% of 1\.9 MiB' "the job waits for its data"
stands() { weft job show "$1" --json | grep -q "\"fetch_stands\":\"$2\""; }
await "the reason" stands "$id" day
like "$(weft job show "$id")" ", the day's bytes are used up until [0-9-]* ?[0-9]{2}:[0-9]{2}:[0-9]{2}" \
    "and says why, and until when"
sed -i 's/^data_day = 1$/data_day = 1G/' "$tmp/away/agent.conf"
kill -HUP "${pid[away]}"
await "the larger budget" reloaded 2
run weft job wait "$id"
is "$rc" 0 "and what waited goes on when it is raised"

# -- ahead of need ----------------------------------------------------------------------

pinned() { weft data show ahead --json | grep -q "\"node\":\"away\",[^}]*\"pinned\":$1"; }
head -c 6000000 /dev/urandom > "$tmp/ahead"
run weft data put "$tmp/ahead" --name ahead --to home
TERM=xterm script -qec "weft data stage ahead --to away --pin" /dev/null > "$tmp/tty" < /dev/null
is $? 0 "a dataset is brought to a node"
like "$(tr '\r' '\n' < "$tmp/tty")" '[0-9.]+ [KM]iB/5\.7 MiB' "with a bar on a terminal"
like "$(cat "$tmp/tty")" 'ahead: at 1 node: away, 5\.7 MiB moved' "and what it came to"
await "it to be pinned there" pinned 1
ok "pinned there" pinned 1
run weft data unpin ahead --node away
await "it not to be" pinned 0
ok "until it is not" pinned 0
run weft run sum --input file=ahead/ahead --json
like "$out" '"fetched":0,' "so that a job need not wait"
run weft data stage ahead --copies all --json
like "$out" '"moved":0,"nodes":2,' "what is there already is not moved"

# -- residency --------------------------------------------------------------------------

echo secret > "$tmp/secret"
run weft data put "$tmp/secret" --name secret --label residency=eu
is "$rc" 0 "a dataset for the nodes of one region"
where() { weft data show secret --json | grep -o '"node":"[a-z]*"'; }
is "$(where)" '"node":"home"' "is put at one of them"
for i in 1 2 3; do
    run weft run both --input file=secret/secret --json
    is "$(value node <<< "$out")" home "a job that reads it goes there"
done
id=$(weft submit both --input file=secret/secret --node away)
run weft why "$id"
like "$out" 'residency' "one that may go elsewhere alone waits, and why is told"
run weft job cancel "$id"
run weft data stage secret --to away
is "$rc" 1 "it is not brought elsewhere"
like "$err" 'ENOAGENT: .*residency' "for that reason"
run weft data stage secret --copies all
is "$rc" 0 "everywhere means everywhere that it may be"
run weft data put "$tmp/secret" --name secret2 --label residency=eu --to away
is "$rc" 1 "nor is it put there"
like "$err" 'ENOAGENT: .*residency' "for that reason"
is "$(where)" '"node":"home"' "it never left"
finish
