#!/bin/bash
# What keeps programs from starting: each says what is wrong, where, and what to do.
. "$(dirname "$0")/lib.sh"

mkdir -m 700 "$tmp/s"
# conf LINE...: a broker's configuration that is right but for these lines.
conf() { printf '%s\n' 'name = hq' 'listen = "tcp://127.0.0.1:*"' "state = $tmp/s" "$@" > "$tmp/c"; }
broker_says() { run timeout 10 weft-broker --config "$tmp/c"; }

# -- a broker's configuration -----------------------------------------------------------

conf 'colour = red'
broker_says
is "$rc" 2 "an unknown key"
like "$err" "$tmp/c: line 4: .*colour" "is named with its line"
like "$err" '^  next: ' "with a next step"
conf '' 'heartbeat = soon'
broker_says
is "$rc" 2 "a value of the wrong kind"
like "$err" 'line 5: .*heartbeat' "is named with its line"
conf 'max_payload = 3M'
broker_says
is "$rc" 2 "a value over its range"
like "$err" 'line 4: .*max_payload.*1M' "is named with its line and the range"
conf 'this is no setting'
broker_says
is "$rc" 2 "a line that is no setting"
like "$err" 'line 4' "is named"
conf 'lease = 1s'
broker_says
is "$rc" 2 "values that do not go together"
like "$err" 'lease must be at least twice heartbeat' "are explained"
conf 'listen = "tcp://nonsense"'
broker_says
is "$rc" 2 "an address that is none"
like "$err" 'nonsense' "is named"
head -c 300 /dev/urandom > "$tmp/c"
broker_says
is "$rc" 2 "a file of random bytes is refused"
run weft-broker --config "$tmp/none"
is "$rc" 2 "a file that is not there"
like "$err" "$tmp/none" "is named"
run weft-broker
is "$rc" 2 "a broker without a configuration asks for it"
run weft-broker --config "$tmp/c" --frobnicate
is "$rc" 2 "an unknown option is refused"
conf
run weft-broker check --config "$tmp/c"
is "$rc" 0 "check says that a file is good"
is "$(ls -A "$tmp/s")" "" "and starts nothing"

# -- a broker's surroundings ------------------------------------------------------------

broker
printf '%s\n' "listen = \"tcp://127.0.0.1:$port\"" "state = $tmp/s" > "$tmp/c"
broker_says
is "$rc" 2 "a port in use"
like "$err" "127.0.0.1:$port.*[Aa]ddress already in use" "is named with its address"
like "$err" 'next: stop what uses that address' "with a next step"
conf
sed -i "s|^state.*|state = $tmp/broker|" "$tmp/c"
broker_says
is "$rc" 1 "a second broker on the same folder"
like "$err" "in use by process ${pid[broker]}" "is told who holds it"
ok "the first goes on" weft status
conf
sed -i "s|^state.*|state = /dev/null/x|" "$tmp/c"
broker_says
is "$rc" 1 "a folder that cannot be made"
like "$err" 'cannot make folder /dev/null' "is named"
stop broker

chmod 644 "$tmp/broker/broker.key"
run timeout 10 weft-broker --config "$tmp/broker.conf"
is "$rc" 1 "a key that others may read"
like "$err" '^weft-broker: error EKEY: .*broker.key' "is not used"
like "$err" 'next: chmod 600' "and the next step is to close it"
chmod 600 "$tmp/broker/broker.key"
mv "$tmp/broker/broker.key" "$tmp/key"
echo junk > "$tmp/broker/broker.key"
chmod 600 "$tmp/broker/broker.key"
run timeout 10 weft-broker --config "$tmp/broker.conf"
is "$rc" 1 "a damaged key"
like "$err" 'error EKEY: .*broker.key' "is not used, nor replaced"
is "$(cat "$tmp/broker/broker.key")" junk "and left as it is"
if [ "$(id -u)" -ne 0 ]; then
    chmod 000 "$tmp/broker/broker.key"
    run timeout 10 weft-broker --config "$tmp/broker.conf"
    is "$rc" 1 "a key that cannot be read"
    chmod 600 "$tmp/broker/broker.key"
fi
mv "$tmp/key" "$tmp/broker/broker.key"
echo junk > "$tmp/broker/weft.db"
run timeout 10 weft-broker --config "$tmp/broker.conf"
is "$rc" 1 "a store that is no database"
like "$err" 'weft.db' "is named"

# -- an agent ---------------------------------------------------------------------------

rm -rf "$tmp/broker" "$WEFT_HOME" "$tmp/broker.log"
port=
broker
agent one 'hash@1:sha256sum'
stop one
conf=$tmp/one/agent.conf
cp "$conf" "$tmp/good"

# agent_says LINE...: with these lines at the end.
agent_says() {
    { cat "$tmp/good" && printf '%s\n' "$@"; } > "$conf"
    run timeout 10 weft-agent --config "$conf"
}
last=$(wc -l < "$tmp/good")
agent_says '    colour = red'
is "$rc" 2 "an agent's unknown key"
like "$err" "agent.conf: line $((last + 1)): .*colour" "is named with its line"
agent_says '    wall = soon'
is "$rc" 2 "a value of the wrong kind"
like "$err" "line $((last + 1)): .*wall" "is named with its line"
agent_says capability '    name = x@1' '    command = "/no/such/program"'
is "$rc" 2 "a program that is not there"
like "$err" "line $((last + 3)): .*/no/such/program" "is named with its line"
agent_says capability '    name = "Not A Name"' '    command = "/bin/true"'
is "$rc" 2 "a capability's bad name"
like "$err" "line $((last + 2)): " "is named with its line"
cp "$tmp/good" "$conf"

chmod 644 "$tmp/one/state/key"
run timeout 10 weft-agent --config "$conf"
is "$rc" 4 "an agent's key that others may read"
like "$err" '^error EKEY: .*state/key' "is not used"
like "$err" 'next: chmod 600' "and the next step is to close it"
chmod 600 "$tmp/one/state/key"
sed -i 's/^endpoint.*/endpoint = "nonsense"/' "$tmp/one/state/identity"
run timeout 10 weft-agent --config "$conf"
is "$rc" 2 "a damaged identity is refused"

# -- a client ---------------------------------------------------------------------------

chmod 644 "$WEFT_HOME/contexts/op/key"
run weft status
is "$rc" 4 "a client's key that others may read"
like "$err" '^error EKEY: .*contexts/op/key' "is not used"
like "$err" 'next: chmod 600' "and the next step is to close it"
chmod 600 "$WEFT_HOME/contexts/op/key"
run weft -C nobody status
is "$rc" 5 "a context that is not there"
run weft status
is "$rc" 0 "after all that the broker is well"
finish
