#!/bin/sh
# A handler that lasts until it is let go: hold.sh FOLDER.  Its start is written down.
echo "$WEFT_JOB_ID $WEFT_ATTEMPT" >> "$1/held"
until [ -e "$1/go" ]; do
    sleep 0.1
done
echo held
