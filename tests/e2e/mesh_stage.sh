#!/bin/bash
# Data that is to be brought to a node of another broker: said at once where that is done,
# in a way that can be followed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sites.sh"

site lyon
site nantes
linked nantes lyon
at_site lyon agent cam-17
at_site nantes agent plc-1
at_site lyon token "$tmp/alice.token" --role client --name alice
ok "a client of lyon" weft -q ctx add alice "$tmp/alice.token"

head -c 300000 /dev/urandom > "$tmp/file"
run weft -C lyon data put "$tmp/file" --name clips
is "$rc" 0 "a dataset of lyon's operator"
is "$(weft -C lyon data stage clips --to site=lyon > /dev/null 2>&1; echo $?)" 0 \
    "is brought to lyon itself"

# refused CODE PATTERN DESCRIPTION COMMAND...; without a timeout: nothing is waited for.
refused() {
    local code=$1 pattern=$2 what=$3
    shift 3
    run "$@"
    is "$rc" "$code" "$what"
    like "$err" "$pattern" "  with the reason"
    unlike "$err" 'waits for|Ctrl-C' "  at once"
}
knows() { weft -C lyon data stage clips --to plc-1 2>&1 | grep -q 'broker nantes'; }
await "lyon to hear of plc-1" knows
refused 4 'EPERM: .*clips: .*of the broker nantes .tcp:.*: ask there' "the site of another broker" \
    weft -C lyon data stage clips --to site=nantes
like "$err" 'next: .*weft -C CONTEXT data stage.*--label public=yes' "  and what to do"
refused 4 'EPERM: .*clips: that node is one of the broker nantes' "a node there" \
    weft -C lyon data stage clips --to plc-1
refused 5 'ENOENT: .*clips: nantes is a broker, not an agent: .*site=nantes' "the broker itself" \
    weft -C lyon data stage clips --to nantes
refused 5 'ENOENT: .*clips: no agent of this broker meets these needs' "what nobody meets" \
    weft -C lyon data stage clips --to site=nowhere
like "$err" 'next: `weft nodes`' "  and where to look"
refused 5 'ENOENT: .*clips: no such node' "a node that there is not" \
    weft -C lyon data stage clips --to nosuch
like "$err" 'next: `weft nodes`' "  and where to look"
run weft -C lyon submit hash --data x -N nonode
like "$rc $err" '^5 .*no node is named nonode' "nor do jobs go there"
like "$err" 'next: `weft nodes`' "  and where to look"
unlike "$err" 'data ls' "which is no matter of datasets"

# What was said to do is done: at nantes it is not to be read before it is public.
refused 4 'EPERM: .*clips: .*of broker lyon, and not public' "what is not public, at nantes" \
    weft -C nantes data stage clips --to site=nantes
like "$err" 'next: .*--label public=yes' "  and what to do"
weft -C lyon data put "$tmp/file" --name clips --label public=yes > /dev/null 2>&1
is "$(weft -C lyon data ls --names)" "clips@2" "put again with the label"
public() { weft -C nantes data ls --names | grep -q '^clips@2$'; }
await "nantes to hear of it" public
run weft -C nantes data stage clips --to site=nantes
like "$rc $err" '^0 clips: at 1 node, 293 KiB moved' "nantes brings it to its node"

# A client who owns it need not change the broker.
head -c 200000 /dev/urandom > "$tmp/other"
run weft -C alice data put "$tmp/other" --name hers
is "$rc" 0 "a dataset of a client"
hers() { weft -C nantes data ls --all --names | grep -q '^hers@1$'; }
await "nantes to hear of it" hers
run weft -C alice data stage hers --to site=nantes
like "$rc $err" '^0 hers: at 1 node, 195 KiB moved' "goes there by its needs, from lyon"
run weft -C alice data stage hers --to plc-1
like "$rc $err" '^0 hers: at 1 node: plc-1, 0 B moved' "where it is"
finish
