"""The names that the program gives, as the values of labels: of services, workloads, exporters, alerts and the like.

They are read from what the program declares for the stacks that ship, and from the configurations and rules that it ships.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.support.synthesis import ENVIRONMENTS, Program, synthesise
from tests.support.variants import VARIANTS

ROOT = Path(__file__).parents[2]
NAME, ENVIRONMENT, PROBE = "app.kubernetes.io/name", "atlas/environment", "atlas/probe-path"


@cache
def derived() -> dict[str, frozenset[str]]:
    """Each set by the word that the table of emitted series has for it."""
    stacks = [synthesise(*VARIANTS[name]) for name in (*ENVIRONMENTS, "victorialogs")]
    sets = {**_from_cluster(stacks), **_from_collectors(), **_from_rules(stacks)}
    scrapes = [job for program in stacks for job in _scrape_jobs(program)]
    outside = {target["labels"]["service"] for job in scrapes for target in job.get("static_configs", ())}
    # The job `services` is named after each service; the others have their own name.
    jobs = {job["job_name"] for job in scrapes} - {"services"}
    sets["scraped_services"] |= outside
    return {name: frozenset(values) for name, values in (sets | {"jobs": sets["scraped_services"] | jobs}).items()}


def _from_cluster(stacks: list[Program]) -> dict[str, set[str]]:
    """From the Kubernetes objects of all stacks."""
    sets: dict[str, set[str]] = {
        name: set()
        for name in ("scraped_services", "http_services", "probed_services", "environments", "namespaces", "containers")
    }
    for program in stacks:
        for service in program.of_kind("Service"):
            labels, annotations = (
                service.inputs["metadata"]["labels"],
                service.inputs["metadata"].get("annotations", {}),
            )
            ports = {port["name"] for port in service.inputs["spec"].get("ports", ())}
            if any(_is_scraped(port) for port in ports):
                sets["scraped_services"].add(labels[NAME])
            if {"http", "metrics"} <= ports:
                sets["http_services"].add(labels[NAME])
            if PROBE in annotations:
                sets["probed_services"].add(labels[NAME])
            sets["environments"].add(labels[ENVIRONMENT])
        sets["namespaces"] |= {each.inputs["metadata"]["name"] for each in program.of_kind("Namespace")}
        for _, pod in (*program.pods(), *program.job_pods()):
            sets["containers"] |= {container["name"] for container in pod["containers"]}
        for kind in ("Deployment", "StatefulSet", "DaemonSet", "CronJob"):
            names = {each.inputs["metadata"]["name"] for each in program.of_kind(kind)}
            sets.setdefault(f"{kind.lower()}s", set()).update(names)
            sets.setdefault("workloads", set()).update(names)
        sets.setdefault("claims", set()).update(_claims(program))
    return sets


def _is_scraped(port: str) -> bool:
    """Whether Prometheus takes a Service's port of this name for one with metrics."""
    return re.fullmatch(_port_pattern(), port) is not None


@cache
def _port_pattern() -> str:
    config = yaml.safe_load((ROOT / "config/prometheus/prometheus.yaml").read_text())
    services = next(job for job in config["scrape_configs"] if job["job_name"] == "services")
    name = ["__meta_kubernetes_endpointslice_port_name"]
    (pattern,) = [each["regex"] for each in services["relabel_configs"] if each.get("source_labels") == name]
    return pattern


def _claims(program: Program) -> Iterator[str]:
    for workload in program.of_kind("StatefulSet"):
        spec = workload.inputs["spec"]
        for template in spec.get("volumeClaimTemplates", ()):
            for number in range(spec["replicas"]):
                yield f"{template['metadata']['name']}-{workload.inputs['metadata']['name']}-{number}"


def _scrape_jobs(program: Program) -> Iterator[dict[str, Any]]:
    """The jobs of Prometheus's own configuration; the rules about Prometheus are in a file of the same name."""
    for each in program.of_kind("ConfigMap"):
        if text := each.inputs.get("data", {}).get("prometheus.yaml"):
            yield from yaml.safe_load(text).get("scrape_configs", ())


def _from_collectors() -> dict[str, set[str]]:
    """The parts by which the Collectors and Jaeger name what they count."""
    sets: dict[str, set[str]] = {"exporters": set(), "receivers": set(), "scrapers": set()}
    for file in (*(ROOT / "config/collector").glob("*.yaml"), ROOT / "config/jaeger/jaeger.yaml"):
        config = yaml.safe_load(file.read_text())
        sets["exporters"] |= set(config.get("exporters", ()))
        sets["receivers"] |= set(config.get("receivers", ()))
        for name, receiver in config.get("receivers", {}).items():
            # A receiver that scrapes one thing alone is its own scraper.
            if "collection_interval" in receiver:
                sets["scrapers"] |= set(receiver.get("scrapers", [name]))
    return sets


def _from_rules(stacks: list[Program]) -> dict[str, set[str]]:
    """What the rules, the generated ones among them, call their alerts, and the labels that they give."""
    sets: dict[str, set[str]] = {"alerts": set(), "severities": set(), "objectives": set()}
    generated = [program.one("ConfigMap", "prometheus-deployed").inputs["data"]["deployed.yaml"] for program in stacks]
    for text in (*(file.read_text() for file in (ROOT / "rules").glob("*.yaml")), *generated):
        for group in yaml.safe_load(text)["groups"]:
            for rule in group["rules"]:
                labels = rule.get("labels", {})
                if "alert" in rule:
                    sets["alerts"].add(rule["alert"])
                    sets["severities"].add(labels["severity"])
                if "slo" in labels:
                    sets["objectives"].add(labels["slo"])
    return sets
