"""Waiting for a server: what it does before it is there is not yet a failure, and is told when it never comes."""

import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.support.waiting import wait_until

PATIENCE = 0.2
"""Seconds that a client waits for an answer."""


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def ask(server: socket.socket) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.getsockname()[1]}/", timeout=PATIENCE) as answer:
        return answer.read()


def test_a_server_that_keeps_silent_and_breaks_off_is_asked_again(listening: socket.socket) -> None:
    asked: list[socket.socket] = []

    def serve() -> None:
        while True:
            connection, _ = listening.accept()
            asked.append(connection)  # kept, or it would be closed
            if len(asked) >= 2:
                with suppress(OSError), connection:  # who waits may have given up
                    if len(asked) >= 3:
                        connection.recv(4096)
                        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nhere")

    threading.Thread(target=serve, daemon=True).start()
    assert wait_until(lambda: ask(listening), 20, "an answer") == b"here"
    assert len(asked) >= 3
    asked[0].close()


def test_what_it_did_last_is_told(listening: socket.socket) -> None:
    with pytest.raises(AssertionError, match="for an answer") as told:
        wait_until(lambda: ask(listening), 0.5, "an answer")
    assert isinstance(told.value.__cause__, TimeoutError)


def test_any_other_error_ends_the_waiting_at_once() -> None:
    with pytest.raises(KeyError):
        wait_until(lambda: {}["missing"], 60, "nothing")
