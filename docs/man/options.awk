# The options that `PROGRAM --help` lists, as roff.
/^Options of the configuration file:/ { on = 1; next }
/^In .*each section/ { split($0, part, "`"); print ".SH \"OPTIONS OF A SECTION " toupper(part[2]) "\""; next }
!on || /^$/ { next }
/^  [a-z_]+$/ { print ".TP\n.B " $1; next }
{ sub(/^ +/, ""); gsub(/\\/, "\\e"); gsub(/-/, "\\-"); sub(/^[.']/, "\\\\\\&&"); print }
