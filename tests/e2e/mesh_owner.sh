#!/bin/bash
# What an owner does with his dataset from another site: bring it to nodes of either, pin
# it, remove it.  A line of three sites: a and c know each other only through m.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sites.sh"

site a
site m
site c
linked a m
linked c m
at_site a agent store
at_site c agent far 'slots = 2' "sum@1:/bin/sh -c 'sha256sum < \$WEFT_INPUT_X'"
at_site c agent other 'slots = 1'

# alice, a client of a; and as she is when she comes to c, which never enrolled her.
at_site a token "$tmp/alice.token" --role client --name alice
ok "a client of a" weft -q ctx add alice "$tmp/alice.token"
contexts=$WEFT_HOME/contexts
cp -r "$contexts/alice" "$contexts/guest"
sed -i "s/:${site_port[a]}/:${site_port[c]}/; s/^broker_key.*/$(grep '^broker_key' \
    "$contexts/c/context")/" "$contexts/guest/context"
rm -f "$contexts/guest/brokers"

head -c 3000000 /dev/urandom > "$tmp/file"
run weft -C alice data put "$tmp/file" --name own
is "$rc" 0 "her dataset is at a"
named() { weft -C guest data ls --names | grep -q "^$1@"; }
await "her to see it at c" named own

# Where it is: names of nodes, in order.
at() { weft -C "$1" data show "$2" --json | grep -o '"node":"[a-z]*"' | sort | tr -d '\n'; }
run weft -C guest data stage own --to far
is "$rc" 0 "she brings it to a node of c"
held() { [ -n "$(at guest own | grep "\"$1\"")" ]; }
await "c to know that it is there" held far
run weft -C guest data pin own --node far
is "$rc" 0 "and pins it there"
run weft -C guest data stage own --to store
is "$rc" 0 "to a node of a she brings it by way of a"
run weft -C guest data pin own --node store
is "$rc" 0 "where she pins it as well"
run weft -C alice data stage own --to other
is "$rc" 0 "and from a to one of c"
await "c to know that it is there" held other
run weft -C guest data pin own --node nobody
is "$rc" 5 "of a node that there is not she is told so"
run weft -C guest run sum --input x=own/file
is "$out" "$(sha256sum < "$tmp/file")" "a job of hers reads it there"

# More jobs at once than may wait for the list of their input.
run weft -C alice data put "$tmp/file" --name fresh
await "her to see it at c" named fresh
seq 200 > "$tmp/each"
run weft -C guest submit sum --each "$tmp/each" --input x=fresh/file
is "$rc" 0 "so are those that name what c has no list of yet"
is "$(wc -l <<< "$out")" 200 "all of them are accepted"

run weft -C c data rm own
unlike "$rc" '^0$' "an operator of c does not remove it"
run weft -C guest data rm own
is "$rc" 0 "she removes it, from c"
like "$err" 'own: removed at the broker a;' "and is told where that was done"
gone() { ! weft -C alice data ls --names | grep -q '^own@'; }
ok "a has it no more" gone
gone_there() { ! named own; }
await "c to hear of that" gone_there
finish
