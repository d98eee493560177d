# SPDX-License-Identifier: MIT
"""Two ports of this machine for guests behind QEMU's network: one gives a file, one takes a file and answers its sum."""

import hashlib
import socket
import threading


class Server:
    """`gives` and `takes` are the ports, `sent` the given file's sum. The file has `size` bytes, the same each time."""

    def __init__(self, size):
        self.data = b"".join(hashlib.sha512(n.to_bytes(8, "little")).digest() for n in range(size // 64))
        self.sent = hashlib.sha256(self.data).hexdigest()
        self.sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self.gives, self.takes = (s.getsockname()[1] for s in self.sockets)

    def __enter__(self):
        for s, serve in zip(self.sockets, (self._give, self._take)):
            threading.Thread(target=self._accept, args=(s, serve), daemon=True).start()
        return self

    def __exit__(self, *unused):
        for s in self.sockets:
            s.close()

    @staticmethod
    def _accept(listening, serve):
        while True:
            try:
                with listening.accept()[0] as connection:
                    serve(connection)
            except ConnectionError:
                continue
            except OSError:  # closed: the end
                return

    def _give(self, connection):
        connection.sendall(self.data)

    @staticmethod
    def _take(connection):
        total = hashlib.sha256()
        while data := connection.recv(65536):
            total.update(data)
        connection.sendall(total.hexdigest().encode() + b"\n")
