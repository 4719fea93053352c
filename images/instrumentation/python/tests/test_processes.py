"""A service of several processes has one page of metrics, its spans get out, and nothing of ours is in a child's way."""

import os
import re
import signal
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import Host, Receiver, Start, free_port, wait_until


def page(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return answer.read().decode()


def samples(port: int, name: str) -> dict[str, float]:
    """By their labels; nothing while nobody serves."""
    with suppress(OSError):
        return {
            labels: float(value)
            for labels, value in re.findall(rf"^{name}(?:\{{(.*?)\}})? (\S+)", page(port), re.MULTILINE)
        }
    return {}


Family = Callable[..., tuple[Host, int]]


@pytest.fixture
def family(start: Start, tmp_path: Path) -> Family:
    def begin(*arguments: str, **environment: str) -> tuple[Host, int]:
        port = free_port()
        return start("family.py", *arguments, METRICS_PORT=str(port), **environment), port

    return begin


@pytest.mark.parametrize("kind", ["fork", "spawn", "forkserver"])
def test_what_children_count_is_added_up_and_stays_when_they_are_gone(
    family: Family, tmp_path: Path, kind: str
) -> None:
    host, port = family(kind)
    wait_until(lambda: samples(port, "done_total").get('by="child"') == 2)
    at_import = 15 if kind == "spawn" else samples(port, "done_total")['by="parent"']
    assert samples(port, "done_total") == {'by="parent"': at_import, 'by="child"': 2}
    parent = at_import / 5
    assert samples(port, "work_seconds_count") == {"": parent + 2}
    assert samples(port, "work_seconds_bucket") == {'le="1.0"': parent, 'le="5.0"': parent + 2, 'le="+Inf"': parent + 2}
    gauges = samples(port, "open_orders")
    assert gauges.pop("") == 3
    assert sorted(gauges.values()) == [10, 11], "each of its own process"
    assert all(re.fullmatch(r'pid="\d+"', labels) for labels in gauges)
    (tmp_path / "end").touch()
    wait_until(lambda: host.saying("ended"))
    wait_until(lambda: samples(port, "open_orders") == {"": 3})
    assert samples(port, "done_total") == {'by="parent"': at_import, 'by="child"': 2}
    (tmp_path / "leave").touch()
    assert host.wait() == 0
    assert not host.saying("no metrics are served")


@pytest.mark.parametrize("kind", ["pool", "futures"])
def test_what_short_children_count_is_not_lost(family: Family, tmp_path: Path, kind: str) -> None:
    host, port = family(kind)
    wait_until(lambda: host.saying("ended"))
    wait_until(lambda: samples(port, "done_total") == {'by="parent"': 5, 'by="short"': 4})
    (tmp_path / "leave").touch()
    assert host.wait() == 0


def test_a_child_that_serves_the_port_itself_gets_it(family: Family, tmp_path: Path) -> None:
    host, port = family("serve")
    wait_until(lambda: host.saying("serves"))
    assert samples(port, "done_total")['by="served"'] == 1
    assert len(host.saying(f"the service serves port {port} itself")) == 1
    (tmp_path / "end").touch()
    (tmp_path / "leave").touch()
    assert host.wait() == 0


def test_a_daemon_that_closes_all_files_is_served_and_its_files_are_its_own(family: Family, tmp_path: Path) -> None:
    host, port = family("daemon")
    wait_until(lambda: samples(port, "done_total").get('by="daemon"') == 1)
    (tmp_path / "end").touch()
    wait_until(lambda: host.saying("ended"))
    (tmp_path / "leave").touch()
    wait_until(lambda: samples(port, "done_total") == {})


def test_a_child_that_closes_all_files_is_not_counted_twice(family: Family, tmp_path: Path) -> None:
    host, port = family("closing")
    wait_until(lambda: samples(port, "done_total").get('by="child"') == 1)
    (tmp_path / "end").touch()
    wait_until(lambda: host.saying("closed"))
    wait_until(lambda: samples(port, "done_total").get('by="child"') == 2)
    (tmp_path / "leave").touch()
    assert host.wait() == 0


def test_a_child_is_not_held_up_by_what_another_thread_of_its_parent_held(family: Family, tmp_path: Path) -> None:
    host, _ = family("locked")
    wait_until(lambda: host.saying("worked"))
    (tmp_path / "end").touch()
    (tmp_path / "leave").touch()
    assert host.wait() == 0


def test_one_of_the_children_takes_the_place_of_a_parent_that_is_gone(family: Family, tmp_path: Path) -> None:
    host, port = family("fork")
    wait_until(lambda: samples(port, "done_total").get('by="child"') == 2)
    host.process.kill()
    wait_until(lambda: samples(port, "done_total").get('by="child"') == 2)
    assert len(host.saying("metrics are served by process")) == 1
    (tmp_path / "end").touch()
    (tmp_path / "leave").touch()
    wait_until(lambda: samples(port, "done_total") == {})


def test_a_child_that_does_not_answer_holds_up_no_page(family: Family, tmp_path: Path) -> None:
    host, port = family("fork")
    wait_until(lambda: samples(port, "done_total").get('by="child"') == 2)
    pids = [int(labels[5:-1]) for labels in samples(port, "open_orders") if labels]
    os.kill(pids[0], signal.SIGSTOP)
    begun = time.monotonic()
    assert samples(port, "done_total")['by="child"'] == 2, "what it told last"
    assert time.monotonic() - begun < 4
    os.kill(pids[0], signal.SIGKILL)
    wait_until(lambda: len(samples(port, "open_orders")) == 2)
    assert samples(port, "done_total")['by="child"'] == 2, "a process that is gone has counted what it had"
    (tmp_path / "end").touch()
    (tmp_path / "leave").touch()
    assert host.wait() == 0


@pytest.mark.parametrize("kind", ["fork", "forkserver"])
def test_spans_of_children_get_out(family: Family, tmp_path: Path, receiver: Receiver, kind: str) -> None:
    host, _ = family("spans", kind, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint, OTEL_BSP_SCHEDULE_DELAY="60000")
    wait_until(lambda: receiver.named("child ends"))
    wait_until(lambda: host.saying("worked"))
    assert not receiver.named("child waits")
    (tmp_path / "end").touch()
    wait_until(lambda: host.saying("ended"))
    (tmp_path / "leave").touch()
    assert host.wait() == 0
    for name in ("parent", "child ends", "child waits", "child pooled"):
        assert len(receiver.named(name)) == 1, name


def test_a_service_on_uvloop_that_serves_the_port_itself_gets_it(start: Start) -> None:
    port = free_port()
    program = f"""
import asyncio, uvloop
async def main():
    await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", {port})
    print("serves")
uvloop.run(main())
"""
    host = start(program, METRICS_PORT=str(port))
    assert host.wait() == 0, host.errors
    assert host.saying("serves")
    assert len(host.saying(f"the service serves port {port} itself")) == 1


def test_a_host_may_choose_the_multiprocess_mode_before_it_imports_its_library(start: Start, tmp_path: Path) -> None:
    program = """
import os, pathlib
os.environ["PROMETHEUS_MULTIPROC_DIR"] = "values"
pathlib.Path("values").mkdir()
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
Counter("own_total", "Own.").inc(3)
if os.fork() == 0:
    os._exit(0)
os.wait()
registry = CollectorRegistry()
MultiProcessCollector(registry)
print(generate_latest(registry).decode().splitlines()[-1])
"""
    host = start(program)
    assert host.wait() == 0
    assert host.saying("own_total 3.0")


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:1"])
def test_a_signal_that_the_host_blocks_reaches_no_thread_of_ours(start: Start, endpoint: str) -> None:
    program = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
os.kill(os.getpid(), signal.SIGUSR1)
print("pending", [each.name for each in signal.sigpending()])
"""
    host = start(program, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf")
    assert host.wait() == 0
    assert host.saying("pending ['SIGUSR1']")


def test_who_does_not_know_the_secret_is_not_listened_to(start: Start) -> None:
    """Another user of the machine may read the socket's name, and no process's environment."""
    port = free_port()
    program = (
        "import json, os, pathlib, socket, struct, urllib.request\n"
        "from atlas_instrumentation import family\n"
        "address = family._address()\n"
        "print(os.environ[family.NAME] in address or address[1:] not in pathlib.Path('/proc/net/unix').read_text())\n"
        "for message in (family.GIVE_UP, [1, 'x', 0, [['a', 'counter', 'A', '', '', [['a_total', {}, 1, None]]]]], 'x'):\n"
        "    asking = socket.socket(socket.AF_UNIX)\n    asking.settimeout(5)\n    asking.connect(address)\n"
        "    data = json.dumps(message).encode()\n    asking.sendall(struct.pack('!I', len(data)) + data)\n"
        "    print(asking.recv(100))\n"
        f"print('a_total' in urllib.request.urlopen('http://127.0.0.1:{port}/metrics').read().decode())\n"
    )
    host = start(program, METRICS_PORT=str(port))
    assert host.wait() == 0
    assert [line["message"] for line in host.lines] == ["False", "b''", "b''", "b''", "False"]
