#!/bin/bash
# Data follows work to another site: payloads and inputs of a job that was forwarded, and
# results that are too large for a message.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sites.sh"

site a
site b
linked a b
at_site a agent store 'data_listen = "tcp://127.0.0.1:*"'
at_site b agent far 'slots = 1' 'data_listen = "tcp://127.0.0.1:*"' 'hash@1:sha256sum' \
    'zeros@1:head -c 300000 /dev/zero' "cat@1:/bin/sh -c 'cat \$WEFT_INPUT_X'" \
    "sums@1:/bin/sh -c 'cd \$WEFT_INPUT_X && sha256sum \$(find * -type f | sort)'"
can() { weft -C "$1" run "$2" --data x > /dev/null; }
await "a to know what b offers" can a hash

head -c 400000 /dev/urandom > "$tmp/big"
sum=$(sha256sum < "$tmp/big")
run weft -C a run hash "$tmp/big"
is "$rc" 0 "a payload too large for a message goes where its job goes"
is "$out" "$sum" "whole"
weft -C a run zeros > "$tmp/zeros" 2> "$tmp/zeros.err"
is "$?" 0 "a result too large for a message comes home"
is "$(wc -c < "$tmp/zeros")" 300000 "whole"
run weft -C a data put "$tmp/big" --name set
is "$rc" 0 "a dataset of a"
weft -C a run cat --input x=set/big > "$tmp/copy" 2> "$tmp/copy.err"
is "$?" 0 "is an input at b"
is "$(sha256sum < "$tmp/copy")" "$sum" "byte by byte"

# A folder: its files are listed at home.  The other site has a dataset of the same name.
mkdir -p "$tmp/dir/sub" "$tmp/other"
for i in 1 2 3; do
    head -c 100000 /dev/urandom > "$tmp/dir/sub/$i"
    cp "$tmp/dir/sub/1" "$tmp/other/x"
done
head -c 100000 /dev/urandom > "$tmp/dir/top"
run weft -C a data put "$tmp/dir" --name tree
is "$rc" 0 "a dataset with folders"
run weft -C b data put "$tmp/other" --name tree
is "$rc" 0 "the other site has one of the same name, with one of its files"
run weft -C a run sums --input x=tree
is "$out" "$(cd "$tmp/dir" && sha256sum $(find * -type f | sort))" "it is an input there"
run weft -C a run sums --input x=tree/sub
is "$out" "$(cd "$tmp/dir/sub" && sha256sum *)" "and so is a folder of it"

# Both sites have the same large file; at a the agent that has it runs nothing, and the
# one that is idle beside it would have to fetch it.
at_site a agent near 'slots = 4' 'data_listen = "tcp://127.0.0.1:*"' 'hash@1:sha256sum'
head -c 30000000 /dev/urandom > "$tmp/large"
sum=$(sha256sum < "$tmp/large")
run weft -C a data put "$tmp/large" --name large --to store
is "$rc" 0 "a large file at a"
run weft -C b data put "$tmp/large" --name large
is "$rc" 0 "the same at b"
# goes_to_data NODE: the next such job would go there, where nothing is to be fetched.
goes_to_data() {
    weft -C a plan hash --input x=large --json > "$tmp/plan" 2> "$tmp/plan.err" &&
        python3 -c 'import json, sys
plan = json.load(open(sys.argv[1]))
bytes = {row["node"]: row["fetch_bytes"] for row in plan["candidates"]}
sys.exit(plan["node"] != sys.argv[2] or bytes[sys.argv[2]] != 0)' "$tmp/plan" "$1"
}
# runs_at NODE: such a job ends well, there.
runs_at() {
    run weft -C a submit hash --input x=large
    job=${out%%[[:space:]]*}
    run weft -C a job wait "$job"
    is "$rc" 0 "$2"
    run weft -C a why "$job"
    like "$out" "^>.$1.*chosen" "$3"
}
await "a to hear what b holds" goes_to_data b
runs_at b "a job goes to the data" "at the other site, though an idle agent is nearer"
like "$out" 'near.*data' "which would have had to fetch it"

# What b says is old for a while: the job goes there all the same, and gets its data.
run weft -C b data rm large
is "$rc" 0 "b drops it"
runs_at b "a job that follows what is so no more runs" "where that was"
finish
