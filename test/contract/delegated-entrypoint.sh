#!/bin/bash
# The DELEGATED_ENTRYPOINT contract of the GigaSPOT Ubuntu image, to the letter, with two things that the image fixes
# as parameters, so that it runs beside others on one machine:
#   ONSTART        where the script is kept            (image: /etc/onstart.sh)
#   RETRY_SLEEP_S  pause after a download that failed  (image: 60)
ONSTART=${ONSTART:-/etc/onstart.sh}
RETRY_SLEEP_S=${RETRY_SLEEP_S:-60}

if [ -f "$ONSTART" ] && [ ! -s "$ONSTART" ]; then
  rm "$ONSTART"
fi
if [ -z "${DELEGATED_ENTRYPOINT+set}" ]; then
  exec sleep infinity
fi
if [ ! -f "$ONSTART" ]; then
  until wget -O "$ONSTART" "$DELEGATED_ENTRYPOINT" && [ -s "$ONSTART" ]; do
    sleep "$RETRY_SLEEP_S"
  done
  chmod +x "$ONSTART"
fi
# As a program: its first line decides the interpreter. Whatever it ends with, it is not run again.
"$ONSTART"
exec sleep infinity
