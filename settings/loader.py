"""The one strict reader of configuration: Pulumi's flat keys in, ``Settings`` out, or every problem in one message.

A problem reads ``<stack>: <key>: <what is wrong>, found <value>, expected <what>; fix: <command>``. A secret's value is never
part of a message.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast, get_args

import pulumi
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from catalog.images import IMAGES
from settings.consistency import find_inconsistencies, find_warnings
from settings.introspection import (
    RENAMED,
    Path,
    children,
    describe,
    example,
    field_at,
    is_structure,
    required_paths,
    suggest,
    whole_type,
)
from settings.issues import ASK, NOTHING, PROJECT, ConfigIssue, Issue, remove_command, set_command
from settings.model import PRODUCTION, Environment, Settings
from settings.secret_table import SECRETS
from settings.secret_values import unfit_secrets, unreachable_receivers, weak_secrets

FOREIGN = ("pulumi",)
"""Namespaces of keys that are not ours and may be there: the engine's own."""
MIN_HIDDEN_LENGTH = 6
"""Characters of a secret that is looked for in messages; shorter ones are part of ordinary words."""


class ConfigurationError(pulumi.RunError):
    """Every problem of a stack's configuration; Pulumi prints it without a traceback."""


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What ``pulumi`` hands to a program: flat keys without the project's prefix, and which of them are secret.

    ``foreign`` are the keys, with their prefixes, of other projects and providers.
    """

    stack: str
    values: Mapping[str, str]
    secret: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()

    @staticmethod
    def of_this_run() -> "Configuration":
        """The configuration that the engine passed to this process."""
        merged = pulumi.runtime.config.get_config_env() | pulumi.runtime.config.CONFIG.get()
        values = {key.partition(":")[2]: value for key, value in merged.items() if key.startswith(f"{PROJECT}:")}
        secret = frozenset(key for key in values if pulumi.runtime.is_config_secret(f"{PROJECT}:{key}"))
        foreign = frozenset(key for key in merged if key.partition(":")[0] not in (PROJECT, *FOREIGN))
        return Configuration(stack=pulumi.get_stack(), values=values, secret=secret, foreign=foreign)

    @property
    def hidden(self) -> list[str]:
        """Values that no message may hold: secrets, and what somebody may have taken for one."""
        plain = {key for key in children(None) if key not in self.secret}
        return [value for key, value in self.values.items() if key not in plain and len(value) >= MIN_HIDDEN_LENGTH]


def read_settings(configuration: Configuration | None = None) -> Settings:
    """The settings of this run.

    Raises:
        ConfigurationError: names every problem. No resource exists yet, so nothing is half-made.
    """
    configuration = configuration or Configuration.of_this_run()
    reader = _Reader(configuration)
    problems, warnings = reader.read()
    hidden = configuration.hidden
    for warning in warnings:
        pulumi.log.warn(warning.line(configuration.stack, hidden))
    if problems:
        lines = "\n".join(f"  {problem.line(configuration.stack, hidden)}" for problem in problems)
        raise ConfigurationError(
            f"the configuration of stack {configuration.stack} has {len(problems)} problem(s):\n{lines}"
        )
    return Settings.model_construct(None, **reader.parts)


def configured_secrets() -> dict[str, pulumi.Output[str]]:
    """The secrets that are configured, by key; each stays a secret."""
    config = pulumi.Config(PROJECT)
    found = {key: config.get_secret(key) for key in SECRETS}
    return {key: value for key, value in found.items() if value is not None}


class _Reader:
    """Reads one configuration into ``parts``: each valid top-level setting, by field name."""

    def __init__(self, configuration: Configuration) -> None:
        self.stack, self.values = configuration.stack, configuration.values
        self.secret, self.foreign = configuration.secret, configuration.foreign
        self.parts: dict[str, Any] = {}

    def read(self) -> tuple[list[Issue], list[Issue]]:
        """What is wrong, and what is a warning."""
        problems = [*self._misplaced(), *self._environment(), *self._sections()]
        environment = self.parts.get("environment")
        configured = {key for key in SECRETS if key in self.values}
        secrets = {key: self.values[key] for key in SECRETS if key in self.secret}
        cluster = self.parts.get("cluster")
        between = [*find_inconsistencies(self.parts, environment, configured), *unfit_secrets(secrets, environment)]
        if environment != "local" and cluster:
            between += unreachable_receivers(secrets, cluster.private_backends)
        weak, warnings = list(weak_secrets(secrets)), list(find_warnings(self.parts, environment, configured))
        if environment == "prod":
            between += weak
        else:
            warnings += weak
        return problems + [self._with_fix(each) for each in between], [self._with_fix(each) for each in warnings]

    def _misplaced(self) -> Iterator[Issue]:
        """Unknown keys, keys of other projects, secrets in clear, and ordinary settings that somebody encrypted."""
        for key in sorted(self.foreign):
            prefix, _, name = key.partition(":")
            known = name in SECRETS or name in children(None)
            yield Issue(
                path=(key,),
                what=f"is of {prefix}, which this program does not ask",
                expected=f"did you mean {PROJECT}:{name}?" if known else f"keys that begin with {PROJECT}:",
                fix=remove_command(self.stack, (key,), whole=True),
            )
        for key in self.values:
            if key not in SECRETS and key not in children(None):
                yield self._unknown((key,))
            elif key in SECRETS and key not in self.secret:
                yield Issue(
                    path=(key,),
                    what="is a secret stored in clear",
                    expected="an encrypted value",
                    fix=set_command(self.stack, (key,), secret=True),
                )
            elif key in self.secret and key not in SECRETS:
                yield Issue(
                    path=(key,),
                    what="is stored as a secret but is an ordinary setting",
                    expected="a plain value, set again without --secret; secrets have keys of their own",
                    fix=remove_command(self.stack, (key,)),
                )

    def _environment(self) -> Iterator[Issue]:
        """The environment: the first part of the stack's name, which a set one has to agree with.

        One environment may have several stacks: prod, prod-eu.
        """
        known = get_args(Environment)
        first, stated = self.stack.partition("-")[0], self.values.get("environment")
        if first in known or stated in known:
            self.parts["environment"] = first if first in known else stated
        if "environment" in self.secret:
            return
        if stated is not None and stated not in known:
            fix = first if first in known else known[1]
            yield self._invalid(("environment",), stated, fix=fix)
        elif first not in known:
            name = f"{stated or known[1]}-{self.stack}"
            yield Issue(
                path=("environment",),
                what="is not in the stack's name",
                found=self.stack,
                expected="a stack named after " + " or ".join(known) + ", such as dev or prod-eu",
                fix=f"pulumi stack rename {name} --stack {self.stack}",
            )
        elif stated is not None and stated != first:
            yield Issue(
                path=("environment",),
                what="differs from the stack's name",
                found=stated,
                expected=first,
                fix=set_command(self.stack, ("environment",), first),
            )

    def _sections(self) -> Iterator[Issue]:
        """Fill ``parts`` with the other top-level settings, and yield what is wrong with them."""
        for name, field in Settings.model_fields.items():
            key = field.alias or name
            if name == "environment" or key in self.secret:
                continue
            value = self.values.get(key)
            if value is not None and not value.strip() and not field.is_required():
                yield self._empty((key,), field)
                continue
            found = _decoded(field, value) if value and value.strip() else NOTHING
            shape = self._production_defaults(key)
            if found is NOTHING and field.is_required():
                yield from self._missing((key,), field)
            elif found is NOTHING and not shape:
                self.parts[name] = field.get_default(call_default_factory=True)
            else:
                yield from self._section(name, field, {} if found is NOTHING else found, shape)

    def _production_defaults(self, key: str) -> Mapping[str, int]:
        """What the environment has where that section does not say."""
        return PRODUCTION.get(key, {}) if self.parts.get("environment") == "prod" else {}

    def _section(self, name: str, field: FieldInfo, found: Any, shape: Mapping[str, int]) -> Iterator[Issue]:
        whole = {**shape, **cast("dict[str, Any]", found)} if isinstance(found, dict) else found
        try:
            self.parts[name] = TypeAdapter(whole_type(field)).validate_python(whole)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_context=True):
                yield from self._details((field.alias or name,), detail)

    def _details(self, above: Path, detail: ErrorDetails) -> Iterator[Issue]:
        steps = detail["loc"]
        # pydantic's way to say that a key, not what is at it, is wrong.
        is_key = steps[1:] and steps[-1] == "[key]" and detail["input"] == steps[-2]
        path = (*above, *(steps[:-1] if is_key else steps))
        field = field_at(path)
        if detail["type"] == "extra_forbidden":
            yield self._unknown(path)
        elif field and (detail["type"] == "missing" or (_is_blank(detail["input"]) and field.is_required())):
            missing = list(self._missing(path, field))
            yield from missing or [self._empty(path, field)]
        else:
            cause = str(detail.get("ctx", {}).get("error") or "").removeprefix("expected ")
            problem = self._invalid(path, detail["input"], cause or None)
            # No other value makes a key right.
            yield replace(problem, fix=remove_command(self.stack, path)) if is_key else problem

    def _invalid(self, path: Path, found: Any, wanted: str | None = None, fix: Any = None) -> Issue:
        field = field_at(path)
        if field and _is_blank(found):
            return self._empty(path, field)
        return Issue(
            path=path,
            what="is not valid",
            found=found,
            expected=wanted or (describe(field) if field else "another value"),
            fix=self._setting(path, fix, over_text=isinstance(found, str)),
        )

    def _missing(self, path: Path, field: FieldInfo) -> Iterator[Issue]:
        """One problem for each required setting at or below ``path``."""
        for each in required_paths(field, path):
            leaf = field_at(each)
            wanted = (leaf.description or describe(leaf)) if leaf else "a value"
            yield Issue(path=each, what="is missing", expected=wanted, fix=self._setting(each))

    def _empty(self, path: Path, field: FieldInfo) -> Issue:
        return Issue(
            path=path,
            what="is empty",
            expected=f"{describe(field)}, or no key at all",
            fix=remove_command(self.stack, path),
        )

    def _unknown(self, path: Path) -> Issue:
        if path in RENAMED:
            new = RENAMED[path]
            return Issue(
                path=path, what="has a new name", expected=new, fix=f"rename it to {new} in Pulumi.{self.stack}.yaml"
            )
        names = children(field_at(path[:-1])) if path[1:] else children(None)
        guess = suggest(path)
        return Issue(
            path=path,
            what="is not a setting",
            expected=f"did you mean {guess}?" if guess else "one of " + ", ".join(names),
            fix=remove_command(self.stack, path),
        )

    def _with_fix(self, found: ConfigIssue) -> Issue:
        path = found.path
        if found.remove:
            fix = remove_command(self.stack, path)
        elif path[0] in SECRETS:
            fix = set_command(self.stack, path, secret=True)
        else:
            fix = self._setting(path, found.fix)
        return Issue(path=path, what=found.what, found=found.found, expected=found.expected, fix=fix)

    def _setting(self, path: Path, value: Any = None, *, over_text: bool = False) -> str:
        """The command that sets it to ``value`` or an example; a mapping or list goes, to be set by its parts."""
        field = field_at(path)
        if value is None and field:
            if is_structure(field):
                return remove_command(self.stack, path)
            value = (
                IMAGES.get(str(path[-1]))
                if path[0] == "images"
                else self._production_defaults(str(path[0])).get(str(path[-1]))
            )
            value = example(field) if value is None and path[0] != "images" else value
        return set_command(self.stack, path, ASK if value is None else value, over_text=over_text)


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _decoded(field: FieldInfo, value: str) -> Any:
    """Mappings and lists arrive as JSON; a scalar setting is what was typed."""
    if not is_structure(field):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
