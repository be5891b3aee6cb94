#!/bin/sh
# The harness itself: that it runs, prints what was agreed, and says what it does not know.
# Usage: test_bench.sh BENCH_ECHO
set -u
bench=$1
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d) || exit 99
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

for system in relay relay-curve; do
    TMPDIR=$tmp "$bench" "$system" --window 8 --seconds 0.2 >"$tmp/row" 2>"$tmp/err"
    ok $? "$system runs: $(cat "$tmp/err")"
    grep -qE "^\{\"bench\":\"echo\",\"system\":\"$system\",\"window\":8,\"per_s\":[1-9][0-9]*,\"p50_us\":[0-9.]+,\"p99_us\":[0-9.]+\}$" "$tmp/row"
    ok $? "$system prints one JSON object: $(cat "$tmp/row")"
done

test -z "$(ls -d "$tmp"/weft-bench-* 2>/dev/null)"
ok $? "no scratch folder is left behind"

"$bench" nonesuch 2>"$tmp/err"
test $? -eq 2 && grep -q "relay-curve" "$tmp/err"
ok $? "an unknown system is refused with the list of those there are"

"$here/../../scripts/bench" nonesuch 2>"$tmp/err"
test $? -eq 2 && grep -q "echo" "$tmp/err"
ok $? "an unknown benchmark is refused with the list of those there are"

cat >"$tmp/rows" <<ROWS
{"bench":"echo","system":"nats-lib","window":1,"per_s":10,"p50_us":9.0,"p99_us":10.0}
{"bench":"echo","system":"nats-bare","window":1,"per_s":30,"p50_us":3.0,"p99_us":4.0}
{"bench":"echo","system":"nats-bare","window":1,"per_s":20,"p50_us":5.0,"p99_us":6.0}
{"bench":"echo","system":"nats-bare","window":1,"per_s":90,"p50_us":1.0,"p99_us":2.0}
ROWS
python3 "$here/table.py" --json "$tmp/rows" >"$tmp/out"
test "$(cat "$tmp/out")" = '{"bench":"echo","system":"nats","window":1,"per_s":30,"p50_us":3.0,"p99_us":4.0}'
ok $? "the table takes the median of the rounds and the better client: $(cat "$tmp/out")"
echo "1..$n"
