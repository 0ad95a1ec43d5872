#!/bin/sh
# Owns a listening socket as descriptor 3 and starts the given program with it, again whenever it ends: what systemd
# does with a .socket unit. systemd-socket-activate alone would be replaced by the program and die with it.
while :; do
  sh -c 'echo "held $$"; LISTEN_PID=$$ exec "$@"' sh "$@"
done
