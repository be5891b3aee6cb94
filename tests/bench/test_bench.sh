#!/bin/sh
# The harness itself: that it runs, prints what was agreed, and says what it does not know.
# Usage: test_bench.sh BENCH_ECHO BENCH_DURABLE BENCH_DATA
#
# The scratch folder is beside the programs, so that durable systems write where a build
# does, which mostly is a disk.
set -u
bench=$1
durable=$2
data=$3
built=$(cd "$(dirname "$durable")" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d "$built/test-XXXXXX") || exit 99
# Root's PostgreSQL runs as another user, who must get through to the folder of its data.
chmod 711 "$tmp"
PATH=$built/../../broker:$built/../../agent:$built/../../agent/runner:$PATH
trap 'rm -rf "$tmp"' EXIT
n=0

ok() {
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
    fi
}

# runs PROGRAM BENCH SYSTEM: what is not installed here is skipped.
runs() {
    TMPDIR=$tmp "$1" "$3" --window 8 --seconds 0.2 >"$tmp/row" 2>"$tmp/err"
    rc=$?
    if [ $rc -eq 77 ]; then
        n=$((n + 1))
        echo "ok $n - $2 $3 # SKIP $(tail -n 1 "$tmp/err")"
        return
    fi
    ok $rc "$2 $3 runs: $(tail -n 1 "$tmp/err")"
    grep -qE "^\{\"bench\":\"$2\",\"system\":\"$3\",\"window\":8,\"per_s\":[1-9][0-9]*,\"p50_us\":[0-9.]+,\"p99_us\":[0-9.]+\}$" "$tmp/row"
    ok $? "$2 $3 prints one JSON object: $(tail -n 1 "$tmp/row")"
}

# moves SYSTEM ROW...: the system of bench-data prints these rows, with these figures.
moves() {
    system=$1
    shift
    TMPDIR=$tmp "$data" "$system" --mib 4 --seconds 0.1 >"$tmp/row" 2>"$tmp/err"
    rc=$?
    if [ $rc -eq 77 ]; then
        n=$((n + 1))
        echo "ok $n - data $system # SKIP $(tail -n 1 "$tmp/err")"
        return
    fi
    ok $rc "data $system runs: $(tail -n 1 "$tmp/err")"
    for row in "$@"; do
        grep -qE "^\{\"bench\":\"data\",\"system\":\"${row%%:*}\"(,\"[a-z0-9_]+\":[0-9.]+)*\}$" "$tmp/row" &&
            grep -qE "\"${row%%:*}\".*\"${row#*:}\":[0-9.]*[1-9]" "$tmp/row"
        ok $? "data $system prints ${row#*:} of ${row%%:*}: $(tr '\n' ' ' <"$tmp/row")"
    done
}

for system in relay relay-curve; do
    runs "$bench" echo "$system"
done
for system in weft weft-fast raw raw-rewrite beanstalkd jetstream postgres-each postgres-batch; do
    runs "$durable" durable "$system"
done

for system in raw-curve tcp weft-direct weft-relay; do
    moves $system $system:mb_per_s
done
moves ping ping-idle:p99_us ping-bulk:p99_us
moves small-files small-files:per_s

test -z "$(ls -d "$tmp"/weft-bench-* 2>/dev/null)"
ok $? "no scratch folder is left behind"

"$bench" nonesuch 2>"$tmp/err"
test $? -eq 2 && grep -q "relay-curve" "$tmp/err"
ok $? "an unknown system is refused with the list of those there are"

"$durable" nonesuch 2>"$tmp/err"
test $? -eq 2 && grep -q "beanstalkd" "$tmp/err"
ok $? "a durable benchmark refuses an unknown system, too"

"$here/../../scripts/bench" nonesuch 2>"$tmp/err"
test $? -eq 2 && grep -q "echo" "$tmp/err"
ok $? "an unknown benchmark is refused with the list of those there are"

"$here/../../scripts/bench" echo --quick 2>"$tmp/err"
test $? -eq 2 && grep -q "placement" "$tmp/err"
ok $? "an option of placement is refused for another benchmark"

python3 "$here/placement.py" "$built/../.." --data "$tmp" 2>"$tmp/err"
test $? -eq 2 && grep -q "planetlab490" "$tmp/err"
ok $? "a data folder without the measured matrix is refused"

cat >"$tmp/rows" <<ROWS
{"bench":"echo","system":"nats-lib","window":1,"per_s":10,"p50_us":9.0,"p99_us":10.0}
{"bench":"echo","system":"nats-bare","window":1,"per_s":30,"p50_us":3.0,"p99_us":4.0}
{"bench":"echo","system":"nats-bare","window":1,"per_s":20,"p50_us":5.0,"p99_us":6.0}
{"bench":"echo","system":"nats-bare","window":1,"per_s":90,"p50_us":1.0,"p99_us":2.0}
ROWS
python3 "$here/table.py" --json "$tmp/rows" >"$tmp/out"
test "$(cat "$tmp/out")" = '{"bench":"echo","system":"nats","window":1,"per_s":30,"p50_us":3.0,"p99_us":4.0}'
ok $? "the table takes the median of the rounds and the better client: $(cat "$tmp/out")"

cat >"$tmp/rows" <<ROWS
{"bench":"durable","system":"weft","window":256,"per_s":30,"p50_us":9.0,"p99_us":10.0}
{"bench":"durable","system":"raw","window":256,"per_s":40,"p50_us":9.0,"p99_us":10.0}
{"bench":"durable","system":"jetstream","window":256,"per_s":80,"p50_us":9.0,"p99_us":10.0}
{"bench":"durable","system":"postgres-each","window":256,"per_s":10,"p50_us":3.0,"p99_us":4.0}
{"bench":"durable","system":"postgres-batch","window":256,"per_s":20,"p50_us":1.0,"p99_us":2.0}
ROWS
python3 "$here/table.py" "$tmp/rows" >"$tmp/out"
grep -qE "^ *256  jetstream .* 2.00  \(acks before fsync\)$" "$tmp/out" &&
    grep -q "weft / raw at 256: 0.75" "$tmp/out" &&
    grep -q "weft / postgres at 256: 1.50" "$tmp/out"
ok $? "the table of durable submits has ratios to raw and says who acks early"

cat >"$tmp/rows" <<ROWS
{"bench":"data","system":"weft-direct","mb_per_s":300.0,"cpu_s_per_gb":4.0}
{"bench":"data","system":"raw-curve","mb_per_s":400.0,"cpu_s_per_gb":2.0}
{"bench":"data","system":"ping-idle","p50_us":100.0,"p99_us":200.0,"pings":10}
{"bench":"data","system":"ping-bulk","p50_us":100.0,"p99_us":500.0,"pings":10}
{"bench":"data","system":"raw-curve","mb_per_s":600.0,"cpu_s_per_gb":2.0}
{"bench":"data","system":"raw-curve","mb_per_s":500.0,"cpu_s_per_gb":2.0}
ROWS
python3 "$here/table.py" --json "$tmp/rows" >"$tmp/out"
test "$(head -n 1 "$tmp/out")" = '{"bench":"data","system":"raw-curve","mb_per_s":500.0,"cpu_s_per_gb":2.0}'
ok $? "the table of data takes the median of each figure: $(head -n 1 "$tmp/out")"
python3 "$here/table.py" "$tmp/rows" >"$tmp/out"
grep -q "^mb_per_s weft-direct / raw-curve: 0.75$" "$tmp/out" &&
    grep -q "^p99_us ping-bulk / ping-idle: 2.50$" "$tmp/out"
ok $? "the table of data has ratios to the raw connection and to idle pings"
echo "1..$n"
