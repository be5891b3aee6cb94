#!/bin/bash
# Urgent work pushes work of low priority aside: that is asked to end, killed when it does
# not, and done later without blame.
. "$(dirname "$0")/lib.sh"

broker 'heartbeat = 200ms' 'lease = 5s'
context me
ctl=$tmp/ctl
mkdir -m 777 "$ctl"
cat > "$tmp/held.sh" << END
#!/bin/sh
read what
trap 'echo "\$what \$WEFT_ATTEMPT" >> $ctl/asked; exit 1' TERM
until [ -e $ctl/\$what ]; do sleep 0.02; done
echo done
END
chmod 755 "$tmp/held.sh"

agent one 'slots = 1' "held@1:$tmp/held.sh" '    slots = 1' '    queue = 0'
low=$(weft -C me submit held --data low)
await "it runs" job_is "$low" RUNNING
same=$(weft -C me submit held --priority 6 --data same)
urgent=$(weft -C me submit held --priority 9 --data urgent)
await "the urgent one to run" job_is "$urgent" RUNNING
is "$(job_state "$low")" QUEUED "the other waits"
is "$(job_state "$same")" QUEUED "as does what is not urgent"
is "$(cat "$ctl/asked")" "low 1" "it was asked politely"
is "$(counter preempted)" 1 "that is counted"
like "$(weft -C me job show "$low")" 'made way for more urgent work' "and told"
touch "$ctl/urgent" "$ctl/same" "$ctl/low"
for id in "$urgent" "$same" "$low"; do
    run weft -C me job wait "$id" --timeout 20s
    is "$rc" 0 "all are done"
done
is "$(weft -C me job show "$low" --json | value attempt)" 2 "in the next attempt"
finish
