"""Alerts on the running stack: real faults, Prometheus with the rules, Alertmanager, and people who hear of them.

The short form has shorter windows and waits (``deployed_copy.HASTY``), ``--full`` those of production. One drill begins the
faults and ends them; each test looks at one alert in what people heard meanwhile.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from tests.e2e.running_stack import RunningStack, awaited, repeated
from tests.e2e.webhook_receiver import Message, received
from tests.support.repository import ROOT

NEAR = ("DailyLossNearLimit", "ExposureNearLimit", "OpenOrdersNearLimit")
OVER = ("DailyLossOverLimit", "ExposureOverLimit", "OpenOrdersOverLimit")
GUIDES = ("HighErrorRate", "HighLatency", "RedisSaturation")
KILL_SWITCH = (
    "KillSwitchEngaged",
    "KillSwitchIneffective",
    "KillSwitchInconsistent",
    "KillSwitchResetByRestart",
    "KillSwitchStateUnknown",
)
FEEDS = ("PositionsFrozen", "PriceFrozen", "ExposureFrozen", "MarketDataFrozen")
DRILLED = (*GUIDES, *NEAR, *OVER, *FEEDS, *KILL_SWITCH, "WorkloadDown")
SILENCED = "ServiceUnreachable"
"""What follows from WorkloadDown, and is not to be heard beside it."""
WORKERS, API, UI = "deployment/workers", "deployment/api", "deployment/ops-ui"
MARKETS = "BTC-USD,ETH-USD,SOL-USD"
FIGURES = ROOT / ".local/e2e"
FAULT_SECONDS = 3600
BALLAST = 125_000_000
"""Bytes of a key, for which Redis takes 128 MiB of the 160 that it may."""
PSQL = 'read -r PGPASSWORD < "$POSTGRES_PASSWORD_FILE"; export PGPASSWORD; exec /usr/lib/postgresql/15/bin/psql "$@"'
REFUSED = {"product": "BTC-USD", "side": "buy", "size": 1_000_000}
"""An order that is handled and refused, for its worth."""
POSITION = """
INSERT INTO orders (id, user_id, product, side, size, status, fill_price, filled_at)
VALUES (gen_random_uuid(), 'drill', :'product', 'buy', :size, 'filled', :price, now());
"""
WAITING = """
INSERT INTO orders (id, user_id, product, side, size, price, status)
SELECT gen_random_uuid(), 'drill', 'BTC-USD', 'buy', 0.001, 1, 'open' FROM generate_series(1, :orders);
"""


@dataclass
class Drill:
    """What was done when, and everything that people heard: ``begun`` and ``first`` by alert, in Unix seconds. ``silenced`` are the
    alerts by which Alertmanager silenced that of the service whose workload was down, until ``restored``."""

    begun: dict[str, float]
    first: dict[str, float]
    resolved: dict[str, float]
    messages: list[Message]
    silenced: set[str]
    restored: float

    def about(self, alert: str, status: str = "firing") -> list[Message]:
        return [each for each in self.messages if any(a["labels"]["alertname"] == alert for a in each.alerts(status))]


class Faults:
    """What goes wrong, and how it ends."""

    def __init__(self, stack: RunningStack, seconds: float) -> None:
        self._stack, self._seconds = stack, seconds
        self._cluster = stack.cluster
        self.begun: dict[str, float] = {}

    def kubectl(self, *arguments: str) -> str:
        return self._cluster.kubectl("--namespace=trading", *arguments).stdout

    def roll(self, *arguments: str) -> None:
        """Change deployments and wait until they have."""
        self.kubectl(*arguments)
        for each in (API, WORKERS):
            self.kubectl("rollout", "status", each, "--timeout=120s")
        self._stack.close("api")

    def begin(self, *alerts: str) -> None:
        self.begun |= dict.fromkeys(alerts, time.time())

    def sql(self, statement: str, **values: float | str) -> None:
        """Have PostgreSQL do it; ``:name`` stands for a value."""
        command = ["dash", "-c", PSQL, "psql", "--username=atlas", "--dbname=atlas", "--quiet", "--set=ON_ERROR_STOP=1"]
        command += [f"--set={name}={value}" for name, value in values.items()]
        self._cluster.kubectl("exec", "--stdin", "db-0", "--namespace=trading", "--", *command, stdin=statement)

    def redis(self, *command: str) -> str:
        return self.kubectl("exec", "cache-0", "--", "redis-cli", *command)

    def api(self, path: str, body: Any) -> None:
        answer = self._stack.ask("api", path, body)
        assert answer.status == 202, answer.text

    def fault(self, name: str, **of: str) -> None:
        self.api("/api/faults", {"kind": name, "seconds": FAULT_SECONDS, **of})

    def position(self, product: str, amount: float, *, loss: float = 0) -> None:
        """Of that worth, bought today at a price that has lost ``loss`` since."""
        price = self._stack.number(f'max(atlas_last_price{{product="{product}"}})')
        self.sql(POSITION, product=product, size=amount / price, price=price * (1 + loss / amount))

    def waiting(self, orders: int) -> None:
        """So many orders whose price is never reached."""
        self.sql(WAITING, orders=orders)

    def take_down(self, workload: str) -> None:
        """No node takes its pods any more, and those that run go at once."""
        self._patch(workload, {"$retainKeys": ["type"], "type": "Recreate"}, {"drill": "nowhere"})

    def bring_back(self, workload: str) -> None:
        rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
        self._patch(workload, rolling, None)
        # Not `rollout status`: of one that was down for long it reads the old deadline first, and gives up.
        self.kubectl("wait", "--for=condition=Available", workload, "--timeout=120s")

    def _patch(self, workload: str, strategy: dict[str, Any], node: dict[str, str] | None) -> None:
        spec = {"strategy": strategy, "template": {"spec": {"nodeSelector": node}}}
        self.kubectl("patch", workload, f"--patch={json.dumps({'spec': spec})}")

    def silencing(self, alert: str, service: str) -> set[str]:
        """The names of the alerts by which Alertmanager silences that one."""
        answer = self._stack.ask("alertmanager", "/api/v2/alerts")
        assert answer.status == 200, answer.text
        names = {each["fingerprint"]: each["labels"]["alertname"] for each in answer.json}
        return {
            names[by]
            for each in answer.json
            if each["labels"]["alertname"] == alert and each["labels"].get("service") == service
            for by in each["status"]["inhibitedBy"]
        }

    def await_received(self, *alerts: str) -> None:
        """Until people have heard of each, since its fault began."""
        told: set[str] = set()

        def all_of_them() -> bool:
            told.update(first_told(self._stack, "firing", self.begun))
            return told >= set(alerts)

        awaited(all_of_them, self._seconds, lambda: f"people to hear of {', '.join(set(alerts) - told)}")


def first_told(stack: RunningStack, status: str, begun: Mapping[str, float]) -> dict[str, float]:
    """When people were first told of each alert with that status, since its fault began."""
    found: dict[str, float] = {}
    for each in received(stack):
        for alert in each.alerts(status) if each.way == "/alerts" else ():
            name = alert["labels"]["alertname"]
            if each.at >= begun.get(name, 0):
                found.setdefault(name, each.at)
    return found


def stay_within_a_day(seconds: int) -> None:
    """The day's result starts anew at midnight UTC: a loss of just before it would not be told of."""
    left = 86_400 - time.time() % 86_400
    if left < seconds:
        time.sleep(left + 1)


@pytest.fixture(scope="module")
def drill(stack: RunningStack, full: bool) -> Drill:
    """All of it, from the first fault until everybody has heard that it is over."""
    faults = Faults(stack, 2400 if full else 240)
    faults.roll("set", "env", API, WORKERS, "FAULTS=true", f"ALLOWED_MARKETS={MARKETS}")
    awaited(lambda: stack.metrics("atlas_last_price"), 120, "prices, before which workers have made their tables")
    faults.sql("DELETE FROM orders;")
    stack.port("api")  # opened once, for all users of one time
    faults.begin("PositionsFrozen")
    with repeated(lambda: stack.ask("api", "/api/orders", REFUSED), every=1):
        others = "|".join(set(DRILLED) - {"PositionsFrozen"})
        awaited(
            lambda: not stack.metrics(f'ALERTS{{alertname=~"{others}"}}'), 600 if full else 180, "the end of others"
        )
        # Alertmanager tells of that end at its group's next turn, and of what is back before not at all.
        time.sleep(310 if full else 20)
        faults.await_received("PositionsFrozen")

    faults.begin("WorkloadDown", SILENCED)
    faults.take_down(UI)
    faults.begin("ExposureFrozen", "PriceFrozen")
    for product in ("BTC-USD", "SOL-USD"):
        faults.position(product, 100)
    time.sleep(30)  # two scrapes later both have an exposure, of which one moves
    faults.fault("exposure_frozen", product="SOL-USD")
    faults.fault("feed_frozen", product="ETH-USD")

    stay_within_a_day(1800 if full else 600)
    faults.begin(*GUIDES)
    faults.redis("SETRANGE", "ballast", str(BALLAST), "x")
    with (
        repeated(lambda: stack.ask("api", "/api/orders", {"product": "none"}), every=0.2, users=2),
        repeated(lambda: stack.ask("api", "/api/faults/slow?milliseconds=600"), every=0.2, users=3),
    ):
        faults.begin(*NEAR)
        # At a price that stands still: one that moves carries a position near its limit over it, before its time.
        faults.position("ETH-USD", 9_000, loss=900)
        faults.waiting(45)
        faults.await_received(*NEAR)

        faults.begin(*OVER)
        faults.position("ETH-USD", 3_000, loss=400)
        faults.waiting(15)
        faults.begin("KillSwitchEngaged", "KillSwitchIneffective")
        faults.fault("kill_switch_fails")
        faults.api("/api/kill-switch", {"engaged": True, "reason": "drill"})
        time.sleep(90)
        faults.waiting(5)
        faults.await_received(*GUIDES, *OVER, "KillSwitchEngaged", "KillSwitchIneffective")

    faults.await_received("ExposureFrozen", "PriceFrozen", "WorkloadDown")
    silenced: set[str] = awaited(lambda: faults.silencing(SILENCED, "ops-ui"), 240, f"{SILENCED} to be silenced")
    restored = time.time()
    faults.bring_back(UI)

    # A worker that starts has not heard of the switch.
    faults.begin("MarketDataFrozen", "KillSwitchInconsistent")
    faults.fault("feed_frozen")
    faults.roll("scale", WORKERS, "--replicas=2")
    faults.await_received("MarketDataFrozen", "KillSwitchInconsistent")
    faults.begin("KillSwitchResetByRestart")
    faults.roll("scale", WORKERS, "--replicas=1")
    faults.roll("rollout", "restart", WORKERS)
    faults.await_received("KillSwitchResetByRestart")
    faults.begin("KillSwitchStateUnknown")
    faults.roll("scale", WORKERS, "--replicas=0")
    faults.await_received("KillSwitchStateUnknown")

    faults.sql("DELETE FROM orders;")
    faults.redis("DEL", "ballast")
    faults.roll("scale", WORKERS, "--replicas=1")
    faults.api("/api/kill-switch", {"engaged": False, "reason": "the drill is over"})
    await_resolved(stack, faults.begun, full)
    first, resolved = (first_told(stack, status, faults.begun) for status in ("firing", "resolved"))
    tell({alert: round(first[alert] - faults.begun[alert]) for alert in DRILLED if alert in first}, full)
    return Drill(faults.begun, first, resolved, received(stack), silenced, restored)


def await_resolved(stack: RunningStack, begun: dict[str, float], full: bool) -> None:
    """Until people have heard that each alert is over, as far as they will in time."""
    end = time.monotonic() + (2400 if full else 300)
    while not first_told(stack, "resolved", begun).keys() >= set(DRILLED) and time.monotonic() < end:
        time.sleep(2)


def tell(seconds: dict[str, int], full: bool) -> None:
    """The seconds from each fault to the first message about it, on the terminal and in .local/e2e."""
    print("\n" + "\n".join(f"{alert}: heard {after} s after its fault began" for alert, after in seconds.items()))
    FIGURES.mkdir(parents=True, exist_ok=True)
    (FIGURES / f"alerts-{'full' if full else 'short'}.json").write_text(json.dumps(seconds, indent=1) + "\n")


@pytest.mark.parametrize("alert", DRILLED)
def test_people_hear_of_it_and_when_it_is_over(drill: Drill, alert: str) -> None:
    messages = drill.about(alert)
    assert messages
    for each in messages:
        assert each.receiver == "notify"
        assert each.group["alertname"] == alert
        for told in each.alerts("firing"):
            assert told["labels"]["environment"] == "local"
            assert told["annotations"]["summary"]
            assert told["annotations"]["runbook_url"].endswith(f"{alert}.md")
    assert alert in drill.first
    assert alert in drill.resolved, f"nobody heard that {alert} is over"


def test_of_a_service_whose_workload_is_down_nobody_hears_twice(drill: Drill) -> None:
    assert drill.silenced == {"WorkloadDown"}
    assert any(
        a["labels"]["service"] == "ops-ui" for each in drill.about("WorkloadDown") for a in each.alerts("firing")
    )
    assert not [each for each in drill.about(SILENCED) if drill.begun[SILENCED] <= each.at < drill.restored], (
        "people heard that the service does not answer, though they knew that its workload is down"
    )


def test_nothing_pages_outside_production(drill: Drill) -> None:
    assert {each.receiver for each in drill.messages} == {"notify", "dead-mans-switch"}


def test_a_message_is_about_one_alert_of_one_service(drill: Drill) -> None:
    told = [each for each in drill.messages if each.receiver == "notify"]
    assert told
    for each in told:
        assert each.group.keys() == {"environment", "service", "alertname"} or each.group.keys() == {
            "environment",
            "alertname",
        }
        for alert in each.told["alerts"]:
            assert {key: alert["labels"].get(key) for key in each.group} == each.group


def test_the_dead_mans_switch_hears_the_watchdog_every_minute_or_so(drill: Drill) -> None:
    alive = [each for each in drill.messages if each.way == "/alive"]
    assert {each.receiver for each in alive} == {"dead-mans-switch"}
    assert all(alert["labels"]["alertname"] == "Watchdog" for each in alive for alert in each.told["alerts"])
    times = [each.at for each in alive]
    assert len(times) > 3
    assert max(later - earlier for earlier, later in pairwise(times)) < 150
