"""A checkout judged before anything is built, and the context that is made of it."""

import os
from pathlib import Path

import pulumi
import pytest

from components.platform_services import SERVICES
from image_build.checks import AddablePackages, find_checkout_issues, message
from image_build.context import context_files, digest_of, stage
from image_build.plan import BuildError, plan_builds
from image_build.python import requirements
from settings.model import Settings
from tests.images.building import ROOT
from tests.images.checkout import flawed, plant

IMAGES = ROOT / "images"
KNOWN = AddablePackages.of(IMAGES)


def lines(checkout: Path, *services: str) -> list[str]:
    return [lack.line for lack in find_checkout_issues(checkout, services or tuple(SERVICES), KNOWN)]


def settings(**changes: object) -> Settings:
    return Settings.model_validate(
        {
            "cluster": {"context": "c", "apiServer": "10.0.0.1/32"},
            "grafana": {"url": "https://g.example.com"},
            "platform": {"enabled": True},
            "build": {"enabled": True},
            **changes,
        }
    )


def test_the_reference_services_lack_nothing() -> None:
    assert lines(ROOT / "services") == []


def test_all_that_the_flawed_checkout_lacks_is_in_one_message_with_the_mends(tmp_path: Path) -> None:
    checkout = flawed(tmp_path)
    plant(checkout, "api")
    found = find_checkout_issues(checkout, tuple(SERVICES), KNOWN)
    assert not any(lack.fatal for lack in found)
    text = message(checkout, found)
    assert text.startswith(f"{len(found)} thing(s) to mend in {checkout}:\n")
    for part in (
        "  api: there is no package-lock.json: versions are chosen while building",
        "  ops-ui: package.json does not name what the build needs; added: @types/node@20.17.6,",
        "  workers: requirements do not name what the code imports; added: redis==5.0.8; mend: add them to",
        "  workers: the code imports torch, which no requirement names and the image does not get",
        "  backtester: requirements have no hashes",
        "  conf: secrets lie in it (conf/coinbase_private_key.pem, conf/secrets.env); no image takes in anything of conf/",
    ):
        assert part in text


MENDS = {
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


@pytest.mark.parametrize("name", MENDS)
def test_what_is_mended_is_not_told_again(name: str, tmp_path: Path) -> None:
    service, file, content, told = MENDS[name]
    checkout = flawed(tmp_path)
    assert told in " ".join(lines(checkout, service))
    (checkout / file).write_text(content)
    assert told not in " ".join(lines(checkout, service))


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
    service, breaks, told = FATAL[name]
    for each in ("images", "tools"):
        (tmp_path / each).symlink_to(ROOT / each)
    breaks(flawed(tmp_path / "platform"))
    with pytest.raises(BuildError, match=f"{service}: .*{told}.*; mend: "):
        plan_builds(settings(platform={"enabled": True, "source": "platform"}), tmp_path)
    assert not (tmp_path / ".local").exists()


def test_the_rest_is_a_warning_and_each_image_gets_a_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", received.append)
    for each in ("images", "tools"):
        (tmp_path / each).symlink_to(ROOT / each)
    flawed(tmp_path / "platform")
    staged = plan_builds(
        settings(platform={"enabled": True, "source": "platform"}, images={"ops-bot": "bot:1"}), tmp_path
    )
    assert [context.service for context in staged] == [name for name in SERVICES if name != "ops-bot"]
    assert len(received) == 1
    assert "ops-bot" not in received[0]
    assert plan_builds(settings(build={}), tmp_path) == []


@pytest.mark.parametrize("service", ["api", "workers", "backtester", "ops-ui"])
def test_no_secret_gets_into_a_context_wherever_it_lies(service: str, tmp_path: Path) -> None:
    checkout = flawed(tmp_path)
    secret = plant(checkout, service)
    files = context_files(SERVICES[service].recipe, checkout, IMAGES, {})
    assert [name for name, content in files.items() if secret.encode() in content] == []
    assert any(name.startswith("service/") for name in files)


def test_a_secret_in_the_source_itself_would_be_found(tmp_path: Path) -> None:
    checkout = flawed(tmp_path)
    (checkout / "api/src/index.ts").write_text("planted")
    files = context_files(SERVICES["api"].recipe, checkout, IMAGES, {})
    assert [name for name, content in files.items() if content == b"planted"] == ["service/src/index.ts"]


def test_requirements_with_hashes_stay_as_they_are(tmp_path: Path) -> None:
    checkout = flawed(tmp_path)
    own = f"structlog==1 --hash=sha256:{'0' * 64}\n"
    (checkout / "workers/requirements.txt").write_text(own)
    assert requirements(SERVICES["workers"].recipe, checkout, KNOWN.python).decode() == own


def test_the_same_input_is_the_same_folder_and_another_one_replaces_it(tmp_path: Path) -> None:
    checkout = flawed(tmp_path / "platform")
    files = context_files(SERVICES["api"].recipe, checkout, IMAGES, {})
    first = stage("api", "node", files, tmp_path / "staged")
    assert stage("api", "node", dict(reversed(files.items())), tmp_path / "staged") == first
    assert first.folder.name == f"api-{digest_of(files)}"
    other = stage("api", "node", files | {"service/src/index.ts": b"x"}, tmp_path / "staged")
    assert [path.name for path in (tmp_path / "staged").iterdir()] == [other.folder.name]


def test_modes_and_times_of_the_checkout_are_no_part_of_a_context(tmp_path: Path) -> None:
    checkout = flawed(tmp_path / "platform")
    source = checkout / "api/src/index.ts"
    source.chmod(0o777)
    os.utime(source, (1e9, 1e9))
    context = stage("api", "node", context_files(SERVICES["api"].recipe, checkout, IMAGES, {}), tmp_path / "staged")
    found = {
        (path.stat().st_mode & 0o7777, path.stat().st_mtime) for path in context.folder.rglob("*") if path.is_file()
    }
    assert found == {(0o644, 0.0)}
