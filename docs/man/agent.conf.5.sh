#!/bin/sh
# Print agent.conf(5): its options come from the program's own table.
#
#   docs/man/agent.conf.5.sh PATH_OF_WEFT_AGENT > agent.conf.5
set -eu

cat << 'END'
.TH AGENT.CONF 5 "" weft "weft manual"
.SH NAME
agent.conf \- configuration of weft\-agent
.SH DESCRIPTION
Lines of
.IR "name = value" .
A
.B #
after a blank starts a comment; a value that holds one stands in quotes.
A line
.B capability
starts a section for one thing that this machine can do; its options follow, indented by
4 spaces.
Times are written like 250ms, 5s, 15m, 2h; sizes like 64K, 4M, 1G.
An unknown name or a wrong value is an error that names its line;
.B weft\-agent check
looks for them.
.SH OPTIONS
END
"$1" --help | awk -f "$(dirname "$0")/options.awk"
cat << 'END'
.SH "WHAT A HANDLER GETS"
An empty environment but for PATH, HOME, TMPDIR, LANG, what
.B env
adds, and WEFT_JOB_ID, WEFT_ATTEMPT, WEFT_DEADLINE (milliseconds since 1970, where there is
one), WEFT_RESULT, and WEFT_PAYLOAD where the payload is a file.
It starts in a private folder that is removed afterwards.
.PP
Inputs of the job are files and folders in
.I inputs
in that folder, by their names.
WEFT_INPUTS is the path of the folder, WEFT_INPUT_NAME that of each, in upper case and
with _ for \- and . (of two that come to the same variable the first has it).
In the command of a capability of kind exec {input:NAME} stands for the input's path, also
inside a word; a job that lacks it fails.
A worker hears of its inputs with each job.
.PP
Inputs and payloads that are files can be read and not be changed in a sandbox, whatever
the handler does.
Without a sandbox the handler runs as the agent's user, and nothing but the files'
permissions keeps it from changing them: do not use
.B sandbox = none
where handlers are not trusted with the data of others.
.PP
A result may be as large as
.BR output .
One of more than some KiB is kept on disk, not in memory, on its way: as the file that the
handler wrote to WEFT_RESULT, or as what it printed.
A worker gives large results as files in the folder WEFT_RESULTS, which is the one that it
starts in.
.PP
A handler may be started again for the same job, with a higher attempt: see WEFT_JOB_ID and
WEFT_ATTEMPT, which are the same for no other start, at whatever site.
.SH EXAMPLE
.nf
label = camera=yes

capability
    name = thumbnail@1
    command = /usr/bin/convert {payload} \-resize 320x {result}
    memory = 512M
    wall = 30s
.fi
.SH "SEE ALSO"
.BR weft\-agent (8)
END
