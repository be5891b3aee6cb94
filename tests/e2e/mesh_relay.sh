#!/bin/bash
# Data crosses sites whose agents cannot reach each other: from broker to broker.  Two
# sites that only dial out, a and c, have m between them; no agent listens.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sites.sh"

site a
site m
site c
bulk=$(sed -n 's/.*event=ready.* bulk=tcp:[^ ]*:\([0-9]*\) .*/\1/p' "$tmp/m.log")
link "${site_port[m]}" "$bulk"
linked a m
linked c m 127.0.0.2
at_site a agent store
at_site c agent far 'slots = 2' 'hash@1:sha256sum' 'zeros@1:head -c 300000 /dev/zero' \
    "cat@1:/bin/sh -c 'cat \$WEFT_INPUT_X'" \
    "sums@1:/bin/sh -c 'cd \$WEFT_INPUT_X && sha256sum \$(find * -type f | sort)'"
can() { weft -C "$1" run "$2" --data x > /dev/null; }
await "a to know what c offers" can a hash

head -c 9000000 /dev/urandom > "$tmp/big"
sum=$(sha256sum < "$tmp/big")
run weft -C a run hash "$tmp/big"
is "$rc" 0 "a payload goes to an agent two brokers away"
is "$out" "$sum" "whole"
weft -C a run zeros > "$tmp/zeros" 2> "$tmp/zeros.err"
is "$?" 0 "and a large result comes back"
is "$(wc -c < "$tmp/zeros")" 300000 "whole"
run weft -C a data put "$tmp/big" --name set
is "$rc" 0 "a dataset of a"
weft -C a run cat --input x=set/big > "$tmp/copy" 2> "$tmp/copy.err"
is "$?" 0 "is an input at c"
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
run weft -C c data put "$tmp/other" --name tree
is "$rc" 0 "the other site has one of the same name, with one of its files"
run weft -C a run sums --input x=tree
is "$out" "$(cd "$tmp/dir" && sha256sum $(find * -type f | sort))" "it is an input there"
run weft -C a run sums --input x=tree/sub
is "$out" "$(cd "$tmp/dir/sub" && sha256sum *)" "and so is a folder of it"

# A cut in the middle of a transfer: it goes on where it was.
head -c 60000000 /dev/urandom > "$tmp/huge"
link_passed
before=$passed
weft -C a run hash "$tmp/huge" > "$tmp/huge.out" 2> "$tmp/huge.err" < /dev/null &
job=$!
on_its_way() {
    link_passed
    [ $((passed - before)) -gt "$1" ]
}
await "a third of it to pass" on_its_way 20000000
link_signal USR1
await "the link to be cut" has "$tmp/m.log" "event=agent-lost node=c"
link_signal USR2
wait $job
is "$?" 0 "a transfer survives a cut of the link"
is "$(cat "$tmp/huge.out")" "$(sha256sum < "$tmp/huge")" "whole"
link_passed
ok "little is sent twice" test $((passed - before)) -lt 80000000
note "$((passed - before)) bytes crossed the link for 60000000"
finish
