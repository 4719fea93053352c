"""Nothing of others is used whose licence is not listed and allowed."""

import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.support.repository import ROOT, tool_path
from tools.licences import check, components, table
from tools.licences.components import DEBIAN, GO, IMAGE, NPM, PYTHON, Component
from tools.licences.lookup import Lookup
from tools.licences.policy import UNKNOWN, Policy, read_policy

POLICY = read_policy()
LISTED = table.read((ROOT / table.FILE).read_text())
AGPL_NOTICE = """\
This program is free software: you can redistribute it and/or modify it under the terms of the GNU Affero General Public License
as published by the Free Software Foundation, version 3 of the License. This program is distributed in the hope that it will be
useful, but WITHOUT ANY WARRANTY; without even the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE. See the
GNU Affero General Public License for more details. You should have received a copy of the GNU Affero General Public License along
with this program. If not, see <https://www.gnu.org/licenses/>.
"""


def test_everything_that_is_used_is_listed_and_allowed() -> None:
    assert check.find_faults(ROOT) == []


def test_all_kinds_are_found() -> None:
    assert {component.kind for component in components.find_components(ROOT)} == {GO, NPM, PYTHON, IMAGE, DEBIAN}


def test_what_the_policy_allows_and_tells_is_needed() -> None:
    assert [name for name in POLICY.read_by_hand if name not in map(str, LISTED)] == []
    kinds = {f"{component.kind} {component.name}" for component in LISTED}
    assert [name for name in POLICY.document["exceptions"] if name not in kinds] == []
    names = {word for licence in LISTED.values() for word in re.findall(r"[\w.+-]+", licence)}
    allowed = {*POLICY.document["allowed"], *POLICY.document["allowed_in_deployed_images"]}
    assert {each for each in allowed if each.split()[0] not in names} == set()


def small_clone(folder: Path, go_mod: str, rows: list[table.Row]) -> Path:
    """A clone with one go.mod, and a table with these rows."""
    for path, text in {
        "tools/new/go.mod": go_mod,
        str(table.FILE): table.render(rows),
        str(components.PAGE_LICENCES): "",
        ".gitignore": ".local\n",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


AGPL = "example.com/under/agpl"
GO_MOD = f"module new\n\ngo 1.26\n\nrequire {AGPL} v1.0.0\n"


def go_faults(clone: Path) -> list[str]:
    return [fault for fault in check.find_faults(clone) if fault.startswith(GO)]


def test_a_module_under_the_agpl_is_refused_before_and_after_its_licence_is_known(tmp_path: Path) -> None:
    module = Component(GO, AGPL, "v1.0.0")
    new = small_clone(tmp_path / "new", GO_MOD, [])
    assert go_faults(new) == [f"{module} (tools/new/go.mod) is not in docs/licences.md; fix: make licences"]

    known = small_clone(tmp_path / "known", GO_MOD, [table.Row(module, "AGPL-3.0-only", ["tools/new/go.mod"])])
    assert go_faults(known) == [f"{module} (tools/new/go.mod) is under AGPL-3.0-only, which is forbidden (AGPL)"]


def test_another_version_is_not_listed_and_the_former_one_has_to_go(tmp_path: Path) -> None:
    listed = table.Row(Component(GO, "example.com/a", "v1.0.0"), "MIT", ["tools/new/go.mod"])
    clone = small_clone(tmp_path, "module new\n\ngo 1.26\n\nrequire example.com/a v1.1.0\n", [listed])
    assert go_faults(clone) == [
        f"{GO} example.com/a v1.1.0 (tools/new/go.mod) is not in docs/licences.md; fix: make licences",
        f"{GO} example.com/a v1.0.0 is in docs/licences.md, and no file names it; fix: make licences",
    ]


@pytest.mark.parametrize(
    ("text", "licence"),
    [(AGPL_NOTICE, "AGPL-3.0-only"), ("Use it only on Sundays, and pay for it.", UNKNOWN), (None, UNKNOWN)],
    ids=["AGPL", "home-made", "no file"],
)
def test_the_licence_of_a_module_is_that_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, licence: str
) -> None:
    """A module proxy of one module stands for the real one."""
    module = Component(GO, "example.com/new", "v1.0.0")
    served = tmp_path / "proxy" / module.name / "@v"
    served.mkdir(parents=True)
    (served / "v1.0.0.info").write_text('{"Version": "v1.0.0"}')
    (served / "v1.0.0.mod").write_text("module example.com/new\n")
    with zipfile.ZipFile(served / "v1.0.0.zip", "w") as archive:
        archive.writestr("example.com/new@v1.0.0/new.go", "package new\n")
        if text is not None:
            archive.writestr("example.com/new@v1.0.0/LICENSE", text)
    monkeypatch.setenv("PATH", tool_path())
    monkeypatch.setenv("GOPROXY", f"file://{tmp_path / 'proxy'}")
    monkeypatch.setenv("GONOSUMDB", "example.com")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    (tmp_path / "scratch").mkdir()
    found = Lookup(ROOT, tmp_path / "scratch", POLICY).licences([module])
    subprocess.run(
        ["chmod", "--recursive", "u+w", str(tmp_path / "modules")], check=True
    )  # so that pytest can remove it
    assert found[module] == licence
    assert POLICY.refusal(module, licence)


@pytest.mark.parametrize(
    ("kind", "licence", "reason"),
    [
        (GO, "MIT", None),
        (GO, "MIT OR GPL-3.0-only", None),
        (GO, "Apache-2.0 WITH LLVM-exception", None),
        (GO, "MIT AND AGPL-3.0-only", "forbidden (AGPL)"),
        (GO, "AGPL-3.0-or-later", "forbidden (AGPL)"),
        (NPM, "SSPL-1.0", "forbidden (SSPL)"),
        (PYTHON, "BUSL-1.1", "forbidden (BUSL)"),
        (PYTHON, "GPL-3.0-only", "does not allow"),
        (NPM, "SEE LICENSE IN LICENSE.txt", "does not allow"),
        (GO, UNKNOWN, "no licence that is known"),
        (IMAGE, "AGPL-3.0-only", None),
        (IMAGE, "RSALv2 OR SSPL-1.0", "forbidden (SSPL, RSAL)"),
        (IMAGE, UNKNOWN, "no licence that is known"),
        (DEBIAN, "GPL-2+; Expat", None),
        (DEBIAN, "AGPL-3+; Expat", "forbidden (AGPL)"),
    ],
)
def test_the_policy_tells_what_may_be_used(kind: str, licence: str, reason: str | None) -> None:
    refusal = POLICY.refusal(Component(kind, "new", "1"), licence)
    assert refusal is None if reason is None else refusal and reason in refusal


def test_what_was_read_by_hand_counts_for_that_version_alone() -> None:
    policy = Policy({**POLICY.document, "read_by_hand": {"container image a/b 1": {"licence": "MIT"}}})
    found = Lookup(ROOT, ROOT, policy).by_hand
    assert found(Component(IMAGE, "a/b", "1"), UNKNOWN) == "MIT"
    assert found(Component(IMAGE, "a/b", "2"), UNKNOWN) == UNKNOWN


def test_a_go_mod_names_what_takes_a_modules_place() -> None:
    text = """\
module new

require example.com/direct v1.0.0

require (
	example.com/a v1.0.0 // indirect
	example.com/ours v0.0.0
	example.com/b v1.0.0
)

exclude example.com/excluded v1.0.0

exclude (
	example.com/excluded v1.1.0
)

replace example.com/b => example.com/c v2.0.0

replace (
	example.com/a v1.0.0 => example.com/a v1.0.1
	example.com/ours => ./ours
)
"""
    assert [str(each) for each in components.go_modules(text)] == [
        f"{GO} example.com/direct v1.0.0",
        f"{GO} example.com/a v1.0.1",
        f"{GO} example.com/c v2.0.0",
    ]


def test_a_dockerfile_names_images_and_packages() -> None:
    text = f"""\
ARG BASE=docker.io/library/node:22-slim@sha256:{"0" * 64}
FROM ${{BASE}}
RUN apt-get update && apt-get install --yes netbase \\
    libstdc++6 \\
  && rm -rf /var/lib/apt/lists/*
RUN python3 /collect.py /static base-files \\
 && python3 /collect.py /node libc6
"""
    assert [str(each) for each in components.dockerfile(text)] == [
        f"{IMAGE} docker.io/library/node 22-slim",
        f"{DEBIAN} netbase",
        f"{DEBIAN} libstdc++6",
        f"{DEBIAN} base-files",
        f"{DEBIAN} libc6",
    ]
