#!/bin/sh
# Fills the host's own values into the configuration, then becomes Janus.
set -eu
: "${JANUS_SECRET:?}" "${JANUS_ADDRESS:?}" "${JANUS_INNER:?}"
mkdir -p /tmp/janus
for file in /etc/janus.in/*.jcfg; do
  sed "s|@SECRET@|$JANUS_SECRET|; s|@ADDRESS@|$JANUS_ADDRESS|; s|@INNER@|$JANUS_INNER|; s|@CORES@|$(nproc)|" "$file" > "/tmp/janus/${file##*/}"
done
exec janus --configs-folder /tmp/janus --config /tmp/janus/janus.jcfg
