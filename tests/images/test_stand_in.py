"""The stand-in for docker-build under the real ``pulumi``: it builds with a real Docker engine, and only what has changed."""

import json
import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.images.building import ROOT
from tests.support.waiting import wait_until
from tests.support.workspace import Workspace
from tools.docker import Engine

TAG = "atlas-test/stand-in"
PROGRAM = """
import json
from pathlib import Path

import pulumi
import pulumi_docker_build as docker_build

said = json.loads(Path("inputs.json").read_text())
secret = said.pop("secret", None)
if secret:
    said["secrets"] = {"token": pulumi.Output.secret(secret)}
image = docker_build.Image("it", **said)
pulumi.export("ref", image.ref)
pulumi.export("digest", image.digest)
"""
DOCKERFILE = "FROM scratch\nCOPY file /file\nLABEL a=b\n"


class Project:
    """A program with one image, and its stack."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder, self.engine = folder, engine
        (folder / "context").mkdir()
        (folder / ".venv").symlink_to(ROOT / ".venv")
        (folder / "__main__.py").write_text(PROGRAM)
        (folder / "Pulumi.yaml").write_text("name: it\nruntime:\n  name: python\n  options:\n    virtualenv: .venv\n")
        self.file("one")
        self.dockerfile(DOCKERFILE)
        self.inputs()

    def file(self, content: str) -> None:
        (self.folder / "context/file").write_text(content)

    def dockerfile(self, content: str) -> None:
        (self.folder / "context/Dockerfile").write_text(content)

    def inputs(self, **changes: object) -> None:
        said = {"context": {"location": "context"}, "tags": [f"{TAG}:1"], "push": False, "load": True, **changes}
        (self.folder / "inputs.json").write_text(
            json.dumps({key: value for key, value in said.items() if value is not None})
        )

    def images(self) -> list[str]:
        return sorted(self.engine.run("image", "ls", "--format", "{{.Tag}}", TAG).split())

    def identity(self, tag: str = "1") -> str:
        return json.loads(self.engine.run("image", "inspect", f"{TAG}:{tag}"))[0]["Id"]


@pytest.fixture
def project(tmp_path: Path, engine: Engine) -> Iterator[Project]:
    made = Project(tmp_path, engine)
    yield made
    for tag in made.images():
        engine.run("image", "rm", f"{TAG}:{tag}")


@pytest.fixture
def stack(project: Project, workspace: Callable[[Path], Workspace]) -> Workspace:
    return workspace(project.folder)


def test_a_preview_builds_nothing_and_an_update_builds_what_it_says(project: Project, stack: Workspace) -> None:
    stack.run("preview")
    assert project.images() == []
    assert stack.up().changes == {"create": 2}
    assert project.images() == ["1"]
    assert stack.outputs() == {"ref": f"{TAG}:1", "digest": project.identity()}
    assert stack.up().changes == {}


@pytest.mark.parametrize("change", ["a file", "the Dockerfile", "a label", "an argument"])
def test_whatever_an_image_is_made_of_builds_it_anew(change: str, project: Project, stack: Workspace) -> None:
    project.dockerfile("FROM scratch\nARG WHAT=x\nCOPY file /file\nLABEL a=$WHAT\n")
    stack.up()
    before = project.identity()
    match change:
        case "a file":
            project.file("two")
        case "the Dockerfile":
            project.dockerfile(DOCKERFILE + "ENV B=c\n")
        case "a label":
            project.inputs(labels={"c": "d"})
        case _:
            project.inputs(build_args={"WHAT": "y"})
    assert stack.preview_json()["changeSummary"].get("update") == 1
    assert project.identity() == before
    assert stack.up().changes == {"update": 1}
    assert project.identity() != before


def test_a_new_tag_takes_the_old_ones_place(project: Project, stack: Workspace) -> None:
    stack.up()
    project.inputs(tags=[f"{TAG}:2"])
    assert stack.up().changes == {"update": 1}
    assert project.images() == ["2"]
    assert stack.outputs()["ref"] == f"{TAG}:2"


def test_an_image_that_is_gone_from_the_engine_is_built_again_after_a_refresh(
    project: Project, stack: Workspace
) -> None:
    stack.up()
    assert stack.refresh().changes == {}
    project.engine.run("image", "rm", f"{TAG}:1")
    assert stack.refresh().changes == {"delete": 1}
    assert stack.up().changes == {"create": 1}
    assert project.images() == ["1"]


def test_destroying_removes_it_also_when_it_is_gone_already(project: Project, stack: Workspace) -> None:
    stack.up()
    stack.destroy()
    assert project.images() == []
    stack.up()
    project.engine.run("image", "rm", f"{TAG}:1")
    assert stack.destroy().rc == 0


def test_a_secret_reaches_its_command_and_stays_out_of_state_output_and_layers(
    project: Project, stack: Workspace, bases: dict[str, str]
) -> None:
    secret = secrets.token_hex(16)
    project.file(secret)
    project.dockerfile(
        f"FROM {bases['nodeBuilder']}\nCOPY file /tmp/wanted\n"
        "RUN --mount=type=secret,id=token cmp /run/secrets/token /tmp/wanted && rm /tmp/wanted\n"
    )
    project.inputs(secret=secret)
    outcome = stack.up()
    assert secret not in outcome.output
    assert secret not in json.dumps(stack.export())
    assert secret not in "".join(path.read_text() for path in stack.state.rglob("*.json"))
    assert secret not in project.engine.run("image", "history", "--no-trunc", f"{TAG}:1")


def test_a_failed_build_shows_its_end_without_the_secret(
    project: Project, stack: Workspace, bases: dict[str, str]
) -> None:
    secret = secrets.token_hex(16)
    project.dockerfile(
        f"FROM {bases['nodeBuilder']}\n"
        "RUN --mount=type=secret,id=token echo the token is $(cat /run/secrets/token) && exit 3\n"
    )
    project.inputs(secret=secret)
    outcome = stack.up(check=False)
    assert outcome.rc != 0
    assert "the image was not built" in outcome.output
    assert "the token is [secret]" in outcome.output
    assert secret not in outcome.output
    assert project.images() == []


def test_another_secret_builds_anew_unless_it_is_said_not_to(project: Project, stack: Workspace) -> None:
    project.inputs(secret=secrets.token_hex(16))
    stack.up()
    project.inputs(secret=secrets.token_hex(16))
    assert stack.up().changes == {"update": 1}
    project.inputs(secret=secrets.token_hex(16), ignore_secrets_in_diff_calculation=["token"])
    stack.up()
    project.inputs(secret=secrets.token_hex(16), ignore_secrets_in_diff_calculation=["token"])
    assert stack.up().changes == {}


REFUSED = {
    "pushing": ({"push": True, "load": False}, "the stand-in pushes nothing"),
    "an input it does not know": ({"add_hosts": ["a:1.2.3.4"]}, "problem: is not supported by the stand-in"),
    "a folder that is not there": ({"context": {"location": "nowhere"}}, "nowhere is no folder"),
    "a Dockerfile that is not there": ({"dockerfile": {"location": "context/No"}}, "context/No is no file"),
    "two platforms": ({"platforms": ["linux/amd64", "linux/arm64"]}, "builds for one platform"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_it_cannot_do_is_refused_before_anything_is_built(name: str, project: Project, stack: Workspace) -> None:
    changes, told = REFUSED[name]
    project.inputs(**changes)
    outcome = stack.run("preview", check=False)
    assert outcome.rc != 0
    assert told in outcome.output
    assert project.images() == []


def test_an_interrupted_update_ends_its_build(project: Project, stack: Workspace, bases: dict[str, str]) -> None:
    project.dockerfile(f"FROM {bases['nodeBuilder']}\nRUN sleep 120\n")
    running = stack.start("up", "--yes", "--skip-preview")
    try:
        wait_until(lambda: _builds(project.folder), 30)
        running.send_signal(signal.SIGINT)
        assert running.wait(30) != 0
        wait_until(lambda: not _builds(project.folder), 10)
    finally:
        running.kill()
        running.communicate()
    assert project.images() == []


def _builds(folder: Path) -> list[str]:
    """Processes that build in the folder."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode().split("\0")
            if command[1:2] == ["build"] and (process / "cwd").resolve() == folder:
                found.append(process.name)
        except OSError:
            continue
    return found


def test_without_an_engine_it_says_how_to_start_one(project: Project, stack: Workspace, tmp_path: Path) -> None:
    outcome = stack.up(check=False, environment={"DOCKER_HOST": f"unix://{tmp_path}/no.sock"})
    assert outcome.rc != 0
    assert f"no Docker engine answers at unix://{tmp_path}/no.sock: start this clone's own" in outcome.output
    assert project.images() == []
