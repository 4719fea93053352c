"""A service of the platform is one entry: in a copy one is added, nothing else is touched, and everything else follows."""

import json
import re
from itertools import product
from typing import Any

import pytest
import yaml

from tests.support.synthesis import Program, stack_configuration, synthesise
from tests.support.variants import VARIANTS
from tests.unit.edited_copy import EditedCopy
from tests.unit.reachability import DNS, Address, Pod, Reachability

NAME = "reports"
ENTRY = """\
    "reports": ServiceSpec(
        recipe=Recipe(framework="express", sources={".": ("reports",)}),
        port=8100,
        health_path="/ready",
        depends_on=("api",),
        data_services=("db",),
        internet_egress_reason="the mail service",
        slo=0.99,
    ),
"""
SOURCES = {
    "package.json": json.dumps(
        {"name": NAME, "version": "1.0.0", "private": True, "scripts": {"build": "mkdir -p dist && cp index.js dist/"}}
    ),
    "package-lock.json": json.dumps({"name": NAME, "version": "1.0.0", "lockfileVersion": 3, "packages": {}}),
    "index.js": 'require("node:http").createServer((_, answer) => answer.end()).listen(process.env.PORT);\n',
}
URLS = {
    "local": "http://localhost:8100",
    "dev": "https://reports.dev.example.com",
    "prod": "https://reports.example.com",
    "operator": "https://reports.dev.example.com",
}
IMAGES = {
    "local": "atlas/reports:local",
    "dev": "registry.example.com/trading/reports:1.0.0",
    "operator": "registry.example.com/trading/reports:1.0.0",
}
REPORTS = Pod("trading", NAME)
API, DB = Pod("trading", "api"), Pod("trading", "db")
COLLECTOR, PROMETHEUS, BLACKBOX = (
    Pod("observability", name) for name in ("otel-collector", "prometheus", "blackbox-exporter")
)
OPERATOR, INGRESS, STRANGER = Pod("monitoring", "prometheus-0"), Pod("ingress-nginx", "controller"), Pod("x", "y")
DATABASES, INTERNET, METADATA = Address("10.1.0.7"), Address("203.0.113.7"), Address("169.254.169.254")


def with_url(variant: str, url: str | None) -> tuple[str, dict[str, str]]:
    """The variant with a public URL for the service."""
    stack, changes = VARIANTS[variant]
    platform = json.loads(changes.get("atlas:platform") or stack_configuration(stack)["atlas:platform"])
    services = platform.get("services", {}) | ({NAME: {"url": url}} if url else {})
    return stack, changes | {"atlas:platform": json.dumps(platform | {"services": services})}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> EditedCopy:
    made = EditedCopy(tmp_path_factory.mktemp("copy"))
    made.insert("components/platform_services.py", "SERVICES: Mapping[str, ServiceSpec] = {", ENTRY)
    for name, text in SOURCES.items():
        file = made.root / "services" / NAME / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return made


@pytest.fixture(scope="module")
def programs(copy: EditedCopy) -> dict[str, Program]:
    asked = {variant: with_url(variant, url) for variant, url in URLS.items()}
    stack, changes = with_url("local", None)
    built = changes | {"atlas:build": json.dumps({"enabled": True})}
    return copy.declare({**asked, "closed": with_url("dev", None), "built": (stack, built)})


@pytest.fixture(scope="module", params=URLS)
def variant(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def program(variant: str, programs: dict[str, Program]) -> Program:
    return programs[variant]


@pytest.fixture(scope="module")
def before(variant: str) -> Program:
    """What the repository itself declares for the variant."""
    return synthesise(*VARIANTS[variant])


def container(program: Program) -> dict[str, Any]:
    (pod,) = [pod for each, pod in program.pods() if each.name == NAME]
    (only,) = pod["containers"]
    return only


def environment(program: Program) -> dict[str, Any]:
    return {each["name"]: each.get("value") for each in container(program)["env"]}


def generated_rules(program: Program) -> list[dict[str, Any]]:
    for each in program.of_kind("PrometheusRule"):
        if each.inputs["metadata"]["name"] == "atlas-deployed":
            return [rule for group in each.inputs["spec"]["groups"] for rule in group["rules"]]
    text = program.one("ConfigMap", "prometheus-deployed").inputs["data"]["deployed.yaml"]
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def added(program: Program, before: Program) -> list[tuple[str, str]]:
    known = {(each.kind, each.name) for each in before.resources}
    return sorted((each.kind, each.name) for each in program.resources if (each.kind, each.name) not in known)


def changed(program: Program, before: Program) -> set[tuple[str, str]]:
    """Kubernetes objects of both whose inputs differ. Production's digests are made up for each run, so they do not count."""

    def inputs(of: Program) -> dict[tuple[str, str], str]:
        texts = {(each.kind, each.name): json.dumps(each.inputs, sort_keys=True) for each in of.kubernetes()}
        return {key: re.sub("@sha256:[0-9a-f]{64}", "", text) for key, text in texts.items()}

    known, now = inputs(before), inputs(program)
    assert known.keys() <= now.keys()
    return {key for key, text in known.items() if now[key] != text}


def test_its_objects_are_added_and_nothing_else(variant: str, program: Program, before: Program) -> None:
    expected = [(kind, NAME) for kind in ("Deployment", "Secret", "Service", "ServiceAccount", "Workload")]
    expected += [("NetworkPolicy", "trading-reports")]
    expected += [("Ingress", NAME)] if variant != "local" else []
    expected += [("Probe", "probe-reports")] if variant == "operator" else []
    assert added(program, before) == sorted(expected)


def test_only_its_neighbours_policies_and_the_generated_rules_change(
    variant: str, program: Program, before: Program
) -> None:
    neighbours = {"trading-api", "trading-db", "observability-blackbox-exporter", "observability-prometheus"}
    rules = ("ConfigMap", "prometheus-deployed")
    if variant == "operator":
        neighbours.remove("observability-prometheus")
        rules = ("PrometheusRule", "prometheusrule-deployed")
    if variant == "prod":
        neighbours.remove("trading-db")
    assert changed(program, before) == {rules, *(("NetworkPolicy", name) for name in neighbours)}


def test_it_runs_its_image_and_answers_at_its_port(variant: str, program: Program) -> None:
    only = container(program)
    if variant == "prod":
        assert only["image"].startswith("registry.example.com/trading/reports:1.0.0@sha256:")
    else:
        assert only["image"] == IMAGES[variant]
    assert {each["name"]: each["containerPort"] for each in only["ports"]} == {"http": 8100, "metrics": 9464}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert only[probe]["httpGet"] == {"port": "http", "path": "/ready"}
    ports = program.one("Service", NAME).inputs["spec"]["ports"]
    assert {each["name"]: each["port"] for each in ports} == {"http": 8100, "metrics": 9464}


def test_its_image_is_built_from_its_folder_where_the_program_builds(
    copy: EditedCopy, programs: dict[str, Program]
) -> None:
    image = programs["built"].one("Image", NAME).inputs
    assert image["target"] == NAME
    assert [tag.partition(":")[0] for tag in image["tags"]] == ["atlas/reports"]
    staged = copy.root / image["context"]["location"]
    assert (staged / "service/index.js").read_text() == SOURCES["index.js"]
    assert f" AS {NAME}\n" in (staged / "Dockerfile").read_text()


def test_it_sends_telemetry_under_its_name_and_finds_its_database(variant: str, program: Program) -> None:
    told = environment(program)
    assert (told["OTEL_SERVICE_NAME"], told["METRICS_PORT"]) == (NAME, "9464")
    assert told["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://otel-collector:4317"
    host = "db.example.com" if variant == "prod" else "db"
    assert (told["POSTGRES_HOST"], told["POSTGRES_PORT"], told["POSTGRES_DB"]) == (host, "5432", "atlas")
    assert not [name for name in told if name.startswith(("REDIS", "RABBITMQ", "COINBASE"))]


def test_its_secret_has_the_password_of_its_database_alone(program: Program) -> None:
    secret = program.one("Secret", NAME).inputs
    assert (secret["metadata"]["namespace"], list(secret["stringData"])) == ("trading", ["postgresPassword"])
    references = {
        each["name"]: each["valueFrom"]["secretKeyRef"]["key"]
        for each in container(program)["env"]
        if "secretKeyRef" in each.get("valueFrom", {})
    }
    assert references == {"POSTGRES_PASSWORD": "postgresPassword"}


def network(program: Program) -> Reachability:
    return Reachability(tuple(policy.inputs for policy in program.of_kind("NetworkPolicy")))


def ports(*programs: Program) -> set[int]:
    """Every port that a policy or a Service names, and some that none does."""
    found = {22, 80, 8443}
    for program in programs:
        for policy in program.of_kind("NetworkPolicy"):
            for rule in (*policy.inputs["spec"].get("ingress", ()), *policy.inputs["spec"].get("egress", ())):
                found |= {each["port"] for each in rule.get("ports", ())}
        for service in program.of_kind("Service"):
            found |= {each["port"] for each in service.inputs["spec"].get("ports", ())}
    return found


def connections(program: Program, numbers: set[int]) -> set[tuple[Pod, Pod | Address, int]]:
    """Every connection that the policies allow between pods of ours, others and addresses."""
    workloads = program.of_kind("Deployment", "StatefulSet", "DaemonSet", "CronJob")
    pods = [*(Pod(str(each.namespace), each.name) for each in workloads), OPERATOR, INGRESS, STRANGER]
    rules = network(program)
    ours = [pod for pod in pods if pod not in (OPERATOR, INGRESS, STRANGER)]
    others: list[Pod | Address] = [DNS, DATABASES, INTERNET, METADATA]
    sides = [*product(pods, ours), *product(ours, (OPERATOR, INGRESS, STRANGER)), *product(ours, others)]
    return {
        (source, destination, port)
        for (source, destination), port in product(sides, numbers)
        if rules.allows(source, destination, port)
    }


def test_exactly_the_flows_of_its_entry_are_admitted(variant: str, program: Program, before: Program) -> None:
    numbers = ports(program, before)
    allowed = connections(program, numbers)
    own = {each for each in allowed if REPORTS in each[:2]}
    scraper = OPERATOR if variant == "operator" else PROMETHEUS
    expected: set[tuple[Pod, Pod | Address, int]] = {
        (REPORTS, API, 8000),
        (REPORTS, DATABASES if variant == "prod" else DB, 5432),
        (REPORTS, COLLECTOR, 4317),
        (REPORTS, COLLECTOR, 4318),
        (REPORTS, DNS, 53),
        (REPORTS, INTERNET, 443),
        (scraper, REPORTS, 9464),
        (BLACKBOX, REPORTS, 8100),
    }
    expected |= {(INGRESS, REPORTS, 8100)} if variant != "local" else set()
    assert own == expected
    assert allowed - own == connections(before, numbers)


def test_it_is_scraped_as_every_other_service(variant: str, program: Program) -> None:
    """Prometheus finds Services by the name of a port and their label; an operator's by a ServiceMonitor of the namespace."""
    service = program.one("Service", NAME).inputs
    assert service["metadata"]["labels"]["app.kubernetes.io/name"] == NAME
    if variant == "operator":
        monitor = next(
            each.inputs["spec"] for each in program.of_kind("ServiceMonitor") if each.name == "servicemonitor-trading"
        )
        assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        assert "metrics" in {each["port"] for each in monitor["endpoints"]}
    assert "metrics" in {each["name"] for each in service["spec"]["ports"]}


def test_its_health_page_is_probed(variant: str, program: Program) -> None:
    if variant == "operator":
        target = program.one("Probe", "probe-reports").inputs["spec"]["targets"]["staticConfig"]
        assert target["static"] == ["http://reports.trading.svc:8100/ready"]
        assert target["labels"]["service"] == NAME
    annotations = program.one("Service", NAME).inputs["metadata"]["annotations"]
    assert annotations["atlas/probe-path"] == "/ready"


def test_its_url_leads_to_it(variant: str, programs: dict[str, Program]) -> None:
    found = [each.inputs["spec"] for each in programs[variant].of_kind("Ingress") if each.name == NAME]
    if variant == "local":
        assert found == [], "there is no ingress"
        return
    (spec,) = found
    (rule,) = spec["rules"]
    assert f"https://{rule['host']}" == URLS[variant]
    assert rule["http"]["paths"][0]["backend"] == {"service": {"name": NAME, "port": {"name": "http"}}}
    assert [each for each in programs["closed"].of_kind("Ingress") if each.name == NAME] == []


def test_its_absence_its_failures_and_its_objective_are_alerted_on(program: Program, before: Program) -> None:
    known = generated_rules(before)
    assert [each for each in generated_rules(program) if each not in known] == [
        {"record": "atlas:expected", "expr": "vector(1)", "labels": {"service": NAME}},
        {"record": "atlas:public", "expr": "vector(1)", "labels": {"service": NAME}},
        {"record": "atlas:slo:objective", "expr": "vector(0.99)", "labels": {"slo": NAME}},
    ]
    assert [each for each in known if each not in generated_rules(program)] == []


def test_without_a_url_nobody_opens_it_and_its_failing_probe_wakes_nobody(programs: dict[str, Program]) -> None:
    recorded = {
        rule["record"] for rule in generated_rules(programs["closed"]) if NAME in rule.get("labels", {}).values()
    }
    assert recorded == {"atlas:expected", "atlas:slo:objective"}
    assert not network(programs["closed"]).allows(INGRESS, REPORTS, 8100)


def test_editors_and_the_documents_know_its_name(copy: EditedCopy) -> None:
    schema, page = copy.evaluate(
        "from settings.json_schema import stack_file_schema\n"
        "from settings.markdown import rendered\n"
        "answer = [stack_file_schema(), rendered()]"
    )
    services = schema["definitions"]["Platform"]["properties"]["services"]["propertyNames"]["enum"]
    images = schema["properties"]["config"]["properties"]["atlas:images"]["propertyNames"]["enum"]
    assert NAME in services
    assert NAME in images
    (row,) = [line for line in page.splitlines() if line.startswith("| `atlas:platform.services` ")]
    assert NAME in row
