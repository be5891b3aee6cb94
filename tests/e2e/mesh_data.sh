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
finish
