"""Serves pages of metrics over HTTP, one reader in a thread of its own."""

import socket
from collections.abc import Callable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from atlas_instrumentation.channel import Kept


class Server(ThreadingMixIn, WSGIServer):
    """A slow reader holds up nobody. Raises OSError where the port cannot be had."""

    daemon_threads = True
    timeout = 0

    def __init__(self, port: int, application: Callable[..., Any]) -> None:
        super().__init__(("", port), _Silent)
        self.set_app(application)
        self.socket.setblocking(False)
        self.listening = Kept(self.socket)
        self._open: set[socket.socket] = set()

    def server_bind(self) -> None:
        """Without asking the name service for this machine's name, which takes seconds where it does not answer."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "localhost", self.server_address[1]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def close_request(self, request: Any) -> None:
        self._open.discard(request)
        super().close_request(request)

    def forget(self) -> None:
        """In a forked child, which serves none of it: readers wait until each copy of their connection is closed."""
        for request in self._open:
            request.close()
        self.listening.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that leaves is no event."""


class _Silent(WSGIRequestHandler):
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape is no event."""
