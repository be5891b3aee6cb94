#!/bin/bash
# What cannot be had, and what nobody has room for: said at once, with a next step, and
# without a trace.
. "$(dirname "$0")/lib.sh"

mkdir "$tmp/set"
head -c 18000000 /dev/urandom > "$tmp/set/large"
echo one > "$tmp/set/one"

# A disk of 32 MB that only one agent sees, and who looks through /proc.
mkdir "$tmp/disk"
small=()
for ns in -m -rm; do
    if unshare $ns mount -t tmpfs -o size=32m none "$tmp/disk" 2> /dev/null; then
        small=(unshare "$ns" sh -c "mount -t tmpfs -o size=32m none $tmp/disk && exec \"\$@\"" sh)
        break
    fi
done

# For a lease after its start a broker waits for agents that may have what is asked for.
broker_lines+=('heartbeat = 200ms' 'lease = 1s')
broker
context alice
context bob
agent_lines+=('data_floor = 0')
agent home 'data_rate = 12M' 'hash@1:sha256sum'
agent tiny 'data_cap = 16M' 'tiny@1:sha256sum' 'eat@1:cat {input:video}'
agent none 'data_cap = 0' 'none@1:sha256sum'

run weft -C alice data put "$tmp/set" --name set --to home
is "$out" set@1 "a dataset"
digest=$(weft -C alice data show set --json --digests |
    sed 's/.*"path":"large","digest":"\([0-9a-f]*\).*/\1/')
ghost=00000000000000000000000000000000000000000000000000000000deadbeef

# refused CODE PATTERN DESCRIPTION COMMAND...
refused() {
    local code=$1 pattern=$2 what=$3
    shift 3
    run "$@"
    is "$rc" "$code" "$what"
    like "$err" "$pattern" "  with its reason"
    like "$err" '^  next: ' "  and a next step"
}

# -- names ------------------------------------------------------------------------------

job=(weft -C alice run hash --data x)
refused 5 'ENOENT: .*`other`: no such dataset' "an input of a dataset that is not there" \
    "${job[@]}" --input x=other
refused 5 'ENOENT: .*`set@2`: no such dataset' "a version that is not there" \
    "${job[@]}" --input x=set@2
refused 5 'ENOENT: .*`set/two`: the dataset has no such file' "a file that it has not" \
    "${job[@]}" --input x=set/two
refused 5 'ENOENT: .*no agent holds a blob 00000000' "a digest of nothing" \
    "${job[@]}" --input "x=$ghost"
refused 2 'EINVAL: ' "a path that climbs" "${job[@]}" --input x=set/../one
refused 2 'EINVAL: ' "a name of an input that climbs" "${job[@]}" --input ../x=set/one
refused 2 'EINVAL: .*two inputs have one name' "two inputs of one name" \
    "${job[@]}" --input x=set/one --input x=set/large
is "$(weft -C alice jobs --json | grep -c '"id"')" 0 "none of these is a job"
refused 20 'the command names an input that the job lacks: video' \
    "an input that the command names" weft -C alice run eat
like "$(weft -C alice jobs --json)" '"state":"FAILED".*"attempt":1,.*"code":"EINVAL"' "fails at once"
refused 5 'ENOENT: .*other: no such dataset' "a get of what is not there" \
    weft -C alice data get other -o "$tmp/got"
refused 5 'ENOENT: .*set/two' "of a file that is not there" \
    weft -C alice data get set/two -o "$tmp/got"
refused 5 "ENOENT: .*$ghost: no node" "of a digest of nothing" \
    weft -C alice data get "$ghost" -o "$tmp/got"
ok "nothing is written for them" test ! -e "$tmp/got" -a ! -e "$tmp/got.part"
refused 1 'EEXIST: .*newest version is 1' "a name that must be new" \
    weft -C alice data put "$tmp/set" --name set --new
refused 2 'EINVAL: .*`a b`' "a name that is none" \
    weft -C alice data put "$tmp/set" --name 'a b'
refused 5 'ENOENT: .*No such file' "a path that is not there" \
    weft -C alice data put "$tmp/gone" --name gone
for what in stage pin unpin rm; do
    refused 5 'ENOENT: .*other: no such dataset' "$what of what is not there" \
        weft -C alice data $what other
done
refused 5 'ENOENT: ' "to a node that is not there" \
    weft -C alice data stage set --to nobody

# -- somebody else's --------------------------------------------------------------------

is "$(weft -C bob data ls --names)" "" "others do not see it"
refused 5 'ENOENT: ' "nor by its name" weft -C bob data show set
refused 5 'ENOENT: .*set: no such dataset' "they cannot get it" \
    weft -C bob data get set -o "$tmp/got"
refused 4 "EPERM: .*$digest: they belong to somebody" "nor its blobs, although they know the digest" \
    weft -C bob data get "$digest" -o "$tmp/got"
refused 5 'ENOENT: .*`set/one`: no such dataset' "nor have their jobs read it" \
    weft -C bob run hash --data x --input x=set/one
refused 5 'ENOENT: .*no agent holds a blob' "by its digest neither" \
    weft -C bob run hash --data x --input "x=$digest"
for what in stage pin unpin rm; do
    refused 5 'ENOENT: .*set: no such dataset' "nor $what it" weft -C bob data $what set
done
refused 1 'EEXIST: .*taken by somebody else' "nor take its name" \
    weft -C bob data put "$tmp/set/one" --name set
is "$(weft -C alice data ls --names)" set@1 "it is as it was"
is "$(weft data ls --names)" set@1 "an operator sees it"

# -- room -------------------------------------------------------------------------------

refused 6 'EFULL: .*no agent has room' "a dataset that is larger than a node's cap" \
    weft -C alice data stage set --to tiny
refused 6 'EFULL: .*no agent has room' "put there" \
    weft -C alice data put "$tmp/set" --name other --to tiny
refused 6 'EFULL: .*no agent has room' "at a node that keeps no data" \
    weft -C alice data stage set --to none
for cap in tiny none; do
    id=$(weft -C alice submit $cap --data x --input x=set/large)
    like "$(weft -C alice why "$id")" '-1 data-too-large|-1 no-data' \
        "a job at $cap waits, and why is told"
    weft -q -C alice job cancel "$id"
done
run weft -C alice run tiny --data x --input x=set/one
is "$rc" 0 "what fits is read there"

if [ ${#small[@]} -eq 0 ]; then
    echo "ok $((++count)) - # SKIP no small disk can be made here"
    finish
fi
join full "data = $tmp/disk/blobs" 'full@1:sha256sum'
start full "${small[@]}" weft-agent --config "$tmp/full/agent.conf"
await "agent full" node_is full up
disk=/proc/${pid[full]}/root$tmp/disk
start stage weft -C alice data stage set --to full
await "the first of it" test -e "$disk/blobs/partial"
dd if=/dev/zero of="$disk/fill" bs=64k 2> /dev/null
wait "${pid[stage]}"
is $? 6 "a disk that runs full meanwhile"
unset 'pid[stage]'
like "$(cat "$tmp/stage.log")" 'EFULL: ' "is told"
like "$(cat "$tmp/stage.log")" '^  next: ' "with a next step"
rm "$disk/fill"
stage_again() { weft -C alice data stage set --to full; }
await "the room to be known" stage_again
run weft -C alice run full --data x --input x=set/large
is "$rc" 0 "with room it goes on"
finish
