"""How the cost grows with the number of services: at two numbers of services, and for each further service."""

from collections.abc import Callable, Iterator

from bench.benchmarks import EQUAL, GROWTH, PREVIEW_GOAL, Plan, Result
from bench.environment import Environment, RequiredInputs, Stack
from bench.required_inputs import services_settings
from bench.rounds import Candidate, growth

FIRST_PREVIEW, FIRST_UP = GROWTH


def measure_growth(environment: Environment, plan: Plan) -> Iterator[Result]:
    """Services against as many ConfigMaps as the services have objects."""
    if not plan.wants(*GROWTH):
        return
    ours: dict[int, Stack] = {}
    equal: dict[int, Stack] = {}
    for size in plan.sizes:
        plan.log(f"growth: deploying {size} services once to count what they make")
        ours[size] = _with_services(environment, size, plan.growth_by_settings)
        served = ours[size].deploy().served
        ours[size].reset()
        settings = {"objects": str(served), "context": "atlas-local"}
        equal[size] = environment.floor("trivial", f"equal-to-{size}-services", settings)
        equal[size].deploy()
        equal[size].reset()

    def grown(name: str, candidate: Callable[[Stack], Candidate], goal: float | None) -> Iterator[Result]:
        if not plan.wants(name):
            return
        mine = {f"{size} services": candidate(stack) for size, stack in ours.items()}
        others = {f"equal to {size}": candidate(stack) for size, stack in equal.items()}
        runs = plan.compare(name, mine | others)
        for size, key, other in zip(plan.sizes, mine, others, strict=True):
            what = f"{name}, {size} services"
            yield Result(what=what, against=EQUAL, ours=runs[key], theirs=runs[other], goal=goal)
        small, large = plan.sizes
        little, much, floor, higher = (runs[key] for key in (*mine, *others))
        each, each_floor = growth(little, much, large - small), growth(floor, higher, large - small)
        yield Result(what=f"{name}, each further service", against=EQUAL, ours=each, theirs=each_floor)

    yield from grown(FIRST_PREVIEW, lambda stack: stack.preview, PREVIEW_GOAL)
    yield from grown(FIRST_UP, lambda stack: stack.first_up, None)


def _with_services(environment: Environment, count: int, by_settings: bool) -> Stack:
    if by_settings:
        return environment.program(
            "local", RequiredInputs(settings=services_settings(count)), label=f"services-{count}"
        )
    settings = {"services": count, "context": "atlas-local"}
    return environment.program(
        "local", RequiredInputs(settings=settings), replaced_by="services", label=f"services-{count}"
    )
