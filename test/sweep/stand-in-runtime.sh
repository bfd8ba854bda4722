#!/bin/bash
# Stand-in for Node in the sweep: it runs nothing of the payload, but says whether what it was given is the payload to the
# last byte. Then it has the head end, as a stopped container would.
trap '' TERM
read -r digest _ < <(sha256sum "${!#}")
[ "$digest" = "$SPOTRIG_PAYLOAD_SHA256" ] && note=booted || note=unverified
echo "$digest" >>"$SPOTRIG_HOME/$note"
kill "$PPID"
