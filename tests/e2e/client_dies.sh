#!/bin/bash
# kill -9 of a client: its jobs go on, and their results are fetched by id by another
# process of the same context.
. "$(dirname "$0")/lib.sh"

jobs=40
cat > "$tmp/handler.sh" << END
#!/bin/sh
until [ -e $tmp/go ]; do
    sleep 0.05
done
echo "\$WEFT_JOB_ID \$WEFT_ATTEMPT"
END
chmod 755 "$tmp/handler.sh"

broker
context alice
context bob
weft -q ctx use alice
agent one "held@1:$tmp/handler.sh" '    slots = 16'

start client driver abandon $jobs held
await "all to be accepted" has "$tmp/client.log" "^accepted $jobs$"
stop client KILL
sed -n 's/^id //p' "$tmp/client.log" > "$tmp/ids"
is "$(sort -u "$tmp/ids" | wc -l)" $jobs "as many ids as jobs"
id=$(head -n 1 "$tmp/ids")
await "the client to be gone" bash -c '[ "$(weft status --json | grep -c "\"clients\":1,")" = 1 ]'
is "$(weft jobs --json --max 0 | grep -o '"id":' | wc -l)" $jobs "the broker still has them"
ok "none is over" test "$(counter ok)" = 0

driver fetch < "$tmp/ids" > "$tmp/fetch.log" 2>&1 &
pid[fetch]=$!
await "the watching" bash -c '[ "$(weft status --json | grep -c "\"clients\":2,")" = 1 ]'
touch "$tmp/go"
wait "${pid[fetch]}"
is $? 0 "another process waits for them by id"
unset 'pid[fetch]'
like "$(cat "$tmp/fetch.log")" "^fetched=$jobs ok=$jobs$" "and gets each result"
is "$(driver fetch < "$tmp/ids")" "fetched=$jobs ok=$jobs" "and again, from what is kept"
run weft job result "$id"
is "$out" "$id 1" "the program fetches one, too"
run weft -C bob job result "$id"
is "$rc" 5 "to another client it does not exist"
run weft -C op job result "$id"
is "$rc" 0 "to an operator it does"
is "$(counter ok)" $jobs "each ran once"
is "$(counter superseded)" 0 "and none twice"
finish
