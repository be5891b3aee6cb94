#!/bin/bash
# Thousands of connections that say nothing: who is enrolled goes on, who comes gets in;
# also where the broker may open only few descriptors.
. "$(dirname "$0")/lib.sh"

# flood N: connect N times, and again for each that the broker cuts, until killed.
cat > "$tmp/flood.py" << 'END'
import resource, selectors, socket, sys
port, n = int(sys.argv[1]), int(sys.argv[2])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
sel, opened, cut = selectors.DefaultSelector(), 0, 0
def dial():
    global opened
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(("127.0.0.1", port))
    sel.register(s, selectors.EVENT_READ)
    opened += 1
for _ in range(n):
    dial()
print("opened", opened, flush=True)
while True:
    for key, _ in sel.select():
        try:
            data = key.fileobj.recv(64)
        except OSError:
            data = b""
        if not data: # a greeting does not count
            sel.unregister(key.fileobj)
            key.fileobj.close()
            cut += 1
            if cut % 100 == 0:
                print("cut", cut, flush=True)
            if cut <= 4 * n:
                dial()
END

# the_flood N DESCRIPTION: with it going on, all is well.
the_flood() {
    local most=$1 where=$2 had lost
    lost=$(grep -c event=disconnected "$tmp/one.log")
    start load driver load 4 mark
    await "the load" has "$tmp/load.log" '^ended 50$'
    start flood python3 "$tmp/flood.py" "$port" "$most"
    await "the flood" has "$tmp/flood.log" '^opened'
    await "the broker to cut some" has "$tmp/flood.log" '^cut'
    run weft status
    is "$rc" 0 "a client gets in $where"
    had=$(tail -n 1 "$tmp/load.log")
    await "more jobs" has "$tmp/load.log" "^ended $((${had#ended } + 500))$"
    context "new$most"
    run weft -C "new$most" run mark --data describe
    is "$rc" 0 "a new client enrols and its job is run $where"
    agent "three$most" "other@1:/bin/echo"
    run weft run other --node "three$most"
    is "$rc" 0 "a new agent joins and works $where"
    ok "what was cut is counted $where" test "$(counter cut_crowded)" -gt 0
    kill -TERM "${pid[load]}"
    wait "${pid[load]}"
    is $? 0 "every job has its outcome $where"
    unset 'pid[load]'
    stop flood KILL
    is "$(grep -c event=disconnected "$tmp/one.log")" "$lost" "no agent is lost $where"
}

broker
agent one "mark@1:$worker 8" '    kind = worker' '    concurrency = 8'
the_flood 2000 "in the flood"
ok "the broker goes on" kill -0 "${pid[broker]}"

stop broker
is "$rc" 0 "and ends in order"
broker_by=(prlimit --nofile=256:256)
broker_again
await "the agent" has "$tmp/one.log" event=connected 2
await "the agent to be up" node_is one up
the_flood 400 "with 256 descriptors"
ok "the broker goes on" kill -0 "${pid[broker]}"
await "the descriptors to be free again" \
    bash -c "[ \$(ls /proc/${pid[broker]}/fd | wc -l) -lt 100 ]"
finish
