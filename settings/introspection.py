"""The settings by path: what is expected there, an example, and what somebody may have meant by an unknown key."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from types import NoneType
from typing import Annotated, Any, Literal, cast, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel
from pydantic.alias_generators import to_snake
from pydantic.fields import FieldInfo

from settings.field_types import TextFormat
from settings.model import Settings
from settings.secret_table import SECRETS

Path = tuple[int | str, ...]
ANY = "<name>"
"""Stands for a key that its user chooses."""


RENAMED: Mapping[Path, str] = {
    ("cluster", "stores"): "cluster.privateBackends",
    ("logs", "copyTo"): "logs.otlpEndpoint",
    ("paused",): "scaledToZero",
    ("trading",): "platform",
}
"""Keys of earlier versions, with their names of today."""


def whole_type(field: FieldInfo) -> Any:
    """The type of a field with its constraints, which travel beside it."""
    annotated: Any = field.annotation
    for part in field.metadata:
        annotated = Annotated[annotated, part]
    return annotated


def _unwrap_optional(field: FieldInfo) -> FieldInfo:
    """The field where it is set: ``X`` of ``X | None``."""
    kinds = [each for each in get_args(field.annotation) if each is not NoneType]
    if NoneType not in get_args(field.annotation) or len(kinds) != 1:
        return field
    inner = FieldInfo.from_annotation(kinds[0])
    inner.metadata = [*inner.metadata, *field.metadata]
    return inner


def model_of(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a mapping with declared keys."""
    annotation: Any = _unwrap_optional(field).annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def is_structure(field: FieldInfo) -> bool:
    """Whether it holds other settings, so that it arrives as JSON."""
    return model_of(field) is not None or get_origin(_unwrap_optional(field).annotation) in (dict, list)


def children(field: FieldInfo | None) -> dict[str, FieldInfo]:
    """The declared keys of a mapping; ``None`` stands for the settings as a whole."""
    model = Settings if field is None else model_of(field)
    return {child.alias or name: child for name, child in model.model_fields.items()} if model else {}


def _items(field: FieldInfo) -> FieldInfo | None:
    """What a mapping by free names, or a list, holds."""
    annotation = _unwrap_optional(field).annotation
    return FieldInfo.from_annotation(get_args(annotation)[-1]) if get_origin(annotation) in (dict, list) else None


def field_at(path: Path) -> FieldInfo | None:
    """The field that ``path`` leads to, if it is a declared one."""
    current: FieldInfo | None = None
    for step in path:
        free = _items(current) if current is not None else None
        current = free if free is not None else children(current).get(str(step))
        if current is None:
            return None
    return current


def value_at(settings: Settings | Mapping[str, Any], path: str) -> Any:
    """The value of a setting such as ``logs.otlpEndpoint``; None where a part of the path is not set.

    ``settings`` may be the valid top-level settings alone, by field name.
    """
    value: Any = settings
    for key in map(to_snake, path.split(".")):
        value = cast("Mapping[str, Any]", value).get(key) if isinstance(value, Mapping) else getattr(value, key)
        if value is None:
            return None
    return value


def every_path(field: FieldInfo | None = None, path: Path = ()) -> Iterator[Path]:
    """The path of each setting, from the top."""
    free = _items(field) if field is not None else None
    if free is not None and get_origin(field.annotation if field else None) is dict:
        yield from every_path(free, (*path, ANY))
    for key, child in children(field).items():
        yield (*path, key)
        yield from every_path(child, (*path, key))


def required_paths(field: FieldInfo, path: Path) -> Iterator[Path]:
    """``path``, or each required setting below it."""
    if model_of(field) is None:
        yield path
    for key, child in children(field).items():
        if child.is_required():
            yield from required_paths(child, (*path, key))


def describe(field: FieldInfo) -> str:
    """What may stand there, to be read after "expected"."""
    inner = _unwrap_optional(field)
    for part in inner.metadata:
        if isinstance(part, TextFormat):
            return part.expected
    if (names := children(inner)) != {}:
        return "a mapping with " + ", ".join(names)
    if (items := _items(inner)) is not None:
        return ("a mapping of names to " if get_origin(inner.annotation) is dict else "a list, each ") + describe(items)
    if get_origin(inner.annotation) is Literal:
        *first, last = (str(each) for each in get_args(inner.annotation))
        return " or ".join([", ".join(first), last]) if first else last
    if inner.annotation is bool:
        return "true or false"
    return ("a whole number" if inner.annotation is int else "a number") + _range(inner)


def _range(field: FieldInfo) -> str:
    text = ""
    for part in field.metadata:
        match part:
            case Ge(ge=bound):
                text += f" from {_number(bound)}"
            case Gt(gt=bound):
                text += f" above {_number(bound)} and"
            case Le(le=bound):
                text += f" {'at most' if text.endswith('and') else 'to'} {_number(bound)}"
            case _:
                pass
    return text


def _number(bound: Any) -> str:
    return f"{bound:.15g}"


def example(field: FieldInfo) -> Any:
    """A value that would be accepted, ``None`` where there is no one of it."""
    if field.examples:
        return field.examples[0]
    if not field.is_required() and field.default is not None:
        return None if is_structure(field) else field.default
    inner = _unwrap_optional(field)
    for part in inner.metadata:
        if isinstance(part, TextFormat):
            return part.example
        if isinstance(part, Ge):
            return part.ge
    return None


def _plain(key: str) -> str:
    return key.replace("_", "").replace("-", "").lower()


def suggest(path: Path) -> str | None:
    """What somebody who wrote ``path`` may have meant: another spelling, another level, or a secret's key."""
    *above, last = path
    key = str(last)
    here = list(children(field_at(tuple(above)) if above else None))
    here += [] if above else SECRETS
    everywhere = [".".join(map(str, each)) for each in every_path() if ANY not in each]
    every = {each: each.rpartition(".")[2] for each in everywhere}
    prefix = "".join(f"{step}." for step in above)
    guesses: tuple[list[str], ...] = (
        [prefix + each for each in here if _plain(each) == _plain(key)],
        [each for each, name in every.items() if _plain(name) == _plain(key)],
        [prefix + each for each in get_close_matches(key, here, n=1)],
        [each for each in SECRETS if above and len(key) > 5 and _plain(each).endswith(_plain(key))],
        [each for each, name in every.items() if get_close_matches(key, [name], cutoff=0.8)],
    )
    return next((" or ".join(guess[:4]) for guess in guesses if guess), None)
