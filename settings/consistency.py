"""Which settings and secrets go together: what each value's own type cannot see."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from catalog.images import IMAGES, is_digest_reference, parts_of
from components.platform_services import JOBS, SERVICES
from settings.addresses import addresses, doors
from settings.introspection import Path
from settings.issues import ASK, Disagreement
from settings.model import PRODUCTION, Build, External, Namespaces, Trading
from settings.units import to_bytes, to_hours, to_millicores

SMALLEST = {
    "collector": "256Mi",
    "agent": "128Mi",
    "prometheus": "512Mi",
    "alertmanager": "64Mi",
    "loki": "512Mi",
    "jaeger": "512Mi",
    "grafana": "256Mi",
}
"""Memory below which the tool does not start, or its limits leave nothing to work with."""
SMALLEST_SERVICE = "64Mi"
SMALLEST_CPU = "10m"
SMALLEST_VOLUMES = {"prometheus": "1Gi", "loki": "1Gi", "jaeger": "1Gi", "alertmanager": "64Mi"}
"""Room for the log that is written ahead, and for a block beside the one that it is made of."""
SMALLEST_QUEUES = "512Mi"
"""Of the gateway's volume: each queue then holds several of the largest batches."""

LONGEST_WINDOW = "3d"
"""The longest range that a rule looks back over (``rules/``)."""

RECEIVERS = ("slackWebhookUrl", "teamsWebhookUrl", "pagerdutyRoutingKey", "alertWebhookUrl")
TOKENS = {
    "tracesToken": ("traces", ("endpoint",), "traces.endpoint"),
    "logsToken": ("logs", ("copy_to",), "logs.copyTo"),
    "elasticsearchApiKey": ("logs", ("elasticsearch",), "logs.elasticsearch"),
    "remoteWriteToken": ("prometheus", ("remote_write",), "prometheus.remoteWrite"),
}
"""Credentials by the addresses that they are for: the setting, its fields, and how its user writes them."""
STORE_KEYS = ("objectStorageAccessKey", "objectStorageSecretKey")
EXCHANGE = ("coinbaseApiKey", "coinbaseApiSecret")

OF_DEVELOPMENT = re.compile(
    r"(^|[^a-z])(dev|devel|development|test|testing|staging|sandbox|local|kind|minikube|k3d|docker-desktop)([^a-z]|$)"
    r"|(^|[^a-z])(non|pre)-?prod"
)
OF_PRODUCTION = re.compile(r"(?<!non)(?<!pre)(?<!non-)(?<!pre-)(?<![a-z])(prod|production)([^a-z]|$)")
"""What the context of another environment is called."""


def disagreements(parts: Mapping[str, Any], environment: str | None, given: Collection[str]) -> Iterator[Disagreement]:
    """What is wrong between values that are each valid.

    ``parts`` holds the valid top-level settings by field name, ``given`` the keys of the secrets that there are.
    """
    yield from _sizes(parts)
    yield from _stores(parts, given)
    yield from _names(parts)
    yield from addresses(parts, environment)
    yield from doors(parts)
    yield from _images(parts)
    yield from _paused(parts)
    yield from _built(parts, environment)
    yield from _platform(parts)
    yield from _credentials(parts, given)
    if environment == "prod":
        yield from _production(parts, given)
    elif environment:
        yield from _elsewhere(parts, environment, given)


def _backtests(trading: Trading) -> Iterator[Disagreement]:
    names: set[str] = set()
    for at, each in enumerate(trading.backtests):
        path = ("trading", "backtests", at)
        if each.name in names:
            other = f"{each.name[:60]}-{at + 1}"
            yield Disagreement((*path, "name"), "is there twice", "a name of its own", each.name, other)
        names.add(each.name)
        if each.end <= each.start:
            after = str(date.fromisoformat(each.start) + timedelta(days=1))
            yield Disagreement((*path, "end"), "is not after its start", f"a day after {each.start}", each.end, after)


def doubts(parts: Mapping[str, Any], environment: str | None, given: Collection[str]) -> Iterator[Disagreement]:
    """What is allowed, and likely not what was meant."""
    prometheus, trading, loki, cluster = (parts.get(each) for each in ("prometheus", "trading", "loki", "cluster"))
    if prometheus and prometheus.operator:
        for key in sorted({*RECEIVERS, "deadMansSwitchUrl"} & set(given)):
            expected = "it in the operator's Alertmanager: none runs here"
            yield Disagreement(key, "has no effect beside prometheus.operator", expected, remove=True)
    if trading and not trading.enabled:
        of_platform = {secret for service in SERVICES.values() for secret in service.secrets.values()}
        for key in sorted(of_platform & set(given) - set(RECEIVERS)):
            yield Disagreement(key, "has no service that it is for", "trading.enabled: true beside it", remove=True)
    if environment != "prod":
        return
    if loki and loki.replicas == 1:
        expected = "3 and loki.objectStorage beside it"
        yield Disagreement("loki.replicas", "leaves one copy of the logs on one volume", expected, 1, mend=3)
    if cluster and not cluster.wait_for_ready:
        wrong = "lets an update succeed whose pods never start"
        yield Disagreement("cluster.waitForReady", wrong, "true", False, mend=True)
    if trading and trading.log_level == "debug":
        wrong = "may write what customers do into the logs"
        yield Disagreement("trading.logLevel", wrong, "info or above", "debug", mend="info")


def _sizes(parts: Mapping[str, Any]) -> Iterator[Disagreement]:
    for part, least in SMALLEST.items():
        if part in parts:
            yield from _at_least((part, "memory"), parts[part].memory, least, "is too small to start with")
            yield from _enough_cpu((part, "cpu"), parts[part].cpu)
    for part, least in SMALLEST_VOLUMES.items():
        if part in parts:
            yield from _at_least((part, "volume"), parts[part].volume, least, "is too small for what is written ahead")
    for part, key in (("collector", "volume"), ("agent", "queue")):
        if part in parts:
            size = getattr(parts[part], key)
            yield from _at_least((part, key), size, SMALLEST_QUEUES, "is too small for the queues")
    if "trading" in parts:
        for name, size in parts["trading"].services.items():
            above = ("trading", "services", name)
            if size.memory:
                yield from _at_least((*above, "memory"), size.memory, SMALLEST_SERVICE, "is too small to start with")
            if size.cpu:
                yield from _enough_cpu((*above, "cpu"), size.cpu)
    if "limits" in parts and parts["limits"].max_order_notional > parts["limits"].max_exposure:
        limits = parts["limits"]
        expected = f"at most limits.maxExposure ({limits.max_exposure:.15g}): one order would exceed it"
        found = limits.max_order_notional
        yield Disagreement("limits.maxOrderNotional", "is above the exposure", expected, found, limits.max_exposure)


def _at_least(path: Path, size: str, least: str, wrong: str) -> Iterator[Disagreement]:
    if to_bytes(size) < to_bytes(least):
        yield Disagreement(path, wrong, f"at least {least}", size, mend=least)


def _enough_cpu(path: Path, cpu: str) -> Iterator[Disagreement]:
    if to_millicores(cpu) < to_millicores(SMALLEST_CPU):
        yield Disagreement(path, "is too small to start with", f"at least {SMALLEST_CPU}", cpu, mend="100m")


def _stores(parts: Mapping[str, Any], given: Collection[str]) -> Iterator[Disagreement]:
    if "loki" in parts:
        loki = parts["loki"]
        if to_hours(loki.retention) < 24:
            yield Disagreement(
                "loki.retention", "is shorter than Loki's index period", "at least 1d", loki.retention, "1d"
            )
        if loki.replicas > 1 and loki.object_storage is None:
            expected = "1, or loki.objectStorage beside it: replicas share what they keep"
            yield Disagreement("loki.replicas", "needs a store for all replicas", expected, loki.replicas, mend=1)
    if "prometheus" in parts:
        prometheus = parts["prometheus"]
        if to_hours(prometheus.retention) < to_hours(LONGEST_WINDOW):
            wrong = "is shorter than the longest window of a rule"
            yield Disagreement(
                "prometheus.retention", wrong, f"at least {LONGEST_WINDOW}", prometheus.retention, LONGEST_WINDOW
            )
        if prometheus.operator and not prometheus.url:
            expected = "where the gateway sends metrics to and Grafana reads"
            yield Disagreement(
                "prometheus.url", "is missing beside prometheus.operator", expected, mend="http://prometheus:9090"
            )
        if prometheus.url and not prometheus.operator:
            expected = "no url, or prometheus.operator: true"
            yield Disagreement("prometheus.url", "is of another Prometheus", expected, prometheus.url, remove=True)
        if prometheus.operator and prometheus.remote_write:
            wrong, expected = "has no effect beside prometheus.operator", "remote write in the operator's Prometheus"
            yield Disagreement("prometheus.remoteWrite", wrong, expected, prometheus.remote_write, remove=True)
    if "traces" in parts and parts["traces"].query_url and not parts["traces"].endpoint:
        expected = "traces.endpoint beside it: without one, Grafana asks the Jaeger here"
        yield Disagreement(
            "traces.queryUrl", "is of a store that is not used", expected, parts["traces"].query_url, remove=True
        )


def _names(parts: Mapping[str, Any]) -> Iterator[Disagreement]:
    if "namespaces" in parts:
        names = parts["namespaces"]
        seen: dict[str, str] = {}
        for role in ("observability", "trading", "agents"):
            name = getattr(names, role)
            if name in seen:
                wrong = f"is the namespace of namespaces.{seen[name]}"
                mend = Namespaces.model_fields[role].default
                yield Disagreement(f"namespaces.{role}", wrong, "a namespace of its own", name, mend=mend)
            seen.setdefault(name, role)


def _images(parts: Mapping[str, Any]) -> Iterator[Disagreement]:
    images: Mapping[str, str] = parts.get("images", {})
    known = sorted(IMAGES.keys() | SERVICES.keys())
    for name, reference in images.items():
        path = ("images", name)
        if name not in known:
            expected = "one of " + ", ".join(known)
            yield Disagreement(path, "is no image of this stack", expected, reference, remove=True)
            continue
        pinned = IMAGES.get(name, "")
        (base, tag, digest), (pinned_base, pinned_tag, pinned_digest) = parts_of(reference), parts_of(pinned)
        if digest and (base, tag) == (pinned_base, pinned_tag) and digest != pinned_digest:
            wrong = "has another digest than the same version in images/upstream.yaml"
            yield Disagreement(path, wrong, pinned, reference, mend=pinned)


def _paused(parts: Mapping[str, Any]) -> Iterator[Disagreement]:
    paused: Sequence[str] = parts.get("paused", ())
    known = sorted(IMAGES.keys() | SERVICES.keys())
    for index, name in enumerate(paused):
        if name not in known:
            expected = "one of " + ", ".join(known)
            yield Disagreement(("paused", index), "is no workload of this stack", expected, name, remove=True)


def _built(parts: Mapping[str, Any], environment: str | None) -> Iterator[Disagreement]:
    if "build" not in parts:
        return
    build: Build = parts["build"]
    if not build.enabled:
        if "platform" in parts and parts["platform"].source:
            wrong, source = "has no effect without build.enabled", parts["platform"].source
            yield Disagreement("platform.source", wrong, "build.enabled: true beside it", source, remove=True)
        if build != Build():
            wrong = "is false beside settings of a build"
            yield Disagreement("build.enabled", wrong, "true, or no other setting of build", False, mend=True)
    elif environment and environment != "local" and not build.repository:
        expected = "the repository from which the cluster pulls what is built"
        yield Disagreement("build.repository", "is missing beside build.enabled", expected)


def _platform(parts: Mapping[str, Any]) -> Iterator[Disagreement]:
    if "trading" not in parts:
        return
    trading: Trading = parts["trading"]
    yield from _backtests(trading)
    for name, size in trading.services.items():
        path = ("trading", "services", name)
        if name not in SERVICES:
            expected = "one of " + ", ".join(sorted(SERVICES))
            yield Disagreement(path, "is no service of the platform", expected, remove=True)
        elif name in JOBS and size.replicas is not None:
            expected = "no number of replicas: it runs to its end"
            yield Disagreement((*path, "replicas"), "has no effect", expected, size.replicas, remove=True)
        elif name in ("workers", "ops-bot") and (size.replicas or 1) > 1:
            expected = "1: two would act twice on every event"
            yield Disagreement((*path, "replicas"), "is not safe", expected, size.replicas, mend=1)
    if len(set(trading.markets)) < len(trading.markets):
        twice = next(index for index, each in enumerate(trading.markets) if each in trading.markets[:index])
        path = ("trading", "markets", twice)
        yield Disagreement(path, "is there already", "each product once", trading.markets[twice], remove=True)
    if not trading.enabled:
        return
    if "images" in parts and not ("build" in parts and parts["build"].enabled):
        for name in sorted(SERVICES.keys() - parts["images"].keys()):
            expected = "name:tag@sha256:<64 hex digits> of the image that you built"
            yield Disagreement(("images", name), "is missing beside trading.enabled", expected)
    if not trading.url:
        yield Disagreement("trading.url", "is missing beside trading.enabled", "where people open ops-ui")
    if parts.get("ingress") and not trading.api_url:
        yield Disagreement("trading.apiUrl", "is missing beside ingress", "where clients reach the api")


def _credentials(parts: Mapping[str, Any], given: Collection[str]) -> Iterator[Disagreement]:
    for key, (part, fields, written) in TOKENS.items():
        if key in given and part in parts and not any(getattr(parts[part], field) for field in fields):
            yield Disagreement(key, "has no address that it is for", f"{written} beside it", remove=True)
    if "loki" in parts:
        there, missing = [key for key in STORE_KEYS if key in given], [key for key in STORE_KEYS if key not in given]
        if there and parts["loki"].object_storage is None:
            for key in there:
                yield Disagreement(key, "has no store that it is for", "loki.objectStorage beside it", remove=True)
        elif there and missing:
            yield Disagreement(missing[0], f"is missing beside {there[0]}", "both keys of the store, or neither")
    trading = parts.get("trading")
    if trading and trading.enabled:
        for key in ("postgresPassword", "rabbitmqPassword") if trading.external else ():
            if key not in given:
                yield Disagreement(key, "is missing beside trading.external", "the password of that service")
        for key in EXCHANGE if trading.live else ():
            if key not in given:
                yield Disagreement(key, "is missing beside trading.live", "the exchange's key")


def _production(parts: Mapping[str, Any], given: Collection[str]) -> Iterator[Disagreement]:
    for name, reference in parts.get("images", {}).items():
        if not is_digest_reference(reference):
            yield Disagreement(("images", name), "has no digest", f"{reference}@sha256:<64 hex digits>", reference)
    for index, name in enumerate(parts.get("paused", ())):
        yield Disagreement(
            ("paused", index), "would not run in production", "all workloads with pods", name, remove=True
        )
    if "cluster" in parts:
        cluster = parts["cluster"]
        if OF_DEVELOPMENT.search(cluster.context.lower()):
            expected = "production's context, called so"
            yield Disagreement("cluster.context", "is of another environment", expected, cluster.context, mend=ASK)
        if cluster.kubelet_insecure:
            expected = "false: kubelets with certificates of the cluster's CA"
            yield Disagreement("cluster.kubeletInsecure", "is not for production", expected, True, mend=False)
    if "collector" in parts and not parts["collector"].fsync:
        expected = "true: what was acknowledged survives a power loss"
        yield Disagreement("collector.fsync", "is not for production", expected, False, mend=True)
    prometheus = parts.get("prometheus")
    operator = prometheus is not None and prometheus.operator
    for part, least in PRODUCTION.items():
        if part in parts and parts[part].replicas < least["replicas"] and (part == "collector" or not operator):
            wrong, count = "cannot survive the loss of a node", least["replicas"]
            yield Disagreement(f"{part}.replicas", wrong, f"at least {count}", parts[part].replicas, mend=count)
    if prometheus and not operator:
        if not set(RECEIVERS) & set(given):
            expected = "at least one of " + ", ".join(RECEIVERS)
            yield Disagreement("alertWebhookUrl", "is missing: no alert would reach anybody", expected)
        if "deadMansSwitchUrl" not in given:
            expected = "the heartbeat URL of a monitor outside the cluster"
            yield Disagreement("deadMansSwitchUrl", "is missing: nobody would hear that alerting is dead", expected)
    trading = parts.get("trading")
    if trading and trading.enabled:
        if trading.external is None:
            for key, field in External.model_fields.items():
                expected = f"{field.description}, of data services that are backed up"
                yield Disagreement(f"trading.external.{key}", "is missing in production", expected)
        api = trading.services.get("api")
        if api and api.replicas is not None and api.replicas < 2:
            path = ("trading", "services", "api", "replicas")
            yield Disagreement(path, "cannot survive the loss of a node", "at least 2", api.replicas, mend=2)


def _elsewhere(parts: Mapping[str, Any], environment: str, given: Collection[str]) -> Iterator[Disagreement]:
    """What is production's alone."""
    if "pagerdutyRoutingKey" in given:
        wrong, expected = f"would page people for {environment}", "it in production alone"
        yield Disagreement("pagerdutyRoutingKey", wrong, expected, remove=True)
    if "cluster" in parts and OF_PRODUCTION.search(parts["cluster"].context.lower()):
        expected = f"a context of {environment}, called so"
        yield Disagreement("cluster.context", "is of another environment", expected, parts["cluster"].context, mend=ASK)
    if "trading" in parts and parts["trading"].live:
        expected = "false: real orders are for production"
        yield Disagreement("trading.live", f"would send real orders from {environment}", expected, True, mend=False)
