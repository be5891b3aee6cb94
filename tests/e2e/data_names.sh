#!/bin/bash
# Names that files of a dataset may have and that stand in the way of each other, or of what
# a get makes on its way; inputs that a handler would write to.
. "$(dirname "$0")/lib.sh"

broker
printf '#!/bin/sh\nfor f in "$WEFT_INPUT_IN" "$WEFT_INPUT_DIR"/*; do stat -Lc "%%a %%n" "$f"; done\n' \
    > "$tmp/modes"
chmod 755 "$tmp/modes"
agent one "data_cap = 1G" "data_encrypt = no" "modes@1:$tmp/modes"
context alice

# -- a folder, and files that begin with a dash -----------------------------------------

mkdir "$tmp/two" "$tmp/-dash"
echo one > "$tmp/two/one"
echo two > "$tmp/two/two"
echo dash > "$tmp/-dash/-f"
run weft -C alice data put "$tmp/two"
is "$rc" 2 "a folder of several files is no lone blob"
like "$err" 'EINVAL.*several files need the name of a dataset' "but needs a name"
is "$out" '' "and has no digest"
cd "$tmp" || exit
run weft -C op data add --name dash --config "$tmp/one/agent.conf" -- -dash
is "$rc" 0 "a folder may begin with a dash"
is "$(weft -C op data get dash/-f -o -)" dash "so may a file"

# -- what is not whole yet --------------------------------------------------------------

mkdir -p "$tmp/in/b.part"
head -c 5000000 /dev/urandom > "$tmp/in/a"
head -c 300000 /dev/urandom > "$tmp/in/a.part"
head -c 200000 /dev/urandom > "$tmp/in/a.part.part"
head -c 400000 /dev/urandom > "$tmp/in/b"
echo below > "$tmp/in/b.part/c"
cp "$tmp/in/a" "$tmp/in/z"
cp "$tmp/in/a.part" "$tmp/in/z.part"
head -c 200000 /dev/urandom > "$tmp/in/$(printf 'x%.0s' {1..255})"
run weft -C alice data put "$tmp/in" --name parts
is "$out" parts@1 "files that are called like parts of others are put"
for i in 1 2 3; do
    run weft -C alice data get parts -o "$tmp/out$i"
    is "$rc" 0 "and got"
    ok "each as it was" diff -r "$tmp/in" "$tmp/out$i"
done

# -- inputs -----------------------------------------------------------------------------

run weft -C alice run modes --input in=parts/a --input dir=parts
is "$rc" 0 "a job reads them"
unlike "$out" '^[0-7]*[2367][0-7]{0,2} ' "none of which is there to be written to"
finish
