# shellcheck shell=bash
# Sourced by every bash of a sweep (BASH_ENV): notes each command's file and line, so that it can be seen what was run of a script
# whose bytes are wrong. One line "start" for each program that bash begins to read.
exec 9>>"$SWEEP_TRACE"
echo "start ${0##*/}" >&9
# shellcheck disable=SC2016
PS4='+ ${BASH_SOURCE##*/} $LINENO '
BASH_XTRACEFD=9
set -x
