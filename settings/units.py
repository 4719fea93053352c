"""Kubernetes quantities of memory and storage, the durations that Prometheus and Loki share, and numbers as people write them."""

import re

_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_HOURS = {"h": 1, "d": 24, "w": 24 * 7}


def to_bytes(quantity: str) -> int:
    """Bytes of a binary quantity such as ``512Mi``.

    Raises:
        ValueError: anything but a positive whole number with Ki, Mi, Gi or Ti. Decimal units (``10G``) are refused:
            they are 7 % smaller than they look.
    """
    match = re.fullmatch("([1-9][0-9]{0,9})(Ki|Mi|Gi|Ti)", quantity)
    if not match:
        raise ValueError("expected a whole number with Ki, Mi, Gi or Ti, such as 512Mi")
    return int(match[1]) * _UNITS[match[2]]


def from_bytes(count: int) -> str:
    """The quantity of ``count`` bytes, rounded down to whole Mi."""
    return f"{count // _UNITS['Mi']}Mi"


def go_memory_limit(memory: str, ratio: float = 0.8) -> str:
    """GOMEMLIMIT for a container of this memory: the share of it within which Go keeps its heap."""
    return from_bytes(int(to_bytes(memory) * ratio)) + "B"


def to_hours(duration: str) -> int:
    """Hours of a retention such as ``36h``, ``15d`` or ``8w``.

    Raises:
        ValueError: another unit, a fraction, a sign or zero.
    """
    match = re.fullmatch("([1-9][0-9]{0,5})(h|d|w)", duration)
    if not match:
        raise ValueError("expected a whole number with h, d or w, such as 15d")
    return int(match[1]) * _HOURS[match[2]]


def to_millicores(cpu: str) -> int:
    """Thousandths of a core of ``250m`` or ``2``.

    Raises:
        ValueError: anything but a positive whole number of cores or millicores.
    """
    match = re.fullmatch("([1-9][0-9]{0,5})(m?)", cpu)
    if not match:
        raise ValueError("expected cores or millicores, such as 2 or 250m")
    return int(match[1]) * (1 if match[2] else 1000)


def format_number(number: float) -> str:
    """A number as it was written, all its digits and no more: the alerts compare with it, and the workers stop at it."""
    return f"{number:.15g}"
