"""The bench's arithmetic, its programs and its way of measuring. How fast anything is, no test says."""

import json
import os
import runpy
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bench.benchmarks import EQUAL, GROWTH, OURS, Plan, Result, results_against, stack_benchmarks
from bench.environment import Environment, read_deployment
from bench.growth import measure_growth
from bench.process import CommandFailed, Run, measure
from bench.rounds import Comparison, growth, run_rounds
from bench.table import Machine, as_json, goal_note, markdown
from bench.up.parts import MakeRun
from tests.support.process import interruptible
from tests.support.repository import ROOT
from tests.support.synthesis import Program, declare


def runs(*seconds: float) -> list[Run]:
    return [Run(each, each / 2, int(each) * 2**20) for each in seconds]


def python(code: str, folder: Path, **more: Any) -> Run:
    return measure(interruptible([sys.executable, "-c", code]), folder=folder, environment=os.environ, **more)


# -- arithmetic


def test_a_ratio_is_the_median_of_the_rounds_and_not_the_ratio_of_the_medians() -> None:
    found = Comparison(ours=[1, 10, 3], theirs=[1, 2, 3])

    assert found.ratios == [1, 5, 1]
    assert found.ratio == 1  # the ratio of the medians would be 1.5
    assert found.spread == (1, 5)


def test_rounds_that_do_not_match_are_not_compared() -> None:
    with pytest.raises(ValueError, match="zip"):
        _ = Comparison(ours=[1, 2], theirs=[1]).ratios


def test_growth_is_the_cost_of_each_further_one() -> None:
    (each,) = growth(runs(2), runs(11), 45)

    assert each == Run(0.2, 0.1, 9 * 2**20 // 45)


def test_only_enough_rounds_judge_a_goal() -> None:
    def row(ours: list[Run], theirs: list[Run], goal: float | None = 1.3) -> Result:
        return Result(what="a thing", against=EQUAL, ours=ours, theirs=theirs, goal=goal)

    assert goal_note(row(runs(4, 4, 4), runs(4, 3, 4))) == " (meets 1.3)"
    assert goal_note(row(runs(4, 4, 4), runs(3, 3, 4))) == " (misses 1.3)"
    assert goal_note(row(runs(4, 4), runs(3, 3))) == ""
    assert goal_note(row(runs(4, 4, 4), runs(3, 3, 4), goal=None)) == ""


# -- rounds


def test_candidates_alternate_and_every_one_runs_in_every_round() -> None:
    order: list[str] = []
    told: list[str] = []

    def candidate(name: str) -> Run:
        order.append(name)
        return Run(1, 1, 1)

    found = run_rounds(
        {name: lambda name=name: candidate(name) for name in ("a", "b", "c")},
        rounds=3,
        until=time.monotonic() + 60,
        log=told.append,
    )

    assert order == list("abccbaabc")
    assert {name: len(each) for name, each in found.items()} == {"a": 3, "b": 3, "c": 3}
    assert len(told) == 9, "each run is told of"


def test_when_the_time_is_over_no_further_round_begins_and_one_is_always_made() -> None:
    found = run_rounds({"a": lambda: Run(1, 1, 1)}, rounds=9, until=time.monotonic() - 1, log=lambda _: None)

    assert len(found["a"]) == 1


def plan(**changed: Any) -> Plan:
    usual = {"rounds": 1, "seconds": 60, "only": (), "stacks": ("local", "prod"), "sizes": (2, 5)}
    return Plan(**{**usual, "growth_by_settings": False, "log": lambda _: None, **changed})


def test_a_plan_runs_the_benchmarks_that_are_asked_for_and_shares_its_time_among_them() -> None:
    asked = plan(only=["prod: first", "growth"])

    assert not asked.wants(*stack_benchmarks("local"))
    assert asked.wants("prod: first up", "prod: no-op up")
    assert asked.wants(*GROWTH)
    asked.compare("prod: first up", {OURS: lambda: Run(1, 1, 1)})
    assert not asked.wants("prod: first up"), "it has been run"
    assert list(measure_growth(None, plan(only=["prod"]))) == [], "what is not asked for costs nothing"  # pyright: ignore


def test_a_word_that_no_benchmark_has_is_refused_with_the_names_of_all() -> None:
    with pytest.raises(ValueError, match=r"no benchmark has 'services' in its name; .*growth: first up"):
        plan(only=["prod", "services"])


# -- measuring


def test_memory_and_processor_time_are_those_of_the_whole_tree(tmp_path: Path) -> None:
    """The grandchild has a process group of its own, as Pulumi's plugins have."""
    hungry = (
        "held = b'x' * (150 << 20)\nimport time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass"
    )
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {hungry!r}], process_group=0, check=True)"

    run = python(parent, tmp_path)

    assert 150 << 20 < run.peak < 400 << 20
    assert run.cpu >= 0.5
    assert run.seconds >= 0.5


def test_a_command_that_fails_is_no_measurement_and_shows_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"(?s)ended with 3:.*no cluster"):
        python("import sys\nprint('no cluster')\nsys.exit(3)", tmp_path)
    assert python("raise SystemExit(1)", tmp_path, accept=(0, 1)).seconds > 0


def test_an_interrupt_reaches_the_command_and_is_awaited(tmp_path: Path) -> None:
    """A Pulumi that is killed instead leaves its stack locked."""
    polite = (
        "import os, pathlib, signal, time\n"
        "try:\n"
        f"    os.kill({os.getpid()}, signal.SIGUSR1)\n"
        "    time.sleep(30)\n"
        "except KeyboardInterrupt:\n"
        "    time.sleep(0.2)\n"
        "    pathlib.Path('unlocked').touch()\n"
    )
    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            python(polite, tmp_path)
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert (tmp_path / "unlocked").exists()


# -- programs


def declared(name: str, **settings: str) -> Program:
    values = {f"atlas:{key}": value for key, value in settings.items()} | {"atlas:context": "atlas-local"}
    return declare(lambda: runpy.run_path(str(ROOT / f"bench/programs/{name}.py")), configuration=values)


def served(program: Program) -> list[str]:
    return [each.kind for each in program.resources if each.type.startswith(("kubernetes:", "random:"))]


def test_the_floor_of_equal_count_has_just_so_many_objects() -> None:
    assert served(declared("trivial", objects="12")) == ["Namespace", *["ConfigMap"] * 11]
    assert served(declared("empty")) == []


def test_services_grow_by_the_same_objects_each() -> None:
    few, many = (served(declared("services", services=str(count))) for count in (2, 5))

    assert few[0] == many[0] == "Namespace"
    assert len(many) - 1 == (len(few) - 1) / 2 * 5
    assert many.count("Deployment") == 5


# -- what was deployed

MARK = "4dabf18193072939515e22adb298388d"


def test_an_exported_state_gives_the_objects_with_their_secrets_opened() -> None:
    secret = {MARK: "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps({"key": "dmFsdWU="})}
    made = {"kind": "Secret", "metadata": {"name": "a", "namespace": "b"}, "data": secret}
    found = read_deployment(
        [
            {"type": "pulumi:pulumi:Stack", "urn": "…"},
            {"type": "pulumi:providers:kubernetes", "custom": True, "outputs": {}},
            {"type": "atlas:index:Workload", "outputs": {}},
            {"type": "random:index/randomPassword:RandomPassword", "custom": True, "outputs": {}},
            {"type": "kubernetes:core/v1:Secret", "custom": True, "outputs": {"__inputs": made}},
        ]
    )

    assert found.served == 2
    assert list(found.manifests) == [{**made, "data": {"key": "dmFsdWU="}}]


def test_what_lies_in_a_namespace_that_goes_is_not_deleted_one_by_one(tmp_path: Path) -> None:
    calls: list[tuple[tuple[str, ...], str]] = []

    class Recording:
        def kubectl(self, *arguments: str, stdin: str = "") -> None:
            calls.append((arguments, stdin))

    def manifest(kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        return {"kind": kind, "metadata": {"name": name} | ({"namespace": namespace} if namespace else {})}

    ground = Environment(Recording(), tmp_path)  # pyright: ignore[reportArgumentType]
    ground.delete(
        [
            manifest("Namespace", "ours"),
            manifest("ConfigMap", "inside", "ours"),
            manifest("RoleBinding", "beside", "kube-system"),
            manifest("ClusterRole", "wide"),
        ]
    )
    ground.delete([])

    ((arguments, stdin),) = calls
    assert arguments[:2] == ("delete", "--ignore-not-found")
    assert [each["metadata"]["name"] for each in json.loads(stdin)["items"]] == ["ours", "beside", "wide"]


# -- the parts of `make up`


def test_the_parts_of_make_up_are_told_by_its_lines_and_add_up() -> None:
    up = MakeRun(
        lines=(
            (1, "[1/2] pulumi cached"),
            (2, "[2/2] Debian packages …"),
            (5, "[2/2] Debian packages installed in 3 s"),
            (9, "  kubelet ready in 2.5 s"),
            (10, "cluster is up in 5.0 s, kubeconfig somewhere, context atlas-local"),
            (30, "  atlas/api:1 built and loaded in 20.0 s"),
            (31, "Updating (local):"),
            (40, " +  kubernetes:apps/v1:Deployment loki creating (0s) "),
            (50, " +  kubernetes:apps/v1:Deployment loki created (10s) "),
            (51, " +  pulumi:pulumi:Stack atlas-local created (20s) "),
        ),
        seconds=52,
    )
    assert up.parts == {"set-up": 5, "cluster and node": 5, "images": 21, "objects and pods": 21}
    assert [step for step, _ in up.slowest] == [
        *("atlas/api:1 built and loaded", "Deployment loki created", "Debian packages installed", "kubelet ready"),
    ]


# -- what is shown


def test_the_table_and_the_file_hold_every_comparison() -> None:
    found = list(
        results_against("local: first up", {OURS: runs(4, 6, 5), EQUAL: runs(2, 4, 5)}, {EQUAL: 1.1}, (EQUAL,))
    )
    quiet = Machine(cpus=2, python="3.11.7", load=0.1, compiled=True)

    heading, rule, line = markdown(found).splitlines()
    assert set(rule) == {"|", "-"}
    assert len(heading) == len(line) == len(rule)
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells == [
        *("local: first up", "5.00 s", "as many ConfigMaps", "4.00 s"),
        *("1.50 (misses 1.1)", "1.00 to 2.00", "1.50", "6.0 MiB : 5.0 MiB"),
    ]
    (row,) = json.loads(as_json(found, quiet, quiet))["rows"]
    assert [each["seconds"] for each in row["ours"]] == [4, 6, 5]
    assert row["ratio"] == 1.5


def test_the_machine_says_how_busy_it_is() -> None:
    assert Machine(cpus=2, python="3.11.7", load=3.0, compiled=False).busy == 1.5
    assert "no compiled bytecode" in str(Machine(cpus=2, python="3.11.7", load=3.0, compiled=False))
    assert Machine.now().cpus >= 1
