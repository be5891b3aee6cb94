#!/bin/bash
# Names of datasets travel between brokers: listed, found by one rule, gone when they are
# removed.  A line of three sites: a and c know each other only through m.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sites.sh"

site a
site m
site c
linked a m
linked c m
at_site a agent store "near@1:/bin/sh -c 'cd \$WEFT_INPUT_X && sha256sum \$(find * -type f | sort)'"
at_site c agent far 'slots = 2' "cat@1:/bin/sh -c 'cat \$WEFT_INPUT_X'" \
    "sums@1:/bin/sh -c 'cd \$WEFT_INPUT_X && sha256sum \$(find * -type f | sort)'"

names() { weft -C "$1" data ls --all --names | sort | tr '\n' ' '; }
named() { [ "$(names "$1")" = "$2" ]; }

mkdir -p "$tmp/tree/sub"
head -c 200000 /dev/urandom > "$tmp/tree/sub/one"
head -c 1000 /dev/urandom > "$tmp/tree/two"
run weft -C a data put "$tmp/tree" --name tree --label public=yes
is "$rc" 0 "a dataset of a"
await "c to hear of it" named c "tree@1 "
like "$(weft -C c data ls)" '^tree@1	2	196 KiB	.*	a, .* ago$' "with its home and its age"
like "$(weft -C c data ls --json)" '"home":"a","site":"a"' "also for programs"

run weft -C a data put "$tmp/tree/two" --name closed
is "$rc" 0 "one that is a's alone"
await "its name at c" named c "closed@1 tree@1 "

# What is behind the name comes from its home, through m: to clients, and to jobs at c.
sums=$(cd "$tmp/tree" && sha256sum $(find * -type f | sort))
run weft -C c data show tree
is "$rc" 0 "c shows its files"
like "$out" 'sub/one' "as its home lists them"
run weft -C c data get tree -o "$tmp/got"
is "$rc" 0 "a client of c gets it"
ok "byte by byte" diff -r "$tmp/tree" "$tmp/got"
run weft -C c run sums --input x=tree
is "$rc" 0 "a job of c at c reads it"
is "$out" "$sums" "all of it"
weft -C c run cat --input x=tree/sub/one > "$tmp/one" 2> "$tmp/one.err"
is "$?" 0 "or one file"
ok "byte by byte" cmp "$tmp/one" "$tmp/tree/sub/one"
run weft -C c run near --input x=tree
is "$rc" 0 "a job that has to go where the data is finds it there"
is "$out" "$sums" "all of it"
run weft -C c data get closed -o "$tmp/no"
is "$rc" 4 "what is not public is nobody's but its owner's"
like "$err" 'EPERM.* of broker a' "an operator, who sees it, is told where it is"
run weft -C c data show closed
like "$rc $err" '^4 .*EPERM.* of broker a' "also when he wants it shown"
run weft -C c run cat --input x=closed/two
like "$rc $err" '^4 .*EPERM.* of broker a' "or makes it a job's input"
run weft -C c data show nothing
like "$rc $err" '^5 .*ENOENT' "what there is not is not there"
is "$(names c)" "closed@1 tree@1 " "lists show each once"
run weft -C c data rm tree
is "$rc" 4 "it is not removed from here"
like "$err" 'EPERM.*at home at the broker a .tcp:.*: ask there' "but where it is at home"

# The same name at both ends: what was made first has it, at every broker.
run weft -C c data put "$tmp/tree/two" --name tree --label public=yes
is "$rc" 0 "c makes one of the same name later"
digits() { weft -C "$1" status --json | sed -n 's/.*"key":"\([0-9a-f]\{8\}\).*/\1/p'; }
await "a to call it by its home" named a "closed@1 tree.$(digits c)@1 tree@1 "
await "m to call it so, too" named m "closed@1 tree.$(digits c)@1 tree@1 "
ok "and c itself" named c "closed@1 tree.$(digits c)@1 tree@1 "

# The list that a job refers to survives.
stop c
site_again c
run weft -C c run sums --input x=tree
is "$out" "$sums" "an input of another broker is one after a restart, too"

# What is removed while a site is cut off is gone when it is back.
stop m
run weft -C a data rm closed
is "$rc" 0 "it is removed while nobody hears of it"
ok "c still knows of it" named c "closed@1 tree.$(digits c)@1 tree@1 "
site_again m
await "c to hear that it is gone" named c "tree.$(digits c)@1 tree@1 "
stop a
site_again a
await "a to know after its start" named a "tree.$(digits c)@1 tree@1 "
run weft -C a data rm tree
is "$rc" 0 "the first one goes"
await "the name to be c's" named a "tree@1 "
await "everywhere" named c "tree@1 "
finish
