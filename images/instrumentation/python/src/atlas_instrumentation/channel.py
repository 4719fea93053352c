"""Messages between the processes of one service, and sockets that a host may close behind our back."""

import json
import os
import socket
import struct
from typing import Any

MAX_BYTES = 64 * 1024 * 1024
"""Of one message; whoever sends a longer one is not listened to any more."""
_LENGTH = struct.Struct("!I")


class Kept:
    """A socket of ours. Daemons close all descriptors, and the number may be another file's by the time that we use it again."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._file = _file(sock.fileno())

    def is_ours(self) -> bool:
        return self._file is not None and self._file == _file(self.sock.fileno())

    def close(self) -> None:
        if self.is_ours():
            self.sock.close()
        else:
            self.sock.detach()


class Channel(Kept):
    """One end of a connection. What arrives is kept until a message is whole."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._arrived = bytearray()

    def send(self, message: Any) -> None:
        """Raises OSError where it cannot be sent."""
        if not self.is_ours():
            raise OSError("the socket has been closed by the host")
        data = json.dumps(message, separators=(",", ":")).encode()
        self.sock.sendall(_LENGTH.pack(len(data)) + data)

    def received(self) -> list[Any] | None:
        """Wait for what comes next: the messages that are whole by then; None at the end."""
        try:
            data = self.sock.recv(1 << 18) if self.is_ours() else b""
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        self._arrived += data
        found: list[Any] = []
        while len(self._arrived) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._arrived)
            end = _LENGTH.size + length
            if length > MAX_BYTES:
                return None
            if len(self._arrived) < end:
                break
            try:
                found.append(json.loads(self._arrived[_LENGTH.size : end]))
            except ValueError:
                return None
            del self._arrived[:end]
        return found


def _file(fd: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(fd)
    except OSError:
        return None
    return found.st_dev, found.st_ino
