#!/bin/bash
# A store that is damaged, old or too new: the broker does not start with it, says what to
# do, and does what is told with --repair.
. "$(dirname "$0")/lib.sh"

db=$tmp/broker/weft.db
sick() { run timeout 20 weft-broker --config "$tmp/broker.conf" "$@"; }
# sql STATEMENT...: on the closed store.
sql() {
    python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.executescript(sys.argv[2])
db.close()' "$db" "$1"
}

broker
context alice
weft -q ctx use alice
agent one 'hash@1:sha256sum'
for n in 1 2 3; do
    run weft run hash --data abc --id 00112233445566778899aabbccddee0$n
done
is "$rc" 0 "jobs are done"
cp "$db" "$tmp/young"
cp "$db-wal" "$tmp/young-wal"

# -- damage -----------------------------------------------------------------------------

stop broker
sql "UPDATE outcomes SET value = value || x'00' WHERE key = (SELECT min(key) FROM outcomes)"
sick
is "$rc" 1 "a damaged store is refused"
like "$err" "error ESTORAGE: .*$db is damaged: 1 rows have a wrong checksum" "with the count"
like "$err" "next: .*weft-broker --config $tmp/broker.conf --repair" "and what to do"
again broker weft-broker --config "$tmp/broker.conf" --repair
await "the broker" has "$tmp/broker.log" event=ready 2
like "$(cat "$tmp/broker.log")" \
    'event=repair text="job 00112233445566778899aabbccddee01 is put aside: damaged' \
    "--repair names the job that it puts aside"
run weft job show 00112233445566778899aabbccddee01
ok "which is not there then" [ "$rc" -ne 0 ]
run weft job show 00112233445566778899aabbccddee02
is "$rc" 0 "the others are"
await "the agent to be back" node_is one up
run weft run hash --data abc
is "$rc" 0 "and it works"
stop broker
broker_again 3
is "$(grep -c event=ready "$tmp/broker.log")" 3 "the next start needs no repair"

# -- an old copy ------------------------------------------------------------------------

stop broker KILL
mv "$tmp/young" "$db"
mv "$tmp/young-wal" "$db-wal"
sick
is "$rc" 1 "an old copy is refused"
like "$err" "ESTORAGE.* lost durable records" "with the reason"
like "$err" 'next: .*--repair' "and what to do"
again broker weft-broker --config "$tmp/broker.conf" --repair
await "the broker" has "$tmp/broker.log" event=ready 4
like "$(cat "$tmp/broker.log")" 'event=repair text="records after .* are lost' \
    "--repair accepts the loss"
await "the agent to be back" node_is one up
run weft run hash --data abc
is "$rc" 0 "and it works"

# -- a newer one ------------------------------------------------------------------------

stop broker
sql 'PRAGMA user_version=5'
sick
is "$rc" 1 "a newer store is refused"
like "$err" 'error EVERSION: .*newer weft-broker' "with the reason"
sick --repair
is "$rc" 1 "--repair does not touch it"
sql 'PRAGMA user_version=4'
broker_again 5
await "the agent to be back" node_is one up
run weft run hash --data abc
is "$rc" 0 "it is as it was"
finish
