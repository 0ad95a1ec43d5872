"""Connections that pipeline requests and stop reading their answers.

Node.js cannot set the size of a socket's buffers. The default buffers of the loopback interface would hold megabytes
of answers before a server notices anything; these hold only a few dozen answers.

usage: slow-readers.py PORT LOCAL_ADDRESS CONNECTIONS PER_SECOND SECONDS_MAX
Opens PER_SECOND connections per second and reads one byte per second from each. When all are closed, or the time is
over, prints one JSON object: {"open": n, "closed_after_s": [...]}, with seconds counted from when each was opened.
"""

import json
import socket
import sys
import time

port, address, connections = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
per_second, seconds_max = int(sys.argv[4]), float(sys.argv[5])

# The 404 repeats the path, with each of its characters as two. The filler keeps the server from finding hundreds of
# requests in one read, because this is not meant to be a flood.
request = b"GET /" + b"\\" * 255 + b" HTTP/1.1\r\nHost: a\r\nX-Filler: " + b"x" * 14000 + b"\r\n\r\n"
block = request * 8


class Reader:
    def __init__(self):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        self.socket.bind((address, 0))
        self.socket.connect(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.opened_s = self.read_s = time.monotonic()
        self.sent = 0

    def is_closed(self, now_s):
        """Sends what fits, from where it stopped; reads a byte if a second has passed."""
        try:
            self.sent = (self.sent + self.socket.send(block[self.sent :])) % len(block)
        except BlockingIOError:
            pass
        except OSError:
            return True
        if now_s - self.read_s < 1:
            return False
        self.read_s = now_s
        try:
            return self.socket.recv(1) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True


readers = []
closed_after_s = []
opened = 0
started_s = time.monotonic()
while True:
    now_s = time.monotonic()
    while opened < min(connections, (now_s - started_s) * per_second):
        readers.append(Reader())
        opened += 1
    for reader in readers[:]:
        if reader.is_closed(now_s):
            closed_after_s.append(round(now_s - reader.opened_s, 3))
            reader.socket.close()
            readers.remove(reader)
    if now_s - started_s > seconds_max or (opened == connections and not readers):
        break
    time.sleep(0.02)

print(json.dumps({"open": len(readers), "closed_after_s": closed_after_s}))
