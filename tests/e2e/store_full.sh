#!/bin/bash
# A disk that runs full: nothing is accepted as durable then, what was stays, and it goes on
# without a restart when there is room again.
. "$(dirname "$0")/lib.sh"

# A disk of 8 MB that only the broker sees, and who looks through /proc.
mkdir "$tmp/disk"
for ns in -m -rm; do
    if unshare $ns mount -t tmpfs -o size=8m none "$tmp/disk" 2> /dev/null; then
        broker_by=(unshare "$ns" sh -c "mount -t tmpfs -o size=8m none $tmp/disk && exec \"\$@\"" sh)
        break
    fi
done
if [ ${#broker_by[@]} -eq 0 ]; then
    echo "1..0 # SKIP no small disk can be made here"
    finished=yes
    exit 0
fi

broker "store = $tmp/disk/weft.db"
context alice
weft -q ctx use alice
agent one 'hash@1:sha256sum'
disk=/proc/${pid[broker]}/root$tmp/disk

run weft run hash --data abc --id 00112233445566778899aabbccddee01
is "$rc" 0 "a job with room on the disk"
dd if=/dev/zero of="$disk/fill" bs=4k 2> /dev/null
head -c 40000 /dev/urandom | base64 -w 0 > "$tmp/payload"
refused() {
    run weft submit hash --data "@$tmp/payload"
    grep -q ESTORAGE <<< "$err"
}
await "the disk to be full" refused
ok "what cannot be stored is not accepted" [ "$rc" -ne 0 ]
like "$err" 'next: ' "with a next step"
like "$(cat "$tmp/broker.log")" 'area=store event=failed text=.*full' "the log has the reason"
run weft run hash --data abc --class fast
is "$rc" 0 "jobs of class fast go on"
like "$out" '^ba7816bf' "with their results"
run weft job show 00112233445566778899aabbccddee01
like "$out" 'OK' "what was stored can be seen"
run weft status
is "$rc" 0 "so can the status"

rm "$disk/fill"
accepted() { weft submit hash --data abc; }
within 5000 "it accepts durable jobs again when there is room" accepted
run weft run hash --data abc --id 00112233445566778899aabbccddee02
like "$out" '^ba7816bf' "and runs them"
is "$(grep -c event=ready "$tmp/broker.log")" 1 "without a restart"
finish
