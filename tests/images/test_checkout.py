"""The checks of a checkout before anything is built, and the context that is made of it."""

import os
from pathlib import Path

import pulumi
import pytest

from components.platform_services import SERVICES, ServiceSpec
from image_build.checks import AddablePackages, find_checkout_issues, message
from image_build.context import context_files, digest_of, write_context
from image_build.final_stage import final_stage
from image_build.plan import BuildError, plan_builds
from image_build.python import requirements
from image_build.recipes import Recipe
from settings.model import Settings
from tests.images import new_services
from tests.images.building import ROOT
from tests.images.checkout import PLATFORM, flawed, plant

IMAGES = ROOT / "images"
ADDABLE = AddablePackages.of(IMAGES)


def lines(checkout: Path, *services: str) -> list[str]:
    return [issue.line for issue in find_checkout_issues(checkout, services or tuple(SERVICES), ADDABLE)]


def settings(**changes: object) -> Settings:
    return Settings.model_validate(
        {
            "cluster": {"context": "c", "apiServer": "10.0.0.1/32"},
            "grafana": {"url": "https://g.example.com"},
            "platform": {"enabled": True},
            "build": {"enabled": True, "only": [*SERVICES]},
            **changes,
        }
    )


def flawed_platform(*named: str) -> Settings:
    """Build the checkout in ``platform``; the images of ``named`` and of services that it lacks come from elsewhere."""
    images = {name: f"{name}:1" for name in SERVICES if name in named or name not in PLATFORM}
    return settings(platform={"enabled": True, "source": "platform"}, images=images)


def test_the_reference_services_have_no_issues() -> None:
    assert lines(ROOT / "services") == []


def test_all_issues_of_the_flawed_checkout_are_in_one_message_with_their_fixes(tmp_path: Path) -> None:
    checkout = flawed(tmp_path)
    plant(checkout, "api")
    issues = find_checkout_issues(checkout, PLATFORM, ADDABLE)
    assert not any(issue.fatal for issue in issues)
    text = message(checkout, issues)
    assert text.startswith(f"{len(issues)} thing(s) to fix in {checkout}:\n")
    for part in (
        "  api: there is no package-lock.json: versions are chosen while building",
        "  ops-ui: package.json does not name what the build needs; added: @types/node@20.17.6,",
        "  workers: requirements do not name what the code imports; added: redis==5.0.8; fix: add them to",
        "  workers: the code imports torch, which no requirement names and the image does not get",
        "  backtester: requirements have no hashes",
        "  conf: it holds secrets (conf/coinbase_private_key.pem, conf/secrets.env); no image takes in anything of conf/",
    ):
        assert part in text


FIXES = {
    "a lock file": ("api", "api/package-lock.json", "{}", "no package-lock.json"),
    "the requirement": ("workers", "workers/requirements.txt", "prometheus_client==0.17.1\nredis==5.0.8\n", "redis"),
    "a module that is not needed": (
        "workers",
        "workers/src/workers/worker_main_refactored.py",
        "import redis\n",
        "torch",
    ),
    "hashes": ("backtester", "backtester/requirements.txt", f"structlog==1 --hash=sha256:{'0' * 64}\n", "no hashes"),
}


@pytest.mark.parametrize("name", FIXES)
def test_what_is_fixed_is_reported_no_more(name: str, tmp_path: Path) -> None:
    service, file, content, reported = FIXES[name]
    checkout = flawed(tmp_path)
    assert reported in " ".join(lines(checkout, service))
    (checkout / file).write_text(content)
    assert reported not in " ".join(lines(checkout, service))


FATAL = {
    "no folder": ("api", lambda c: (c / "api").rename(c / "server"), "there is no api"),
    "no package": ("api", lambda c: (c / "api/package.json").unlink(), "package.json is missing or no JSON object"),
    "a package that is none": ("api", lambda c: (c / "api/package.json").write_text("[]"), "no JSON object"),
    "no script": ("ops-ui", lambda c: (c / "ops-ui/package.json").write_text("{}"), "no script called build"),
    "no module to start": (
        "workers",
        lambda c: (c / "workers/src/workers/worker_main_refactored.py").unlink(),
        "there is no workers/worker_main_refactored.py to start",
    ),
}


@pytest.mark.parametrize("name", FATAL)
def test_what_leaves_nothing_to_build_stops_the_program_before_it_declares_anything(name: str, tmp_path: Path) -> None:
    service, breaks, reported = FATAL[name]
    for each in ("images", "tools"):
        (tmp_path / each).symlink_to(ROOT / each)
    breaks(flawed(tmp_path / "platform"))
    with pytest.raises(BuildError, match=f"{service}: .*{reported}.*; fix: "):
        plan_builds(flawed_platform(), tmp_path)
    assert not (tmp_path / ".local").exists()


def test_the_rest_is_a_warning_and_each_image_gets_a_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    for each in ("images", "tools"):
        (tmp_path / each).symlink_to(ROOT / each)
    flawed(tmp_path / "platform")
    contexts = plan_builds(flawed_platform("ops-bot"), tmp_path)
    assert {context.service for context in contexts} == set(PLATFORM) - {"ops-bot"}
    assert len(warnings) == 1
    assert "ops-bot" not in warnings[0]
    assert plan_builds(settings(build={}), tmp_path) == []


REQUIREMENTS = ("feed/requirements.txt",)
INCOMPLETE = {
    "Node without its folder": (Recipe(framework="express", sources={}), "express names no source ."),
    "Python without requirements": (
        Recipe(framework="python", sources={"feed": ("feed/feed",)}, entry="feed/main.py"),
        "python names no source requirements.txt",
    ),
    "Python without anything": (
        Recipe(framework="python", sources={}),
        "python names no source requirements.txt and no entry",
    ),
    "no sources in the checkout": (
        Recipe(framework="python", sources={"requirements.txt": REQUIREMENTS}, entry="feed/main.py"),
        "there is no feed/requirements.txt",
    ),
}


@pytest.mark.parametrize("name", INCOMPLETE)
def test_an_entry_from_which_nothing_can_be_built_is_one_error(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, reported = INCOMPLETE[name]
    monkeypatch.setitem(SERVICES, "feed", ServiceSpec(recipe=recipe))
    for each in ("images", "services", "tools"):
        (tmp_path / each).symlink_to(ROOT / each)
    with pytest.raises(BuildError) as raised:
        plan_builds(settings(), tmp_path)
    header, line = str(raised.value).splitlines()
    assert header == f"1 thing(s) to fix in {tmp_path / 'services'}:"
    assert line.startswith("  feed: ")
    assert reported in line
    assert "; fix: add it" in line
    assert not (tmp_path / ".local").exists()


def test_a_new_service_is_its_folder_and_its_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, spec in new_services.SERVICES.items():
        monkeypatch.setitem(SERVICES, name, spec)
    for each in ("images", "tools"):
        (tmp_path / each).symlink_to(ROOT / each)
    new_services.write(tmp_path / "services")
    images = {name: f"{name}:1" for name in SERVICES if name not in new_services.SERVICES}
    contexts = plan_builds(settings(images=images), tmp_path)
    assert {context.service: context.language for context in contexts} == {"quotes": "node", "feed": "python"}
    for context in contexts:
        dockerfile = (context.folder / "Dockerfile").read_text()
        assert dockerfile.endswith(final_stage(context.service, SERVICES[context.service]))
        assert (context.folder / "service").is_dir()


@pytest.mark.parametrize("service", ["api", "workers", "backtester", "ops-ui"])
def test_no_secret_gets_into_a_context_wherever_it_is(service: str, tmp_path: Path) -> None:
    checkout = flawed(tmp_path)
    secret = plant(checkout, service)
    files = context_files(service, checkout, IMAGES, {})
    assert [name for name, content in files.items() if secret.encode() in content] == []
    assert any(name.startswith("service/") for name in files)


def test_a_secret_in_the_source_itself_would_be_found(tmp_path: Path) -> None:
    checkout = flawed(tmp_path)
    (checkout / "api/src/index.ts").write_text("planted")
    files = context_files("api", checkout, IMAGES, {})
    assert [name for name, content in files.items() if content == b"planted"] == ["service/src/index.ts"]


def test_requirements_with_hashes_stay_as_they_are(tmp_path: Path) -> None:
    checkout = flawed(tmp_path)
    own = f"structlog==1 --hash=sha256:{'0' * 64}\n"
    (checkout / "workers/requirements.txt").write_text(own)
    assert requirements(SERVICES["workers"].recipe, checkout, ADDABLE.python).decode() == own


def test_the_same_input_is_the_same_folder_and_another_one_replaces_it(tmp_path: Path) -> None:
    checkout = flawed(tmp_path / "platform")
    files = context_files("api", checkout, IMAGES, {})
    first = write_context("api", "node", files, tmp_path / "contexts")
    assert write_context("api", "node", dict(reversed(files.items())), tmp_path / "contexts") == first
    assert first.folder.name == f"api-{digest_of(files)}"
    other = write_context("api", "node", files | {"service/src/index.ts": b"x"}, tmp_path / "contexts")
    assert [path.name for path in (tmp_path / "contexts").iterdir()] == [other.folder.name]


def test_modes_and_times_of_the_checkout_are_no_part_of_a_context(tmp_path: Path) -> None:
    checkout = flawed(tmp_path / "platform")
    source = checkout / "api/src/index.ts"
    source.chmod(0o777)
    os.utime(source, (1e9, 1e9))
    context = write_context("api", "node", context_files("api", checkout, IMAGES, {}), tmp_path / "contexts")
    written = {
        (path.stat().st_mode & 0o7777, path.stat().st_mtime) for path in context.folder.rglob("*") if path.is_file()
    }
    assert written == {(0o644, 0.0)}
