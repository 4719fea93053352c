"""Holds the table of licences against the lock files and the policy. It asks nothing of a network."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tools.licences import table
from tools.licences.components import DEBIAN, Component, find_components
from tools.licences.policy import Policy, read_policy


def find_faults(root: Path, policy: Policy | None = None) -> list[str]:
    """What is used and not in the table, what is in it and not used, and whose licence is refused, with the files that name it."""
    licences = table.read((root / table.FILE).read_text())
    return list(faults(find_components(root), licences, policy or read_policy()))


def faults(
    components: Mapping[Component, Sequence[str]], licences: Mapping[Component, str], policy: Policy
) -> Iterator[str]:
    for component, sources in components.items():
        where = ", ".join(sources)
        licence = licences.get(component)
        if licence is None:
            yield f"{component} ({where}) is not in {table.FILE}; fix: {table.COMMAND}"
        elif refusal := policy.refusal(component, licence):
            yield f"{component} ({where}) {refusal}"
    for component, licence in licences.items():
        if component in components:
            continue
        if component.kind != DEBIAN:
            yield f"{component} is in {table.FILE}, and no file names it; fix: {table.COMMAND}"
        elif refusal := policy.refusal(
            component, licence
        ):  # Debian's packages need others, which no file of ours names
            yield f"{component} {refusal}"
