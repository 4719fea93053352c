"""The final stage of each service's image says what the service's entry says, and fits the shared stages before it."""

import re
from pathlib import Path

import pytest

from components.platform_services import SERVICES, ServiceSpec
from image_build.final_stage import dockerfile, final_stage
from image_build.recipes import Recipe

IMAGES = Path(__file__).resolve().parents[2] / "images"
STAGE = re.compile(r"^FROM \S+ AS (\S+)$", re.MULTILINE)
COPIED = re.compile(r"^COPY .*--from=(\S+)", re.MULTILINE)
ABSOLUTE = re.compile(r'"(/opt/[^"]+)"')

API = """\
FROM runtime AS api
LABEL org.opencontainers.image.title="atlas api"
ENV OTEL_SERVICE_NAME=api PORT=8000
COPY --chown=0:0 --from=express-files /app ./
EXPOSE 8000 9464
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["/nodejs/bin/node", "/opt/atlas/health.cjs", "http://127.0.0.1:8000/healthz"]
ENTRYPOINT ["/nodejs/bin/node", "--require", "@atlas/instrumentation/register", "dist/index.js"]
CMD []
"""
BACKTESTER = """\
FROM runtime AS backtester
LABEL org.opencontainers.image.title="atlas backtester"
ENV OTEL_SERVICE_NAME=backtester
EXPOSE 9464
HEALTHCHECK NONE
ENTRYPOINT ["/usr/bin/python3", "-m", "atlas_instrumentation.job", "--", "/usr/bin/python3", "-m", "backtester.backtester_main"]
CMD ["simple_strategy", "data.csv", "2024-01-01", "2024-02-01"]
"""


@pytest.mark.parametrize(("service", "stage"), [("api", API), ("backtester", BACKTESTER)])
def test_it_is_what_the_entry_says(service: str, stage: str) -> None:
    assert final_stage(service, SERVICES[service]) == stage


def instructions(service: str, spec: ServiceSpec) -> dict[str, str]:
    """Each instruction of the stage, by its name."""
    lines = [line.partition(" ") for line in final_stage(service, spec).splitlines()]
    assert len({name for name, _, _ in lines}) == len(lines)
    return {name: value for name, _, value in lines}


def test_a_python_service_without_a_port_is_healthy_where_it_serves_metrics() -> None:
    spec = ServiceSpec(recipe=Recipe(framework="python", sources={}, entry="feed/main.py"), metrics_port=9200)
    stage = instructions("feed", spec)
    assert stage["ENV"] == "METRICS_PORT=9200 OTEL_SERVICE_NAME=feed"
    assert stage["EXPOSE"] == "9200"
    assert '"http://127.0.0.1:9200/metrics"' in stage["HEALTHCHECK"]
    assert stage["ENTRYPOINT"] == '["/usr/bin/python3", "-m", "feed.main"]'
    assert "COPY" not in stage


def test_a_service_gets_its_port_by_the_variable_that_it_reads() -> None:
    recipe = Recipe(framework="express", sources={".": ("quotes",)})
    spec = ServiceSpec(recipe=recipe, port=7000, port_variable="HTTP_PORT", health_path="/live")
    stage = instructions("quotes", spec)
    assert stage["ENV"] == "HTTP_PORT=7000 OTEL_SERVICE_NAME=quotes"
    assert stage["EXPOSE"] == "7000 9464"
    assert '"http://127.0.0.1:7000/live"' in stage["HEALTHCHECK"]


def test_next_js_listens_on_all_addresses_without_its_telemetry() -> None:
    stage = instructions("ops-ui", SERVICES["ops-ui"])
    assert stage["ENV"].startswith("HOSTNAME=0.0.0.0 NEXT_TELEMETRY_DISABLED=1 ")
    assert stage["ENTRYPOINT"].endswith('"server.js"]')


@pytest.mark.parametrize("service", SERVICES)
def test_it_fits_the_shared_stages(service: str) -> None:
    spec = SERVICES[service]
    shared = (IMAGES / spec.recipe.language / "Dockerfile").read_text()
    stage = final_stage(service, spec)
    assert dockerfile(service, spec, IMAGES) == f"{shared}\n{stage}"
    stages = STAGE.findall(shared)
    assert service not in stages, f"{service} has the name of a shared stage: give the service another one"
    assert {"runtime", *COPIED.findall(stage)} <= set(stages)
    for path in ABSOLUTE.findall(stage):
        assert f"COPY {Path(path).name} {Path(path).parent}/\n" in shared, f"no shared stage puts {path} there"


@pytest.mark.parametrize("language", ["node", "python"])
def test_no_shared_stage_belongs_to_one_service(language: str) -> None:
    shared = (IMAGES / language / "Dockerfile").read_text()
    assert [name for name in SERVICES if re.search(rf"\b(AS|=){name}\b", shared)] == []
    assert re.findall(r"^(EXPOSE|HEALTHCHECK|ENTRYPOINT|CMD)\b", shared, re.MULTILINE) == []
