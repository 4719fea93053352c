"""The one strict reader of configuration: Pulumi's flat keys in, ``Settings`` out, or every problem in one message.

A problem reads ``<stack>: <key>: <what is wrong>, found <value>, expected <what>; fix: <command>``. A secret's value is never
part of a message.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, cast

import pulumi
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from components.settings import SECRET_KEYS, SHORTEST_SECRET, WEAK_SECRETS, Settings, disagreements

PROJECT = "atlas"
_URL_CREDENTIALS = re.compile(r"://[^/@]*@")


class ConfigurationError(pulumi.RunError):
    """Every problem of a stack's configuration; Pulumi prints it without a traceback."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    stack: str
    key: str
    wrong: str
    found: str = ""
    expected: str
    fix: str

    def __str__(self) -> str:
        found = f", found {self.found}" if self.found else ""
        return f"{self.stack}: {self.key}: {self.wrong}{found}, expected {self.expected}; fix: {self.fix}"


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What ``pulumi`` hands to a program: flat keys without the project's prefix, and which of them are secret."""

    stack: str
    values: Mapping[str, str]
    secret: frozenset[str] = frozenset()

    @staticmethod
    def of_this_run() -> "Configuration":
        """The configuration that the engine passed to this process."""
        merged = pulumi.runtime.config.get_config_env() | pulumi.runtime.config.CONFIG.get()
        values = {key.split(":", 1)[1]: value for key, value in merged.items() if key.startswith(f"{PROJECT}:")}
        secret = frozenset(key for key in values if pulumi.runtime.is_config_secret(f"{PROJECT}:{key}"))
        return Configuration(stack=pulumi.get_stack(), values=values, secret=secret)


def read_settings(configuration: Configuration | None = None) -> Settings:
    """The settings of this run.

    Raises:
        ConfigurationError: names every problem. No resource exists yet, so nothing is half-made.
    """
    configuration = configuration or Configuration.of_this_run()
    parts: dict[str, Any] = {}
    problems = [*_misplaced(configuration), *_parse(configuration, parts)]
    for key, wrong, found, expected in disagreements(parts, configuration.stack):
        problems.append(
            Problem(
                stack=configuration.stack, key=key, wrong=wrong, found=found, expected=expected, fix=_set(key, "VALUE")
            )
        )
    weak = list(_weak(configuration))
    if parts.get("environment") == "prod":
        problems += weak
    else:
        for problem in weak:
            pulumi.log.warn(str(problem))
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise ConfigurationError(
            f"the configuration of stack {configuration.stack} has {len(problems)} problem(s):\n{lines}"
        )
    return Settings.model_construct(None, **parts)


def given_secret(key: str) -> pulumi.Output[str] | None:
    """The secret given as ``key``, or ``None`` where it is to be generated."""
    return pulumi.Config(PROJECT).get_secret(key)


def _set(key: str, value: str, *, secret: bool = False) -> str:
    path = "--path " if "." in key else ""
    return f"pulumi config set {'--secret ' if secret else ''}{path}{PROJECT}:{key}{'' if secret else f' {value}'}"


def _misplaced(configuration: Configuration) -> Iterator[Problem]:
    """Unknown keys, secrets in clear, and plain settings that somebody encrypted."""
    known = {field.alias or name for name, field in Settings.model_fields.items()} | SECRET_KEYS.keys()
    for key in configuration.values:
        if key not in known:
            yield _unknown(configuration.stack, key, key, known)
        elif (key in SECRET_KEYS) != (key in configuration.secret):
            stored = (
                "is a secret stored in clear"
                if key in SECRET_KEYS
                else "is stored as a secret but is an ordinary setting"
            )
            yield Problem(
                stack=configuration.stack,
                key=key,
                wrong=stored,
                expected="an encrypted value" if key in SECRET_KEYS else "a plain value",
                fix=_set(key, "VALUE", secret=key in SECRET_KEYS),
            )


def _weak(configuration: Configuration) -> Iterator[Problem]:
    """Given secrets that protect nothing. Their values stay out of the message."""
    for key in SECRET_KEYS.keys() & configuration.secret:
        value = configuration.values[key]
        if len(value.strip()) < SHORTEST_SECRET or any(word in value.lower() for word in WEAK_SECRETS):
            yield Problem(
                stack=configuration.stack,
                key=key,
                wrong="is a weak secret",
                expected=f"at least {SHORTEST_SECRET} characters, none of the usual defaults in it",
                fix=_set(key, "", secret=True),
            )


def _unknown(stack: str, path: str, key: str, known: Iterable[str]) -> Problem:
    guess = get_close_matches(key, known, n=1)
    expected = f"did you mean {guess[0]}?" if guess else "one of " + ", ".join(sorted(known))
    flag = "--path " if "." in path else ""
    return Problem(
        stack=stack,
        key=path,
        wrong="is not a setting",
        expected=expected,
        fix=f"pulumi config rm {flag}{PROJECT}:{path}",
    )


def _parse(configuration: Configuration, parts: dict[str, Any]) -> Iterator[Problem]:
    """Fill ``parts`` with each valid top-level setting, by field name, and yield what is wrong with the others."""
    for name, field in Settings.model_fields.items():
        key = field.alias or name
        if key not in configuration.values:
            if field.is_required():
                yield from _missing(configuration.stack, key, field)
            else:
                parts[name] = field.get_default(call_default_factory=True)
            continue
        if key in configuration.secret:
            continue
        try:
            parts[name] = TypeAdapter(_annotation(field)).validate_python(_decoded(field, configuration.values[key]))
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                yield _invalid(configuration.stack, key, field, detail)


def _annotation(field: FieldInfo) -> Any:
    # Constraints of the field travel beside its type.
    annotated: Any = field.annotation
    for part in field.metadata:
        annotated = Annotated[annotated, part]
    return annotated


def _decoded(field: FieldInfo, value: str) -> Any:
    """Objects arrive as JSON; a scalar setting is what was typed."""
    if field.annotation is str or not _is_object(field):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _is_object(field: FieldInfo) -> bool:
    annotation = cast(Any, field.annotation)
    return getattr(annotation, "__origin__", None) is dict or (
        isinstance(annotation, type) and issubclass(annotation, BaseModel)
    )


def _example(field: FieldInfo | None) -> str:
    if field is None:
        return "VALUE"
    if field.examples:
        return str(field.examples[0])
    return str(field.default) if isinstance(field.default, str | int | float) else "VALUE"


def _missing(stack: str, key: str, field: FieldInfo) -> Iterator[Problem]:
    """One problem for each required leaf below ``key``."""
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
        for name, child in field.annotation.model_fields.items():
            if child.is_required():
                yield from _missing(stack, f"{key}.{child.alias or name}", child)
        return
    yield Problem(
        stack=stack,
        key=key,
        wrong="is missing",
        expected=field.description or "a value",
        fix=_set(key, _example(field)),
    )


def _model_at(field: FieldInfo, path: tuple[int | str, ...]) -> FieldInfo | None:
    """The field that ``path`` leads to, if it is a declared one."""
    current: FieldInfo | None = field
    for step in path:
        model: Any = current.annotation if current else None
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return current if isinstance(step, int) else None
        current = next((child for name, child in model.model_fields.items() if (child.alias or name) == step), None)
    return current


def _names(field: FieldInfo | None) -> list[str]:
    """The keys of the mapping that ``field`` holds."""
    model: Any = field.annotation if field else None
    return [child.alias or name for name, child in model.model_fields.items()] if model else []


def _invalid(stack: str, key: str, field: FieldInfo, detail: ErrorDetails) -> Problem:
    path = key + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in detail["loc"])
    target = _model_at(field, detail["loc"])
    if detail["type"] == "extra_forbidden":
        return _unknown(stack, path, str(detail["loc"][-1]), _names(_model_at(field, detail["loc"][:-1])))
    if detail["type"] == "missing" and target:
        return next(_missing(stack, path, target))
    cause = detail.get("ctx", {}).get("error")
    expected = str(cause).removeprefix("expected ") if cause else detail["msg"].removeprefix("Input should be ")
    if detail["type"] == "model_type":
        expected = "a mapping with " + ", ".join(_names(target))
    return Problem(
        stack=stack,
        key=path,
        wrong="is not valid",
        found=_URL_CREDENTIALS.sub("://<credentials>@", json.dumps(detail["input"], default=str)),
        expected=expected,
        fix=_set(path, _example(target)),
    )
