"""What a host publishes over Redis arrives byte for byte, whatever it is and by whichever way, if it can with its trace."""

import re
import runpy
import socket
import subprocess
from collections.abc import Iterator
from typing import BinaryIO

import pytest
from conftest import EACH_AGE, HOSTS, Start, free_port, is_open, wait_until

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
OURS = re.compile(rb',?"_trace":\{"traceparent":"00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-9a-f]"\}')


class Wire:
    """One connection to Redis, without any library: what others see."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 20)
        self._file: BinaryIO = self._socket.makefile("rb")

    def send(self, *words: bytes) -> None:
        self._socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))

    def answer(self) -> "bytes | list[object]":
        line = self._file.readline()
        if line.startswith(b"*"):
            return [self.answer() for _ in range(int(line[1:]))]
        if line.startswith(b"$"):
            return self._file.read(int(line[1:]) + 2)[:-2]
        return line[1:-2]


@pytest.fixture(scope="session")
def cluster_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A real Redis that is a cluster by itself."""
    port, folder = free_port(), tmp_path_factory.mktemp("cluster")
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(
        [*command, "--cluster-enabled", "yes", "--cluster-port", str(free_port())], stdout=subprocess.DEVNULL
    )
    wait_until(lambda: is_open(port))
    wire = Wire(port)
    wire.send(b"CLUSTER", b"ADDSLOTSRANGE", b"0", b"16383")
    assert wire.answer() == b"OK"

    def is_well() -> bool:
        wire.send(b"CLUSTER", b"INFO")
        return b"cluster_state:ok" in bytes(wire.answer())  # type: ignore[arg-type]

    wait_until(is_well)
    yield port
    server.terminate()
    server.wait()


@EACH_AGE
def test_what_is_published_arrives_byte_for_byte_by_every_way(start: Start, redis_port: int, cluster_port: int) -> None:
    wire = Wire(redis_port)
    wire.send(b"SUBSCRIBE", b"wire")
    wire.answer()
    host = start(
        "redis_messages.py",
        REDIS_PORT=str(redis_port),
        CLUSTER_PORT=str(cluster_port),
        TRACE_REDIS_MESSAGES="true",
        OTEL_EXPORTER_OTLP_ENDPOINT="",
    )
    assert (host.wait(90), host.errors) == (0, ""), host.lines
    assert [line["message"] for line in host.lines] == ["works"]

    seen: list[bytes] = []
    while seen[-1:] != [b"end"]:
        seen.append(wire.answer()[2])  # type: ignore[arg-type]
    given = runpy.run_path(str(HOSTS / "messages.py"))
    with_trace, as_they_are = given["ENCLOSED"], given["AS_THEY_ARE"]
    for message, found in zip(with_trace, seen, strict=False):
        found, times = OURS.subn(b"", found)
        assert (found, times) == (message.encode(), 1)
    for message, found in zip(as_they_are, seen[len(with_trace) :], strict=False):
        assert found == message.encode()
    assert [bool(OURS.search(found)) for found in seen[-3:-1]] == [True, True], "kinds of bytes"
