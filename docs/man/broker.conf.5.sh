#!/bin/sh
# Print broker.conf(5): its options come from the program's own table.
#
#   docs/man/broker.conf.5.sh PATH_OF_WEFT_BROKER > broker.conf.5
set -eu

cat << 'END'
.TH BROKER.CONF 5 "" weft "weft manual"
.SH NAME
broker.conf \- configuration of weft\-broker
.SH DESCRIPTION
Lines of
.IR "name = value" .
A
.B #
after a blank starts a comment; a value that holds one stands in quotes.
Times are written like 250ms, 5s, 15m, 2h; sizes like 64K, 4M, 1G.
An unknown name or a wrong value is an error that names its line;
.B weft\-broker check
looks for them.
.SH OPTIONS
END
"$1" --help | awk -f "$(dirname "$0")/options.awk"
cat << 'END'
.SH PRICES
The file that
.B prices
names is written the same way; a line
.BR class ,
.B tiers
or
.B sites
starts a section, and its options follow, indented by 4 spaces.
Prices are dollars with up to 12 digits behind the point.
A link is priced by the first of these that the file has: the two sites, the site that sends
to any, any to the site that gets, any two sites; then the same of tiers.
What no section prices costs nothing.
.PP
A file that changed is taken whole or, with what is wrong in the log, not at all: the old
prices hold.
.B weft prices
shows those that hold.
.PP
.nf
class
    name = c6\-spot
    usd_h = 0.031
    paid = spot
    interruptions_per_day = 0.5
tiers
    from = cloud
    to = *
    usd_gb = 0.09
sites
    from = lyon
    to = paris
    usd_gb = 0.01
.fi
.SH EXAMPLE
.nf
name = hq
site = lyon
listen = "tcp://0.0.0.0:7400"
advertise = "tcp://192.0.2.10:7400"
state = /var/lib/weft/broker
prices = /etc/weft/prices.conf
.fi
.SH "SEE ALSO"
.BR weft\-broker (8)
END
