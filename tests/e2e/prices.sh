#!/bin/bash
# The price book: checked before a start, shown, read again when the file changes, kept when
# a new one is wrong; and what a job may say of money.
. "$(dirname "$0")/lib.sh"

is_json() { python3 -c 'import json, sys; json.loads(sys.argv[1])' "$1"; }
book=$tmp/prices.conf
# new_book: replace the file as editors and packages do, from standard input.
new_book() { cat > "$book.new" && mv "$book.new" "$book"; }

new_book << 'END'
class
    name = c6
    usd_h = 0.08
class
    name = c6-spot
    usd_h = 0.031
    paid = spot
    interruptions_per_day = 0.5
class
    name = mine
    usd_h = 0.01
    paid = owned
tiers
    from = cloud
    to = *
    usd_gb = 0.09
END
broker "prices = $book"
context alice
agent one 'count@1:wc -c'

# -- shown ------------------------------------------------------------------------------

run weft -C alice prices
is "$rc" 0 "a client may see the prices"
like "$out" '^c6.on-demand.\$0\.08.$' "a class, on demand unless it says otherwise"
like "$out" '^c6-spot.spot.\$0\.031.0\.5 a day$' "one that is taken away now and then"
like "$out" '^tiers.cloud.\*.\$0\.09$' "and a link"
run weft -C op prices --json
ok "as JSON" is_json "$out"
like "$out" '"kind":"class","class":"c6","paid":"on-demand","pusd_slot_second":22222222,' \
    "by the slot-second"
like "$out" '"kind":"tiers","from":"cloud","to":"\*","pusd_byte":90' "and by the byte"

# -- checked ----------------------------------------------------------------------------

run weft-broker check --config "$tmp/broker.conf"
is "$rc" 0 "the file is checked with the configuration"
sed -i 's/0\.031/cheap/' "$book"
run weft-broker check --config "$tmp/broker.conf"
is "$rc" 2 "and what is wrong with it"
like "$err" 'prices\.conf: line 6: `usd_h` cannot be `cheap`' "is told with its line"

# -- read again -------------------------------------------------------------------------

await "it to see the file" has "$tmp/broker.log" 'event=kept .*line 6: `usd_h`'
like "$(weft -C op prices)" '^c6-spot.spot.\$0\.031' "a file that is wrong changes nothing"
new_book << 'END'
class
    name = c6
    usd_h = 0.09
END
await "it to read the new file" has "$tmp/broker.log" 'event=prices .*of 1 lines'
run weft -C op prices
is "$out" "$(printf 'c6\ton-demand\t$0.09\t')" "a right one is taken whole"
is "$(grep -c event=kept "$tmp/broker.log")" 1 "the wrong one was told once"
kill -HUP "${pid[broker]}"
await "it to read the file again" has "$tmp/broker.log" 'event=prices .*of 1 lines' 2
rm "$book"
await "it to miss the file" has "$tmp/broker.log" event=kept 2
like "$(weft -C op prices)" '^c6.on-demand.\$0\.09' "a file that is gone changes nothing"
is "$(weft -C alice run count --data abc)" 3 "and work goes on"
stop broker
run weft-broker --config "$tmp/broker.conf"
is "$rc" 2 "but nothing starts without it"
like "$err" 'prices\.conf' "and says so"

# -- money of jobs ----------------------------------------------------------------------

run weft -C alice submit count --class cost --data x
is "$rc" 2 "a goal is no class"
like "$err" 'did you mean `--goal cost`' "and the error knows what was meant"
run weft -C alice submit count --max-cost cheap --data x
like "$err" 'wants dollars such as 0\.002' "an amount that is none"
run weft -C alice submit count --prefer site=lyon --data x
like "$err" 'NEED:TIME such as site=lyon:200ms' "a preference worth nothing"
run weft -C alice plan count --what-if lyon
like "$err" 'down=NODE or site=SITE' "a what-if of nothing"
finish
