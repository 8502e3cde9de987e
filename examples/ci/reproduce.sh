#!/usr/bin/env bash
# Checks that committed results come out the same again: reproduce.sh FOLDER_OF_INPUTS RESULT...
# Every result is made again from the recipe that it carries. Fails, at the end, if any differs.
#
# THREADS has to be what the results were made with. With TOLERANCE, for a machine of another kind, elements may be so far apart.
set -uo pipefail
BYO=${BYO:-byo}
inputs=$1
shift
failed=0
for result in "$@"; do
  $BYO replay "$result" --check --inputs "$inputs" --threads "${THREADS:-1}" ${TOLERANCE:+--tolerance "$TOLERANCE"} || failed=1
done
exit $failed
