#!/bin/sh
# The web process brings the schema up to date before it answers; the others wait for it in compose.
set -eu
if [ "$1" = serve ]; then
  tries=0
  until telehealth migrate; do
    tries=$((tries + 1))
    [ "$tries" -lt 30 ] || exit 1
    sleep 2
  done
fi
exec telehealth "$@"
