"""The images that the program builds, inspected: every file of every layer, and that they run with no rights but their user's."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from components.platform_services import DEPLOYMENTS, JOBS, SERVICES
from components.workload import USER
from tests.images.building import PLANTED_IN, Built
from tests.images.checkout import PLATFORM
from tests.images.containers import HARDENED, healthy
from tests.support import import_paths
from tools import images as images_tool
from tools.docker import Engine
from tools.images_contents import Contents, Member

pytestmark = pytest.mark.slow

SHELLS = re.compile(r"(^|/)(ba|da|z|a|k|c|tc)?sh$|(^|/)busybox$")
PACKAGE_MANAGERS = re.compile(
    r"(^|/)(apt|apt-get|dpkg|npm|npx|yarn|pnpm|corepack|pip3?(\.\d+)?|pip/__main__\.py|conda|apk|rpm|uv)(-cli\.js)?$"
)
BUILD_TOOLS = re.compile(r"(^|/)(gcc|cc|c\+\+|g\+\+|clang|ld|make|go|rustc|tsc|typescript/lib/tsc\.js|as)(-\d+)?$")
CACHES = re.compile(r"(^|/)(\.cache|\.npm|_cacache|var/cache/apt|var/lib/apt|root)/.")
HIDDEN_SECRETS = re.compile(r"^(app/)?conf/.|(^|/)(\.env[^/]*|\.npmrc|pip\.conf|.*\.(pem|key))$")
AUTHORITIES = re.compile(
    r"certifi/cacert\.pem$|grpc/_cython/_credentials/roots\.pem$|(^|/)etc/ssl/|usr/lib/ssl/|/test/.*\.pem$"
)
"""Public certificates, and no keys."""
MAX_ABOVE_BASE = {"api": 30, "ops-ui": 80, "workers": 75, "backtester": 45, "ops-bot": 70, "otel-collector": 110}
"""MiB: the sizes measured when this was written and room for an update. What is larger has brought something along."""
MAX_OTHERS_ABOVE_BASE = 80
"""MiB, for a service that is not listed."""
READY = {
    "api": (
        "POSTGRES_HOST=127.0.0.1",
        "POSTGRES_USER=a",
        "POSTGRES_PASSWORD=b",
        "POSTGRES_DB=c",
        "REDIS_HOST=127.0.0.1",
    ),
    "workers": (
        "POSTGRES_HOST=127.0.0.1",
        "POSTGRES_USER=a",
        "POSTGRES_PASSWORD=b",
        "POSTGRES_DB=c",
        "REDIS_HOST=127.0.0.1",
    ),
    "ops-ui": ("NEXTAUTH_URL=https://ops.example.com", "API_URL=http://127.0.0.1:8000"),
}
"""What a service that stays needs in its environment to start."""
EVERY = tuple(SERVICES)
PYTHON = tuple(name for name in EVERY if SERVICES[name].recipe.language == "python")
NODE = tuple(name for name in EVERY if SERVICES[name].recipe.language == "node")


def named(members: Iterator[Member] | list[Member], pattern: re.Pattern[str]) -> list[str]:
    return [member.path for member in members if pattern.search(member.path)]


@pytest.fixture(params=EVERY)
def image(request: pytest.FixtureRequest, reference: Built) -> tuple[str, Contents]:
    return request.param, reference.contents(request.param)


def test_an_update_builds_what_the_preview_announced(reference: Built) -> None:
    assert reference.outcome.changes == {"create": len(reference.references) + 2}
    assert reference.references.keys() >= set(EVERY)
    assert reference.stack.run("preview", "--expect-no-changes").rc == 0


def test_it_runs_as_the_pods_user_and_says_what_it_is(image: tuple[str, Contents]) -> None:
    service, contents = image
    config = contents.config["Config"]
    assert config["User"] == f"{USER}:{USER}"
    assert config["Labels"]["org.opencontainers.image.title"] == f"atlas {service}"
    assert re.fullmatch("[0-9a-f]{16}", config["Labels"]["org.opencontainers.image.version"])
    assert config["WorkingDir"] == "/app"
    ports = {f"{port}/tcp" for port in SERVICES[service].ports.values()}
    assert config["ExposedPorts"].keys() == ports
    assert f"OTEL_SERVICE_NAME={service}" in config["Env"]


def test_its_health_check_is_a_program_of_the_image_and_not_a_shell(image: tuple[str, Contents]) -> None:
    service, contents = image
    check = contents.config["Config"]["Healthcheck"]["Test"]
    if service in JOBS:
        assert check == ["NONE"]
        return
    kind, program, *arguments = check
    assert kind == "CMD"
    for path in (program, arguments[-2]):
        assert path.lstrip("/") in contents.files
    assert (
        f":{SERVICES[service].port or SERVICES[service].metrics_port}{SERVICES[service].health_path}" in arguments[-1]
    )


@pytest.mark.parametrize(
    "pattern", [SHELLS, PACKAGE_MANAGERS, BUILD_TOOLS, CACHES], ids=["shells", "managers", "build tools", "caches"]
)
def test_no_layer_has_what_only_a_build_needs(image: tuple[str, Contents], pattern: re.Pattern[str]) -> None:
    everything = [member for layer in image[1].layers for member in layer if member.kind != "folder"]
    assert len(everything) > 100
    assert named(everything, pattern) == []


def test_the_builder_has_all_that_the_images_must_not_have(engine: Engine, bases: dict[str, str]) -> None:
    """What the patterns above look for is found where it is."""
    listed = engine.run(
        "run",
        "--rm",
        "--network=none",
        "--entrypoint=/usr/bin/find",
        bases["nodeBuilder"],
        "/",
        "-xdev",
        "-type",
        "f,l",
    ).splitlines()
    assert all(any(pattern.search(path) for path in listed) for pattern in (SHELLS, PACKAGE_MANAGERS))
    for path, pattern in (
        ("usr/bin/gcc-12", BUILD_TOOLS),
        ("root/.npm/x", CACHES),
        ("app/conf/secrets.env", HIDDEN_SECRETS),
    ):
        assert pattern.search(path)


def test_nothing_gives_more_rights_and_nothing_of_ours_can_be_written(image: tuple[str, Contents]) -> None:
    contents = image[1]
    members = [member for layer in contents.layers for member in layer if member.kind in ("file", "folder")]
    assert [m.path for m in members if m.mode & 0o6000] == []
    ours = [
        m for path, m in contents.files.items() if path.startswith(("app/", "opt/")) and m.kind in ("file", "folder")
    ]
    assert [m.path for m in ours if m.owner != (0, 0) or m.mode & 0o022] == []
    assert [m.path for m in ours if not m.mode & 0o004] == []


def test_no_layer_has_a_secret_or_a_place_for_one(image: tuple[str, Contents]) -> None:
    members = [member for layer in image[1].layers for member in layer if member.kind != "folder"]
    assert [path for path in named(members, HIDDEN_SECRETS) if not AUTHORITIES.search(path)] == []


@pytest.mark.parametrize("service", PLATFORM)
def test_a_planted_secret_is_in_no_layer_no_configuration_and_no_history(service: str, flawed: Built) -> None:
    assert len(flawed.program.secrets) == len(PLANTED_IN)
    assert flawed.leaks(service) == []
    history = flawed.engine.run("image", "history", "--no-trunc", flawed.references[service])
    assert not any(secret in history for secret in flawed.program.secrets)


def test_a_planted_secret_that_gets_in_would_be_found(flawed: Built, engine: Engine, tmp_path: Path) -> None:
    """Also where a later layer removes it."""
    builder = flawed.program.build["bases"]["nodeBuilder"]
    (tmp_path / "secret").write_text(flawed.program.secrets[0])
    (tmp_path / "Dockerfile").write_text(f"FROM {builder}\nCOPY secret /secret\nRUN rm /secret\n")
    engine.run("build", "--network=host", "--tag=atlas-test/leak:1", str(tmp_path))
    try:
        found = Built(
            engine, flawed.stack, flawed.program, flawed.preview, flawed.outcome, {"api": "atlas-test/leak:1"}
        )
        assert found.leaks("api") == ["secret"]
        assert "secret" not in found.contents("api").files
    finally:
        engine.run("image", "rm", "atlas-test/leak:1")


def test_the_flawed_checkout_is_reported_and_is_built_all_the_same(flawed: Built) -> None:
    assert "thing(s) to fix in " in flawed.outcome.output
    assert "api: there is no package-lock.json" in flawed.outcome.output
    assert flawed.references.keys() == set(PLATFORM)


@pytest.mark.parametrize("service", DEPLOYMENTS)
def test_it_starts_hardened_and_its_own_health_check_succeeds(service: str, reference: Built) -> None:
    assert healthy(reference.engine, reference.references[service], READY.get(service, ()))


def test_the_flawed_api_and_workers_start_as_well(flawed: Built) -> None:
    for service in ("api", "workers"):
        assert healthy(flawed.engine, flawed.references[service], ())


def test_a_backtest_runs_to_its_end(reference: Built) -> None:
    said = reference.engine.run("run", "--rm", *HARDENED, "--tmpfs=/tmp", reference.references["backtester"])
    results = [json.loads(line) for line in said.splitlines() if '"result"' in line]
    assert len(results) == 1
    assert results[0]["trades"] > 0


@pytest.mark.parametrize("service", PYTHON)
def test_pythons_instrumentation_is_on_the_path_behind_the_services_own_packages(
    service: str, reference: Built
) -> None:
    code = "import sys, importlib.util as u; print(u.find_spec('atlas_instrumentation').origin); print(*sys.path)"
    said = reference.engine.run(
        "run", "--rm", *HARDENED, "--env=ATLAS_INSTRUMENTATION=off", "--entrypoint=/usr/bin/python3",
        reference.references[service], "-c", code,
    ).splitlines()  # fmt: skip
    assert said[0].startswith("/opt/atlas/python/atlas_instrumentation/")
    path = said[1].split()
    assert path.index("/usr/local/lib/python3.11/dist-packages") < path.index("/opt/atlas/python")


@pytest.mark.parametrize("service", NODE)
def test_nodes_preload_is_found_from_the_services_own_folder(service: str, reference: Built) -> None:
    said = reference.engine.run(
        "run", "--rm", *HARDENED, "--entrypoint=/nodejs/bin/node", reference.references[service],
        "-p", "require.resolve('@atlas/instrumentation/register')",
    )  # fmt: skip
    assert said.strip() == "/opt/atlas/node_modules/@atlas/instrumentation/register.js"
    entry = reference.contents(service).config["Config"]["Entrypoint"]
    assert entry[1:3] == ["--require", "@atlas/instrumentation/register"]


@pytest.mark.parametrize("service", EVERY)
def test_nothing_is_imported_from_where_its_user_can_write(service: str, reference: Built) -> None:
    """The same command finds such a place where the environment names one."""

    def asked(*options: str) -> list[str]:
        python = service in PYTHON
        program = "/usr/bin/python3" if python else "/nodejs/bin/node"
        code = ("-c", import_paths.PYTHON) if python else ("-e", import_paths.NODE)
        said = reference.engine.run(
            "run", "--rm", *HARDENED, "--tmpfs=/tmp", "--env=ATLAS_INSTRUMENTATION=off", *options, f"--entrypoint={program}",
            reference.references[service], *code, str(USER),
        )  # fmt: skip
        return json.loads(said)["open"]

    assert asked() == []
    assert asked("--env=HOME=/tmp", "--env=PYTHONNOUSERSITE=") != []
    if service in NODE:
        assert asked("--env=NODE_DISABLE_COMPILE_CACHE") != [], "without a value, the variable is taken away"


def test_megabytes_above_the_base_are_told_and_bounded(reference: Built, capsys: pytest.CaptureFixture[str]) -> None:
    names = list(reference.references)
    table = images_tool.sizes(reference.engine, [reference.references[name] for name in names])
    with capsys.disabled():
        print(f"\n{table}")
    for name, line in zip(names, table.splitlines()[2:], strict=True):
        above = float(line.split("|")[3])
        assert 0.5 < above < MAX_ABOVE_BASE.get(name, MAX_OTHERS_ABOVE_BASE), f"{name}: {above} MiB above its base"


RANDOM = re.compile(r"app/\.next/(server/)?(prerender|middleware|server-reference|pages)-manifest\.js(on)?")
"""Next.js writes the keys of its preview mode there, new in each build (known ones would be no keys), and pages in any order."""


@pytest.mark.parametrize("service", EVERY)
def test_the_same_input_gives_the_same_files(service: str, reference: Built) -> None:
    """Contents, modes, owners and times; built again without any layer of the first time."""
    first, second = files_of(reference.contents(service)), files_of(reference.again(service))
    differing = sorted(path for path in first.keys() | second.keys() if first.get(path) != second.get(path))
    assert [path for path in differing if not (service == "ops-ui" and RANDOM.fullmatch(path))][:20] == []
    assert len(first) > 100


def files_of(contents: Contents) -> dict[str, Member]:
    """All that a container sees; the times of folders are left out, as BuildKit sets those that a COPY makes."""
    return {path: replace(one, modified=0) if one.kind == "folder" else one for path, one in contents.files.items()}
