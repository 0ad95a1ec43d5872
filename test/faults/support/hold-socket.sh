#!/bin/sh
# Owns a listening socket as descriptor 3 and starts the given program with it, again whenever it ends, as systemd does
# for a .socket unit. systemd-socket-activate alone would be replaced by the program and end with it.
while :; do
  sh -c 'echo "held $$"; LISTEN_PID=$$ exec "$@"' sh "$@"
done
