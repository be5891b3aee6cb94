#!/bin/bash
# The first of two brokers is killed under load: what was under way is submitted again to the
# second, which waits until it has taken over.
. "$(dirname "$0")/site.sh"

start load driver persist 3000 describe
await "some outcomes" has "$tmp/load.log" '^ended' 4
stop north KILL
await "the end" ended "${pid[load]}"
wait "${pid[load]}"
is $? 0 "3000 jobs over a takeover"
unset 'pid[load]'
like "$(cat "$tmp/load.log")" '^outcomes=3000 ok=3000 twice=0 none=0 wrong=0$' "each once"
finish
