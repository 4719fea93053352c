"""TLS in front of a plain server, as an ingress terminates it."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def terminated(context: ssl.SSLContext, port: int, backend: int) -> Iterator[None]:
    """Hand what arrives by TLS at ``port`` on to the plain ``backend``, both on loopback."""
    with socket.create_server(("127.0.0.1", port)) as server:
        threading.Thread(target=_accept, args=(server, context, backend), daemon=True).start()
        yield
        server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, context: ssl.SSLContext, backend: int) -> None:
    with contextlib.suppress(OSError):
        while True:
            plain, _ = server.accept()
            threading.Thread(target=_serve, args=(plain, context, backend), daemon=True).start()


def _serve(plain: socket.socket, context: ssl.SSLContext, backend: int) -> None:
    with (
        contextlib.suppress(OSError),
        context.wrap_socket(plain, server_side=True) as front,
        socket.create_connection(("127.0.0.1", backend)) as back,
    ):
        upwards = threading.Thread(target=_pump, args=(front, back), daemon=True)
        upwards.start()
        _pump(back, front)
        upwards.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
