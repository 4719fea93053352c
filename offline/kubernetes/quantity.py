"""Kubernetes quantities as the API server writes them: ``1024Mi`` is ``1Gi``, ``0.5`` is ``500m``."""

import re
from fractions import Fraction

_FORM = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(m|u|n|[kMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?")
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_EXPONENTS = {power: f"e{3 * power}" if power else "" for power in _DECIMAL.values()}


def canonical(text: str) -> str | None:
    """The API server's spelling, or None when the text is no quantity."""
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    number, suffix = Fraction(form[1]), form[2] or ""
    if suffix in _BINARY:
        value = number * 1024 ** _BINARY[suffix]
        if abs(value) >= 1024 and value.denominator == 1:
            return _spell(value, 1024, {0: "", **_by_power(_BINARY)})
        return _spell(value, 1000, _by_power(_DECIMAL))
    if suffix[:1] in {"e", "E"} and len(suffix) > 1:
        return _spell(number * Fraction(10) ** int(suffix[1:]), 1000, _EXPONENTS)
    return _spell(number * Fraction(1000) ** _DECIMAL[suffix], 1000, _by_power(_DECIMAL))


def _by_power(suffixes: dict[str, int]) -> dict[int, str]:
    return {power: suffix for suffix, power in suffixes.items()}


def _spell(value: Fraction, base: int, names: dict[int, str]) -> str:
    """A number with the largest suffix that leaves a whole number. It is rounded up when even the smallest suffix leaves none."""
    if value == 0:
        return "0"
    for power in sorted(names, reverse=True):
        mantissa = value / Fraction(base) ** power
        if mantissa.denominator == 1:
            return f"{mantissa.numerator}{names[power]}"
    smallest = min(names)
    mantissa = value / Fraction(base) ** smallest
    away = -(-abs(mantissa.numerator) // mantissa.denominator)
    return f"{-away if value < 0 else away}{names[smallest]}"
