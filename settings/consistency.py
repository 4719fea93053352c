"""Which settings and secrets go together: what each value's own type cannot see."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from catalog.images import IMAGES, parts_of
from components.platform_services import JOBS, SERVICES, service_secrets
from image_build.collector import COLLECTOR
from settings.addresses import check_ingress, check_urls
from settings.introspection import Path, value_at
from settings.issues import ASK, ConfigIssue
from settings.model import PRODUCTION, Build, ExternalDataServices, Ingress, Limits, Logs, Namespaces, Platform
from settings.secret_table import RECEIVERS, SECRETS
from settings.units import to_bytes, to_hours, to_millicores

MIN_MEMORY = {
    "collector": "256Mi",
    "agent": "128Mi",
    "prometheus": "512Mi",
    "alertmanager": "64Mi",
    "loki": "512Mi",
    "victorialogs": "128Mi",
    "jaeger": "512Mi",
    "grafana": "256Mi",
}
"""Memory below which the tool does not start, or its limits leave nothing to work with."""
MIN_SERVICE_MEMORY = "64Mi"
MIN_CPU = "10m"
MIN_VOLUMES = {"prometheus": "1Gi", "loki": "1Gi", "victorialogs": "1Gi", "jaeger": "1Gi", "alertmanager": "64Mi"}
"""Room for the log that is written ahead, and for a block beside the one that it is made of."""
MIN_QUEUE_VOLUME = "512Mi"
"""Of the gateway's volume: each queue then holds several of the largest batches."""

MAX_RULE_WINDOW = "3d"
"""The longest range that a rule looks back over (``rules/``)."""

UPSTREAM_COLLECTOR = "opentelemetry-collector"
"""How the names of the upstream images begin, in their own registries and in mirrors."""

STORE_KEYS = ("objectStorageAccessKey", "objectStorageSecretKey")

DEVELOPMENT_CONTEXT = re.compile(
    r"(^|[^a-z])(dev|devel|development|test|testing|staging|sandbox|local|kind|minikube|k3d|docker-desktop)([^a-z]|$)"
    r"|(^|[^a-z])(non|pre)-?prod"
)
PRODUCTION_CONTEXT = re.compile(r"(?<!non)(?<!pre)(?<!non-)(?<!pre-)(?<![a-z])(prod|production)([^a-z]|$)")
"""Names of contexts that belong to another environment."""


def find_inconsistencies(
    parts: Mapping[str, Any], environment: str | None, configured_secrets: Collection[str]
) -> Iterator[ConfigIssue]:
    """What is wrong between values that are each valid.

    ``parts`` holds the valid top-level settings by field name, ``configured_secrets`` the keys of the secrets that are set.
    """
    yield from _sizes(parts)
    yield from _backends(parts, configured_secrets)
    yield from _names(parts)
    yield from check_urls(parts, environment)
    yield from check_ingress(parts)
    yield from _public_access(parts, configured_secrets)
    yield from _images(parts)
    yield from _collector(parts)
    yield from _scaled_to_zero(parts)
    yield from _built(parts, environment)
    yield from _platform(parts)
    yield from _credentials(parts, configured_secrets)
    if environment == "prod":
        yield from _production(parts, configured_secrets)
    elif environment:
        yield from _non_production(parts, environment, configured_secrets)


def _backtests(platform: Platform) -> Iterator[ConfigIssue]:
    names: set[str] = set()
    for at, each in enumerate(platform.backtests):
        path = ("platform", "backtests", at)
        if each.name in names:
            other = f"{each.name[:60]}-{at + 1}"
            yield ConfigIssue((*path, "name"), "is there twice", "a name of its own", each.name, other)
        names.add(each.name)
        if each.end <= each.start:
            after = str(date.fromisoformat(each.start) + timedelta(days=1))
            yield ConfigIssue((*path, "end"), "is not after its start", f"a day after {each.start}", each.end, after)


def find_warnings(
    parts: Mapping[str, Any], environment: str | None, configured_secrets: Collection[str]
) -> Iterator[ConfigIssue]:
    """What is allowed, and likely not what was meant."""
    prometheus, platform, loki, cluster = (parts.get(each) for each in ("prometheus", "platform", "loki", "cluster"))
    if prometheus and prometheus.operator:
        for key in sorted({*RECEIVERS, "deadMansSwitchUrl"} & set(configured_secrets)):
            expected = "it in the operator's Alertmanager: none runs here"
            yield ConfigIssue(key, "has no effect beside prometheus.operator", expected, remove=True)
    if platform and not platform.enabled:
        of_platform = {key for service in SERVICES for key in service_secrets(service)}
        for key in sorted(of_platform & set(configured_secrets) - set(RECEIVERS)):
            yield ConfigIssue(key, "has no service that it is for", "platform.enabled: true beside it", remove=True)
    yield from _log_panels(parts)
    if environment != "prod":
        return
    backend = parts["logs"].backend if "logs" in parts else "loki"
    if backend == "victorialogs":
        expected = "loki with loki.objectStorage, or external"
        yield ConfigIssue("logs.backend", "leaves one copy of the logs on one volume", expected, backend)
    if loki and loki.replicas == 1 and backend == "loki":
        expected = "3 and loki.objectStorage beside it"
        yield ConfigIssue("loki.replicas", "leaves one copy of the logs on one volume", expected, 1, fix=3)
    if cluster and not cluster.wait_for_ready:
        wrong = "lets an update succeed whose pods never start"
        yield ConfigIssue("cluster.waitForReady", wrong, "true", False, fix=True)
    if platform and platform.log_level == "debug":
        wrong = "may write what customers do into the logs"
        yield ConfigIssue("platform.logLevel", wrong, "info or above", "debug", fix="info")


def _log_panels(parts: Mapping[str, Any]) -> Iterator[ConfigIssue]:
    """Grafana of ours without the plugin that asks VictoriaLogs."""
    if not {"logs", "grafana"} <= parts.keys() or parts["logs"].backend != "victorialogs" or parts["grafana"].existing:
        return
    if "grafana" not in (*parts.get("images", ()), *parts.get("scaled_to_zero", ())):
        expected = "an image that has the plugin victoriametrics-logs-datasource (docs/existing-clusters.md)"
        yield ConfigIssue("images.grafana", "shows no logs of VictoriaLogs as it is pinned", expected)


def _sizes(parts: Mapping[str, Any]) -> Iterator[ConfigIssue]:
    for part, minimum in MIN_MEMORY.items():
        if part in parts:
            yield from _at_least((part, "memory"), parts[part].memory, minimum, "is too small to start with")
            yield from _enough_cpu((part, "cpu"), parts[part].cpu)
    for part, minimum in MIN_VOLUMES.items():
        if part in parts:
            yield from _at_least(
                (part, "volume"), parts[part].volume, minimum, "is too small for what is written ahead"
            )
    for part, key in (("collector", "volume"), ("agent", "queue")):
        if part in parts:
            size = getattr(parts[part], key)
            yield from _at_least((part, key), size, MIN_QUEUE_VOLUME, "is too small for the queues")
    if "platform" in parts:
        for name, size in parts["platform"].services.items():
            above = ("platform", "services", name)
            if size.memory:
                yield from _at_least((*above, "memory"), size.memory, MIN_SERVICE_MEMORY, "is too small to start with")
            if size.cpu:
                yield from _enough_cpu((*above, "cpu"), size.cpu)
    if "limits" in parts and parts["limits"].max_order_notional > parts["limits"].max_exposure:
        limits = parts["limits"]
        expected = f"at most limits.maxExposure ({limits.max_exposure:.15g}): one order would exceed it"
        found = limits.max_order_notional
        yield ConfigIssue("limits.maxOrderNotional", "is above the exposure", expected, found, limits.max_exposure)


def _at_least(path: Path, size: str, minimum: str, wrong: str) -> Iterator[ConfigIssue]:
    if to_bytes(size) < to_bytes(minimum):
        yield ConfigIssue(path, wrong, f"at least {minimum}", size, fix=minimum)


def _enough_cpu(path: Path, cpu: str) -> Iterator[ConfigIssue]:
    if to_millicores(cpu) < to_millicores(MIN_CPU):
        yield ConfigIssue(path, "is too small to start with", f"at least {MIN_CPU}", cpu, fix="100m")


def _backends(parts: Mapping[str, Any], configured_secrets: Collection[str]) -> Iterator[ConfigIssue]:
    if "loki" in parts:
        loki = parts["loki"]
        if to_hours(loki.retention) < 24:
            yield ConfigIssue(
                "loki.retention", "is shorter than Loki's index period", "at least 1d", loki.retention, "1d"
            )
        if loki.replicas > 1 and loki.object_storage is None:
            expected = "1, or loki.objectStorage beside it: replicas share what they keep"
            yield ConfigIssue("loki.replicas", "needs a store for all replicas", expected, loki.replicas, fix=1)
    if "victorialogs" in parts and to_hours(parts["victorialogs"].retention) < 24:
        wrong, found = "is shorter than what VictoriaLogs keeps at least", parts["victorialogs"].retention
        yield ConfigIssue("victorialogs.retention", wrong, "at least 1d", found, "1d")
    yield from _log_backend(parts)
    if "prometheus" in parts:
        prometheus = parts["prometheus"]
        if to_hours(prometheus.retention) < to_hours(MAX_RULE_WINDOW):
            wrong = "is shorter than the longest window of a rule"
            yield ConfigIssue(
                "prometheus.retention", wrong, f"at least {MAX_RULE_WINDOW}", prometheus.retention, MAX_RULE_WINDOW
            )
        if prometheus.operator and not prometheus.url:
            expected = "where the gateway sends metrics to and Grafana reads"
            yield ConfigIssue(
                "prometheus.url", "is missing beside prometheus.operator", expected, fix="http://prometheus:9090"
            )
        if prometheus.url and not prometheus.operator:
            expected = "no url, or prometheus.operator: true"
            yield ConfigIssue("prometheus.url", "is of another Prometheus", expected, prometheus.url, remove=True)
        if prometheus.operator and prometheus.remote_write:
            wrong, expected = "has no effect beside prometheus.operator", "remote write in the operator's Prometheus"
            yield ConfigIssue("prometheus.remoteWrite", wrong, expected, prometheus.remote_write, remove=True)
    if "traces" in parts and parts["traces"].query_url and not parts["traces"].endpoint:
        expected = "traces.endpoint beside it: without one, Grafana asks the Jaeger here"
        yield ConfigIssue(
            "traces.queryUrl", "is of a store that is not used", expected, parts["traces"].query_url, remove=True
        )


def _log_backend(parts: Mapping[str, Any]) -> Iterator[ConfigIssue]:
    if "logs" not in parts:
        return
    logs: Logs = parts["logs"]
    beside = f"logs.backend: {logs.backend}"
    if logs.backend == "external" and not logs.otlp_endpoint:
        expected = "OTLP/HTTP base URL of the store that gets the logs"
        yield ConfigIssue("logs.otlpEndpoint", f"is missing beside {beside}", expected)
    if logs.backend != "external" and logs.query_url:
        expected = "logs.backend: external beside it: Grafana asks the store here"
        yield ConfigIssue("logs.queryUrl", "is of a store that is not used", expected, logs.query_url, remove=True)
    if logs.backend != "loki" and value_at(parts, "loki.objectStorage"):
        expected = "logs.backend: loki beside it, or no object storage"
        yield ConfigIssue("loki.objectStorage", f"has no effect beside {beside}", expected, remove=True)


def _names(parts: Mapping[str, Any]) -> Iterator[ConfigIssue]:
    if "namespaces" in parts:
        names = parts["namespaces"]
        seen: dict[str, str] = {}
        for role in ("observability", "trading", "agents"):
            name = getattr(names, role)
            if name in seen:
                wrong = f"is the namespace of namespaces.{seen[name]}"
                fix = Namespaces.model_fields[role].default
                yield ConfigIssue(f"namespaces.{role}", wrong, "a namespace of its own", name, fix=fix)
            seen.setdefault(name, role)


def _images(parts: Mapping[str, Any]) -> Iterator[ConfigIssue]:
    images: Mapping[str, str] = parts.get("images", {})
    known = sorted(IMAGES.keys() | SERVICES.keys())
    for name, reference in images.items():
        path = ("images", name)
        if name not in known:
            expected = "one of " + ", ".join(known)
            yield ConfigIssue(path, "is no image of this stack", expected, reference, remove=True)
            continue
        pinned = IMAGES.get(name, "")
        (base, tag, digest), (pinned_base, pinned_tag, pinned_digest) = parts_of(reference), parts_of(pinned)
        if digest and (base, tag) == (pinned_base, pinned_tag) and digest != pinned_digest:
            wrong = "has another digest than the same version in images/upstream.yaml"
            yield ConfigIssue(path, wrong, pinned, reference, fix=pinned)


def _collector(parts: Mapping[str, Any]) -> Iterator[ConfigIssue]:
    """Our own Collector is in no registry but the user's, and the upstream one does not know its configuration."""
    if "collector" not in parts:
        return
    ours = parts["collector"].distribution == "atlas"
    upstream, path = "collector.distribution: upstream", ("images", COLLECTOR)
    if not ours and parts["collector"].personal_data == "masked":
        expected = "collector.distribution: atlas beside it"
        yield ConfigIssue("collector.personalData", f"has no effect beside {upstream}", expected, "masked", remove=True)
    if ours and "logs" in parts and parts["logs"].elasticsearch:
        found = parts["logs"].elasticsearch
        yield ConfigIssue(
            "logs.elasticsearch", "is no exporter of our own Collector", f"{upstream} beside it", found, remove=True
        )
    if not {"images", "build"} <= parts.keys():
        return
    reference: str | None = parts["images"].get(COLLECTOR)
    is_upstream = reference is not None and parts_of(reference)[0].rpartition("/")[2].startswith(UPSTREAM_COLLECTOR)
    if ours and reference is None and not parts["build"].makes(COLLECTOR):
        expected = f"the image that you built from images/collector, build.enabled: true, or {upstream}"
        yield ConfigIssue(path, "is missing: no registry has our own Collector", expected, fix=ASK)
    elif ours and is_upstream:
        yield ConfigIssue(
            path, "is not our own Collector", f"an image of images/collector, or {upstream}", reference, fix=ASK
        )


def _scaled_to_zero(parts: Mapping[str, Any]) -> Iterator[ConfigIssue]:
    scaled_to_zero: Sequence[str] = parts.get("scaled_to_zero", ())
    known = sorted(IMAGES.keys() | SERVICES.keys())
    for index, name in enumerate(scaled_to_zero):
        if name not in known:
            expected = "one of " + ", ".join(known)
            yield ConfigIssue(("scaledToZero", index), "is no workload of this stack", expected, name, remove=True)


def _built(parts: Mapping[str, Any], environment: str | None) -> Iterator[ConfigIssue]:
    if "build" not in parts:
        return
    build: Build = parts["build"]
    if not build.enabled:
        if parts.get("platform") and parts["platform"].source:
            wrong, source = "has no effect without build.enabled", parts["platform"].source
            yield ConfigIssue("platform.source", wrong, "build.enabled: true beside it", source, remove=True)
        if build != Build():
            wrong = "is false beside settings of a build"
            yield ConfigIssue("build.enabled", wrong, "true, or no other setting of build", False, fix=True)
        return
    known = sorted({COLLECTOR, *SERVICES})
    for index, name in enumerate(build.only or ()):
        if name not in known:
            expected = "one of " + ", ".join(known)
            yield ConfigIssue(("build", "only", index), "is no image that is built here", expected, name, remove=True)
    if environment and environment != "local" and not build.repository:
        expected = "the repository from which the cluster pulls what is built"
        yield ConfigIssue("build.repository", "is missing beside build.enabled", expected)


def _platform(parts: Mapping[str, Any]) -> Iterator[ConfigIssue]:
    if "platform" not in parts:
        return
    platform: Platform = parts["platform"]
    yield from _backtests(platform)
    for name, size in platform.services.items():
        path = ("platform", "services", name)
        if name not in SERVICES:
            expected = "one of " + ", ".join(sorted(SERVICES))
            yield ConfigIssue(path, "is no service of the platform", expected, remove=True)
        elif name in JOBS and size.replicas is not None:
            expected = "no number of replicas: it runs to its end"
            yield ConfigIssue((*path, "replicas"), "has no effect", expected, size.replicas, remove=True)
        elif SERVICES[name].singleton and (size.replicas or 1) > 1:
            expected = "1: two would act twice on every event"
            yield ConfigIssue((*path, "replicas"), "is not safe", expected, size.replicas, fix=1)
        if name in SERVICES and size.url:
            setting, port = SERVICES[name].public_url_setting, SERVICES[name].port
            own = f"platform.{Platform.model_fields[setting].alias}" if setting else "a service with a port"
            if setting or port is None:
                yield ConfigIssue((*path, "url"), "has no effect", own, size.url, remove=True)
    if len(set(platform.markets)) < len(platform.markets):
        twice = next(index for index, each in enumerate(platform.markets) if each in platform.markets[:index])
        path = ("platform", "markets", twice)
        yield ConfigIssue(path, "is there already", "each product once", platform.markets[twice], remove=True)
    if not platform.enabled:
        return
    if {"images", "build"} <= parts.keys() and not platform.image_template:
        for name in sorted(SERVICES.keys() - parts["images"].keys()):
            if parts["build"].makes(name):
                continue
            expected = "the image that you built, as name:tag or name:tag@sha256:<64 hex digits>"
            yield ConfigIssue(("images", name), "is missing beside platform.enabled", expected)
    if not platform.url:
        yield ConfigIssue("platform.url", "is missing beside platform.enabled", "where people open ops-ui")
    if parts.get("ingress") and not platform.api_url:
        yield ConfigIssue("platform.apiUrl", "is missing beside ingress", "where clients reach the api")


def _public_access(parts: Mapping[str, Any], configured_secrets: Collection[str]) -> Iterator[ConfigIssue]:
    """By an ingress anybody comes: somebody has to ask who it is."""
    ingress: Ingress | None = parts.get("ingress")
    platform: Platform | None = parts.get("platform")
    if ingress is None or platform is None or not platform.enabled:
        return
    if ingress.allow and ingress.class_name != "nginx":
        expected = "ingress.className: nginx; what other controllers understand goes into ingress.annotations"
        yield ConfigIssue(
            "ingress.allow", "is not understood by every controller", expected, ingress.allow, remove=True
        )
    if platform.sign_in is None:
        expected = "services, if they ask by API_TOKEN and OPS_UI_USER as the reference services do, else ingress"
        yield ConfigIssue("platform.signIn", "is missing beside ingress", expected)
    elif platform.sign_in == "ingress" and not (ingress.allow or ingress.annotations):
        expected = "the networks that may come, or ingress.annotations by which your controller asks who comes"
        yield ConfigIssue(("ingress", "allow", 0), "is missing beside platform.signIn: ingress", expected)
    elif platform.sign_in == "services":
        if platform.operator is None:
            yield ConfigIssue("platform.operator", "is missing beside ingress", "the name of who signs in to ops-ui")
        if "opsUiPasswordHash" not in configured_secrets:
            expected = "the operator's password as htpasswd -nBC 12 NAME prints it after the colon"
            yield ConfigIssue("opsUiPasswordHash", "is missing beside ingress", expected)


def _credentials(parts: Mapping[str, Any], configured_secrets: Collection[str]) -> Iterator[ConfigIssue]:
    for key in (each for each in SECRETS if each in configured_secrets):
        setting = SECRETS[key].setting
        if setting and setting.partition(".")[0] in parts and not value_at(parts, setting):
            yield ConfigIssue(key, "has no address that it is for", f"{setting} beside it", remove=True)
    there = [key for key in STORE_KEYS if key in configured_secrets]
    missing = [key for key in STORE_KEYS if key not in configured_secrets]
    if value_at(parts, "loki.objectStorage") and there and missing:
        yield ConfigIssue(missing[0], f"is missing beside {there[0]}", "both keys of the store, or neither")
    if value_at(parts, "platform.enabled"):
        for key, secret in SECRETS.items():
            if secret.required_by and value_at(parts, secret.required_by) and key not in configured_secrets:
                yield ConfigIssue(key, f"is missing beside {secret.required_by}", secret.description)


def _production(parts: Mapping[str, Any], configured_secrets: Collection[str]) -> Iterator[ConfigIssue]:
    for index, name in enumerate(parts.get("scaled_to_zero", ())):
        yield ConfigIssue(
            ("scaledToZero", index), "would not run in production", "all workloads with pods", name, remove=True
        )
    if "cluster" in parts:
        cluster = parts["cluster"]
        if DEVELOPMENT_CONTEXT.search(cluster.context.lower()):
            expected = "production's context, by a name that says so"
            yield ConfigIssue("cluster.context", "is of another environment", expected, cluster.context, fix=ASK)
        if cluster.kubelet_insecure:
            expected = "false: kubelets with certificates of the cluster's CA"
            yield ConfigIssue("cluster.kubeletInsecure", "is not for production", expected, True, fix=False)
    if "collector" in parts and not parts["collector"].fsync:
        expected = "true: what was acknowledged survives a power loss"
        yield ConfigIssue("collector.fsync", "is not for production", expected, False, fix=True)
    if "limits" in parts:
        for name, field in Limits.model_fields.items():
            if name not in parts["limits"].model_fields_set:
                expected = f"a limit of your own ({field.description}): no default is right for real money"
                yield ConfigIssue(f"limits.{field.alias}", "is missing in production", expected, fix=ASK)
    prometheus = parts.get("prometheus")
    operator = prometheus is not None and prometheus.operator
    for part, minimums in PRODUCTION.items():
        if part in parts and parts[part].replicas < minimums["replicas"] and (part == "collector" or not operator):
            wrong, count = "cannot survive the loss of a node", minimums["replicas"]
            yield ConfigIssue(f"{part}.replicas", wrong, f"at least {count}", parts[part].replicas, fix=count)
    if prometheus and not operator:
        if not set(RECEIVERS) & set(configured_secrets):
            expected = "at least one of " + ", ".join(RECEIVERS)
            yield ConfigIssue("alertWebhookUrl", "is missing: no alert would reach anybody", expected)
        if "deadMansSwitchUrl" not in configured_secrets:
            expected = "the heartbeat URL of a monitor outside the cluster"
            yield ConfigIssue("deadMansSwitchUrl", "is missing: nobody would hear that alerting is dead", expected)
    platform = parts.get("platform")
    if platform and platform.enabled:
        if platform.external is None:
            for key, field in ExternalDataServices.model_fields.items():
                expected = f"{field.description}, of data services that are backed up"
                yield ConfigIssue(f"platform.external.{key}", "is missing in production", expected)
        for name, size in platform.services.items():
            minimum = SERVICES[name].replicas if name in SERVICES else 1
            if size.replicas is not None and size.replicas < minimum:
                path, wrong = ("platform", "services", name, "replicas"), "cannot survive the loss of a node"
                yield ConfigIssue(path, wrong, f"at least {minimum}", size.replicas, fix=minimum)


def _non_production(
    parts: Mapping[str, Any], environment: str, configured_secrets: Collection[str]
) -> Iterator[ConfigIssue]:
    """What is production's alone."""
    if "pagerdutyRoutingKey" in configured_secrets:
        wrong, expected = f"would page people for {environment}", "it in production alone"
        yield ConfigIssue("pagerdutyRoutingKey", wrong, expected, remove=True)
    if "cluster" in parts and PRODUCTION_CONTEXT.search(parts["cluster"].context.lower()):
        expected = f"a context of {environment}, by a name that says so"
        yield ConfigIssue("cluster.context", "is of another environment", expected, parts["cluster"].context, fix=ASK)
    if "platform" in parts and parts["platform"].live:
        expected = "false: real orders are for production"
        yield ConfigIssue("platform.live", f"would send real orders from {environment}", expected, True, fix=False)
