"""How cost grows with the number of services: at two sizes, and for each further service."""

from collections.abc import Callable, Iterator

from bench.benchmarks import EQUAL, GROWTH, PREVIEW_GOAL, Plan, Row
from bench.environment import Given, Ground, Stack
from bench.required_inputs import services
from bench.rounds import Contender, growth

FIRST_PREVIEW, FIRST_UP = GROWTH


def of_growth(ground: Ground, plan: Plan) -> Iterator[Row]:
    """Services against as many ConfigMaps as they make objects."""
    if not plan.wants(*GROWTH):
        return
    ours: dict[int, Stack] = {}
    equal: dict[int, Stack] = {}
    for size in plan.sizes:
        plan.tell(f"growth: deploying {size} services once to count what they make")
        ours[size] = _with_services(ground, size, plan.growth_by_settings)
        served = ours[size].deploy().served
        ours[size].forget()
        settings = {"objects": str(served), "context": "atlas-local"}
        equal[size] = ground.small("trivial", f"equal-to-{size}-services", settings)
        equal[size].deploy()
        equal[size].forget()

    def grown(name: str, contender: Callable[[Stack], Contender], goal: float | None) -> Iterator[Row]:
        if not plan.wants(name):
            return
        mine = {f"{size} services": contender(stack) for size, stack in ours.items()}
        others = {f"equal to {size}": contender(stack) for size, stack in equal.items()}
        runs = plan.compare(name, mine | others)
        for size, key, other in zip(plan.sizes, mine, others, strict=True):
            what = f"{name}, {size} services"
            yield Row(what=what, against=EQUAL, ours=runs[key], theirs=runs[other], goal=goal)
        small, large = plan.sizes
        little, much, floor, higher = (runs[key] for key in (*mine, *others))
        each, each_floor = growth(little, much, large - small), growth(floor, higher, large - small)
        yield Row(what=f"{name}, each further service", against=EQUAL, ours=each, theirs=each_floor)

    yield from grown(FIRST_PREVIEW, lambda stack: stack.preview, PREVIEW_GOAL)
    yield from grown(FIRST_UP, lambda stack: stack.first_up, None)


def _with_services(ground: Ground, count: int, by_settings: bool) -> Stack:
    if by_settings:
        return ground.program("local", Given(settings=services(count)), label=f"services-{count}")
    settings = {"services": count, "context": "atlas-local"}
    return ground.program("local", Given(settings=settings), replaced_by="services", label=f"services-{count}")
