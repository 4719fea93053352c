"""When something runs: the five fields of cron, as Kubernetes reads them."""

import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    ("a minute", 0, 59, ()),
    ("an hour", 0, 23, ()),
    ("a day of the month", 1, 31, ()),
    ("a month", 1, 12, _MONTHS),
    ("a day of the week", 0, 6, _DAYS),
)
_PART = re.compile(r"(?P<first>\*|[0-9A-Za-z]+)(-(?P<last>[0-9A-Za-z]+))?(/(?P<step>[0-9]+))?")


def check_schedule(schedule: str) -> None:
    """Accept five fields of cron, or ``@daily`` and its like.

    Raises:
        ValueError: names the first field that is none, and its range.
    """
    if schedule.startswith("@"):
        return
    for text, (name, minimum, maximum, names) in zip(schedule.split(" "), _FIELDS, strict=True):
        for part in text.split(","):
            if not _is_part(part, minimum, maximum, names):
                raise ValueError(f"expected {name} from {minimum} to {maximum}, a range, a step or *")


def _is_part(part: str, minimum: int, maximum: int, names: tuple[str, ...]) -> bool:
    match = _PART.fullmatch(part)
    if not match or (match["step"] is not None and not 1 <= int(match["step"][:9]) <= maximum):
        return False
    if match["first"] == "*":
        return match["last"] is None
    first = _number(match["first"], minimum, names)
    last = first if match["last"] is None else _number(match["last"], minimum, names)
    return first is not None and last is not None and minimum <= first <= last <= maximum


def _number(text: str, minimum: int, names: tuple[str, ...]) -> int | None:
    if text.isdigit():
        return int(text[:9])
    return names.index(text.lower()) + minimum if text.lower() in names else None
