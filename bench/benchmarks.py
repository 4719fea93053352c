"""The benchmarks: what is measured, against what, and with which goal."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.environment import Environment, Manifest, Stack, as_list
from bench.process import Run
from bench.required_inputs import required_inputs
from bench.rounds import Candidate, Comparison, Log, run_rounds

STACKS = ("local", "dev", "prod")
OURS, EMPTY, EQUAL, APPLY, DIFF = "ours", "empty program", "as many ConfigMaps", "kubectl apply", "kubectl diff"
REFRESHED = "ours with --refresh"
PREVIEW_GOAL, NO_OP_PREVIEW_GOAL, UP_GOAL = 1.3, 1.4, 2.0


@dataclass(frozen=True, kw_only=True)
class Result:
    """Our runs and those of one other candidate in the same rounds. ``goal`` is the highest good ratio of their times."""

    what: str
    against: str
    ours: Sequence[Run]
    theirs: Sequence[Run]
    goal: float | None = None

    @property
    def time(self) -> Comparison:
        """Wall time."""
        return Comparison([run.seconds for run in self.ours], [run.seconds for run in self.theirs])

    @property
    def cpu(self) -> Comparison:
        """Processor time."""
        return Comparison([run.cpu for run in self.ours], [run.cpu for run in self.theirs])

    @property
    def memory(self) -> tuple[int, int]:
        """The largest peak of any run, ours and theirs."""
        return max(run.peak for run in self.ours), max(run.peak for run in self.theirs)


@dataclass(kw_only=True)
class Plan:
    """What is measured and for how long. ``only`` selects the benchmarks whose name contains one of the words.

    ``seconds`` is the time for all of them; ``sizes`` are the two numbers of services between which growth is measured.

    Raises:
        ValueError: a word is in no benchmark's name; holds the names.
    """

    rounds: int
    seconds: float
    only: Sequence[str]
    stacks: Sequence[str]
    sizes: tuple[int, int]
    growth_by_settings: bool
    log: Log

    def __post_init__(self) -> None:
        self._end = time.monotonic() + self.seconds
        names = [name for stack in self.stacks for name in stack_benchmarks(stack)] + list(GROWTH)
        for word in self.only:
            if not any(word in name for name in names):
                raise ValueError(f"no benchmark has {word!r} in its name; there are {', '.join(names)}")
        self._left = [name for name in names if not self.only or any(word in name for word in self.only)]

    def wants(self, *names: str) -> bool:
        """Whether any of these benchmarks is still to be run."""
        return any(name in self._left for name in names)

    def compare(self, name: str, candidates: Mapping[str, Candidate]) -> dict[str, list[Run]]:
        """Run a benchmark in rounds, for an equal share of the time that is left."""
        share = (self._end - time.monotonic()) / len(self._left)
        self._left.remove(name)
        return run_rounds(
            candidates,
            rounds=self.rounds,
            until=time.monotonic() + share,
            log=lambda text: self.log(f"{name}: {text}"),
        )


def stack_benchmarks(stack: str) -> list[str]:
    """The names of a stack's benchmarks."""
    return [f"{stack}: {what}" for what in ("first preview", "first up", "no-op up", "no-op preview")]


GROWTH = ("growth: first preview", "growth: first up")


def results_against(
    what: str, runs: Mapping[str, list[Run]], goals: Mapping[str, float], against: Sequence[str]
) -> Iterator[Result]:
    """Our runs against those of each other candidate."""
    for other in against:
        yield Result(what=what, against=other, ours=runs[OURS], theirs=runs[other], goal=goals.get(other))


def measure_stack(environment: Environment, name: str, plan: Plan) -> Iterator[Result]:
    """The real program on one stack. Each candidate runs once before it is measured, which also warms every cache."""
    first_preview, first_up, no_op_up, no_op_preview = stack_benchmarks(name)
    if not plan.wants(first_preview, first_up, no_op_up, no_op_preview):
        return
    plan.log(f"{name}: deploying once to count what it makes")
    ours = environment.program(name, required_inputs(name))
    made = ours.deploy()
    ours.reset()
    equal = environment.floor("trivial", f"equal-to-{name}", {"objects": str(made.served), "context": "atlas-local"})
    empty = environment.floor("empty", f"empty-for-{name}", {})
    for floor in (equal, empty):
        floor.deploy()
        floor.reset()
    stacks = {OURS: ours, EQUAL: equal, EMPTY: empty}

    if plan.wants(first_preview):
        runs = plan.compare(first_preview, {key: stack.preview for key, stack in stacks.items()})
        yield from results_against(first_preview, runs, {EQUAL: PREVIEW_GOAL}, (EQUAL, EMPTY))
    if plan.wants(first_up):
        apply = KubectlApply(environment, made.manifests)
        candidates = {**{key: stack.first_up for key, stack in stacks.items()}, APPLY: apply.first}
        runs = plan.compare(first_up, candidates)
        yield from results_against(first_up, runs, {EQUAL: UP_GOAL}, (APPLY, EQUAL, EMPTY))
    if plan.wants(no_op_up, no_op_preview):
        yield from _measure_no_op(environment, stacks, no_op_up, no_op_preview, plan)


def _measure_no_op(
    environment: Environment, stacks: Mapping[str, Stack], no_op_up: str, no_op_preview: str, plan: Plan
) -> Iterator[Result]:
    """The cost of updates and previews when nothing has changed."""
    made = {key: stack.deploy() for key, stack in stacks.items()}
    apply = KubectlApply(environment, made[OURS].manifests)
    apply.again()
    if plan.wants(no_op_up):
        candidates = {**{key: stack.up for key, stack in stacks.items()}, REFRESHED: stacks[OURS].refreshed_up}
        runs = plan.compare(no_op_up, {**candidates, APPLY: apply.again})
        yield from results_against(no_op_up, runs, {}, (REFRESHED, APPLY, EQUAL, EMPTY))
    if plan.wants(no_op_preview):
        candidates = {
            **{key: stack.preview for key, stack in stacks.items()},
            REFRESHED: stacks[OURS].refreshed_preview,
        }
        runs = plan.compare(no_op_preview, {**candidates, DIFF: apply.diff})
        yield from results_against(no_op_preview, runs, {EQUAL: NO_OP_PREVIEW_GOAL}, (EQUAL, REFRESHED, DIFF, EMPTY))
    for stack in stacks.values():
        stack.reset()


class KubectlApply:
    """The candidate that deploys the same objects by kubectl."""

    def __init__(self, environment: Environment, manifests: Sequence[Manifest]) -> None:
        self._environment = environment
        self._manifests = manifests
        self._file = environment.folder / "manifests.json"
        self._file.touch(mode=0o600)
        self._file.write_text(as_list(manifests))

    def first(self) -> Run:
        """A measured first apply, undone afterwards."""
        run = self.again()
        self._environment.delete(self._manifests)
        return run

    def again(self) -> Run:
        """A measured apply."""
        return self._kubectl("apply")

    def diff(self) -> Run:
        """A measured diff. Exit code 1 says that there are differences, and is no failure."""
        return self._kubectl("diff", accept=(0, 1))

    def _kubectl(self, verb: str, accept: Sequence[int] = (0,)) -> Run:
        # Where our own deployment owns the objects, lists that the API server has completed count as a conflict.
        flags = ("--server-side", "--force-conflicts", "--filename", str(self._file))
        return self._environment.kubectl(verb, *flags, accept=accept)
