"""A way between two parts that can be cut: connections through it end, and new ones come to nothing until it is mended."""

import contextlib
import socket
import threading

BLOCK = 1 << 16


class Link:
    """Takes connections at ``address`` and ``port``, and passes all that comes on to ``target`` and back."""

    def __init__(self, address: str, port: int, target: tuple[str, int]) -> None:
        self._target, self._open, self._lock, self._is_cut = target, set[socket.socket](), threading.Lock(), False
        self._listening = socket.create_server((address, port))
        self.address, self.port = self._listening.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    def cut(self) -> None:
        with self._lock:
            self._is_cut = True
            for each in self._open:
                _end(each)

    def mend(self) -> None:
        self._is_cut = False

    def close(self) -> None:
        self.cut()
        _end(self._listening)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(self._target) as server:
            with self._lock:
                if self._is_cut:
                    return
                self._open |= {client, server}
            back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
            back.start()
            _pass_on(client, server)
            back.join()
            with self._lock:
                self._open -= {client, server}


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    """Until either ends; then both do."""
    with contextlib.suppress(OSError):
        while block := source.recv(BLOCK):
            target.sendall(block)
    _end(source)
    _end(target)


def _end(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
