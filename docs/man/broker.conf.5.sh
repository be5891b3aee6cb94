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
.SH EXAMPLE
.nf
name = hq
site = lyon
listen = "tcp://0.0.0.0:7400"
advertise = "tcp://192.0.2.10:7400"
state = /var/lib/weft/broker
.fi
.SH "SEE ALSO"
.BR weft\-broker (8)
END
