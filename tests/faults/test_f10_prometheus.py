"""F10: one of production's two Prometheus replicas is killed, then its disk is full, then it does not come back.

What is scraped has a hole as long as the restart. What comes by OTLP waits in the gateway's queue and has none.
"""

import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.faults.bounds import fill, missing_requirements, volume_of
from tests.faults.counting import KEY, Sender, Store
from tests.faults.negative_controls import gives_up
from tests.faults.pipeline import Load, Variant, gateway_of
from tests.faults.rendered import Rendered, workload
from tests.faults.report import Report
from tests.support.addresses import loopback
from tests.support.collector_process import Gateway
from tests.support.prometheus_process import Prometheus, cluster, service
from tests.support.tool_process import running
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(missing_requirements() is not None, reason=missing_requirements() or "")
MIB = 1 << 20
RATE = 20
"""Data points a second, each of a series of its own."""
HOLE = 10
REPORTED = 300
"""Seconds beyond the restart that a hole may last, and until somebody has to hear that a replica is lost."""
WAIT = 30
"""Of Alertmanager, for others of the alert's group."""
AROUND = 15 + 15 + WAIT
"""With production's intervals of scrapes and evaluations."""


@dataclass
class Replicas:
    """Two replicas, the first on a small volume at ``volume``, and the gateway that writes to both."""

    first: Prometheus
    second: Prometheus
    gateway: Gateway
    volume: Path

    def load(self) -> Load:
        return Load([Sender("metrics", self.gateway.address, "point-p", rate=RATE, batch=2, padding=0, connections=1)])


@contextmanager
def replicas_of(folder: Path, interval: float, variant: Variant | None = None) -> Iterator[Replicas]:
    """``interval`` is that of scrapes and rules, in seconds."""
    rendered, addresses, away = workload("prometheus"), [loopback(), loopback()], Store()
    with ExitStack() as stack:
        stack.callback(away.close)
        volume = stack.enter_context(volume_of(256 * MIB, folder / "prometheus-0/data"))
        stores = {"logs": away.url, "traces": away.url}
        stores |= {
            name: f"http://{address}:9090"
            for name, address in zip(("metrics", "metrics_replica"), addresses, strict=True)
        }
        gateway = gateway_of(workload("otel-collector"), folder / "gateway", stores, variant=variant)
        known = cluster(
            service("otel-collector", "metrics", 8888, [gateway.address]),
            service("prometheus", "http-metrics", 9090, addresses),
        )
        own = ("--config.file", "--storage.tsdb.path")
        found = [
            Prometheus(
                folder / f"prometheus-{number}",
                address,
                _files(rendered, away.url),
                known,
                interval=f"{interval:g}s",
                arguments=[word for word in rendered.args if not word.startswith(own)],
                environment={**rendered.env, "REPLICA": f"prometheus-{number}"},
            )
            for number, address in enumerate(addresses)
        ]
        for prometheus in found:
            stack.callback(prometheus.stop, signal.SIGKILL)
            prometheus.start()
        stack.enter_context(running(gateway))
        yield Replicas(first=found[0], second=found[1], gateway=gateway, volume=volume)


def _files(rendered: Rendered, remote: str) -> dict[str, str]:
    """Configuration and rules by their names, with another remote store in place of production's."""
    files = {Path(path).name: text for path, text in rendered.files.items() if "/rules/" in path}
    config = yaml.safe_load(rendered.file("config/prometheus.yaml"))
    config["remote_write"] = [store | {"url": remote} for store in config["remote_write"]]
    return {f"rule-{name}": text for name, text in files.items()} | {"prometheus.yaml": yaml.safe_dump(config)}


def _missing(prometheus: Prometheus, load: Load, within: float) -> int:
    """How many acknowledged points never get there."""
    (sender,), begun = load.senders, time.monotonic()
    while missing := sender.acknowledged - _numbers(prometheus):
        if time.monotonic() - begun > within:
            break
        time.sleep(0.5)
    return len(missing)


def _numbers(prometheus: Prometheus) -> set[int]:
    values = prometheus.ask(f"label/{KEY}/values", **{"match[]": "drill_value"})
    return {int(value.split(" ")[2]) for value in values}


def _hole(prometheus: Prometheus, interval: float, seconds: float) -> float:
    """By how much the longest time between two samples of what it scrapes is longer than the interval, in the last ``seconds``."""
    (series,) = prometheus.query(f'up{{service="otel-collector"}}[{int(seconds)}s]')
    times = [at for at, _ in series["values"]]
    return max(later - earlier for earlier, later in pairwise(times)) - interval


def _corruptions(prometheus: Prometheus) -> float:
    """What it found broken in its own data, as soon as it tells."""
    names = ("prometheus_tsdb_wal_corruptions_total", "prometheus_tsdb_mmap_chunk_corruptions_total")

    def told() -> list[dict[str, Any]] | None:
        found = [series for name in names for series in prometheus.query(name)]
        return found if len(found) >= len(names) else None

    return sum(float(series["value"][1]) for series in wait_until(told, 30, "its own metrics"))


def _scraped(prometheus: Prometheus) -> bool:
    return bool(prometheus.query('up{service="otel-collector"} == 1'))


def killed(folder: Path, interval: float, down: float, variant: Variant | None = None, patience: float = 60) -> Report:
    report = Report("F10 Prometheus killed")
    with replicas_of(folder, interval, variant) as replicas, running(replicas.load()) as load:
        begun = time.monotonic()
        wait_until(lambda: _scraped(replicas.first), 20 + 2 * interval, "scrapes")
        time.sleep(3 * interval)
        fell = time.monotonic()
        replicas.first.stop(signal.SIGKILL)
        time.sleep(down)
        replicas.first.start()
        restart = time.monotonic() - fell
        time.sleep(8 + 2 * interval)
        load.stop()
        report.tell("restart", restart, " s")
        report.tell("points", load.acknowledged)
        hole = _hole(replicas.first, interval, time.monotonic() - begun)
        report.judge("hole beyond the restart", hole - restart, HOLE, " s")
        report.judge("corruptions", _corruptions(replicas.first), 0)
        report.judge("lost by the other one", _missing(replicas.second, load, 20), 0)
        report.judge("lost by the killed one", _missing(replicas.first, load, patience), 0)
    return report


def test_a_killed_replica_has_a_short_hole_and_loses_nothing_that_is_sent(
    tmp_path: Path, full: bool, passes: Callable[[Report], None]
) -> None:
    passes(killed(tmp_path, 15 if full else 1, 120 if full else 5))


def test_the_drill_sees_a_gateway_that_gives_up(tmp_path: Path) -> None:
    assert "lost by the killed one" in killed(tmp_path, 1, 12, gives_up, patience=10).missed


def test_a_replica_with_a_full_disk_recovers_and_the_other_one_has_everything(
    tmp_path: Path, full: bool, passes: Callable[[Report], None]
) -> None:
    report, interval = Report("F10 Prometheus with a full disk"), 1
    with replicas_of(tmp_path, interval) as replicas, running(replicas.load()) as load:
        wait_until(lambda: _scraped(replicas.first), 20, "scrapes")
        foreign = replicas.volume / "foreign"
        fill(foreign)
        time.sleep(120 if full else 12)
        report.require("the replica alive", replicas.first.ended is None)
        report.require("its writes failed", "no space left on device" in replicas.first.log())
        foreign.unlink()
        begun, since = time.monotonic(), time.time()
        again = f'timestamp(up{{service="otel-collector"}}) > {since}'
        wait_until(lambda: replicas.first.query(again), 60, "scrapes again")
        report.judge("scraped again after", time.monotonic() - begun, 30, " s")
        time.sleep(3)
        load.stop()
        report.tell("points", load.acknowledged)
        report.judge("lost by the other one", _missing(replicas.second, load, 20), 0)
        # Told and not judged: the other one has all of it.
        report.tell("lost by the full one", _missing(replicas.first, load, 20))
        replicas.first.stop(signal.SIGKILL)
        replicas.first.start()
        report.judge("corruptions after a kill", _corruptions(replicas.first), 0)
    passes(report)


def _reported(prometheus: Prometheus, of: str) -> list[dict[str, str]]:
    """The alerts about that address, pending or firing."""
    found = prometheus.query(f'ALERTS{{instance="{of}"}}')
    return [series["metric"] for series in found]


def _waits_for(prometheus: Prometheus, alert: str) -> float:
    """The seconds for which an alert has to be true before it fires."""
    groups = prometheus.ask("rules", type="alert")["groups"]
    return next(rule["duration"] for group in groups for rule in group["rules"] if rule["name"] == alert)


def lost(folder: Path, interval: float, *, patient: bool) -> Report:
    """``patient`` waits until the alert fires; else it is enough that it is pending, and its time is added."""
    report = Report("F10 Prometheus lost")
    with replicas_of(folder, interval) as replicas:
        wait_until(lambda: _scraped(replicas.second), 20 + 2 * interval, "scrapes")
        time.sleep(3 * interval)
        address = re.sub(r"^http://", "", replicas.first.url)
        begun = time.monotonic()
        replicas.first.stop(signal.SIGKILL)
        wait_until(lambda: _reported(replicas.second, address), 30 + 4 * interval, "an alert")
        seen = time.monotonic() - begun
        names = {alert["alertname"] for alert in _reported(replicas.second, address)}
        if patient:
            firing = f'ALERTS{{instance="{address}",alertstate="firing"}}'
            wait_until(lambda: replicas.second.query(firing), 600, "it to fire")
            report.judge("reported after", time.monotonic() - begun + WAIT, REPORTED, " s")
        else:
            soonest = min(_waits_for(replicas.second, name) for name in names)
            report.tell("noticed after", seen, " s")
            report.judge("reported after", soonest + AROUND, REPORTED, " s")
        report.require("the dead man's switch still held", replicas.second.query('ALERTS{alertname="Watchdog"}'))
    return report


def test_the_loss_of_a_replica_is_reported_by_the_other(
    tmp_path: Path, full: bool, passes: Callable[[Report], None]
) -> None:
    passes(lost(tmp_path, 15 if full else 1, patient=full))
