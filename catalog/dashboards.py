"""Dashboards: Python modules on the Grafana Foundation SDK, or JSON files as Grafana exports them."""

import json
import re
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from catalog.files import MAX_BYTES, display_path, find_files, text_of
from catalog.issues import CatalogError, Issue
from catalog.json_positions import KeyPath, keys
from catalog.log_queries import LogQueryError
from catalog.log_stores import DATA_SOURCE_TYPES, LogStore, dashboard_for

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | None"

# The data sources that a dashboard may name: uid and type. What asks Loki is translated where another log store is deployed.
DATA_SOURCES = {"prometheus": "prometheus", "loki": "loki", "jaeger": "jaeger"}
# Grafana's own: annotations, several sources in one panel, another panel's data, expressions.
BUILT_IN = frozenset({"-- Grafana --", "grafana", "-- Mixed --", "-- Dashboard --", "__expr__"})
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?")
UID = re.compile(r"[A-Za-z0-9_-]{1,40}")
VARIABLE = re.compile(r"\$\{?(\w+)(?::\w+)?\}?")


@dataclass(frozen=True, kw_only=True)
class DashboardFile:
    """A dashboard: the file name that Grafana reads, its uid and title, and the JSON that ships."""

    name: str
    uid: str
    title: str
    text: str


def load_dashboards(folder: Path, log_store: LogStore | None = "loki") -> tuple[DashboardFile, ...]:
    """Every ``<name>.py`` with a ``dashboard()`` and every ``<name>.json`` of the folder, sorted by name, for this log store.

    A module's panels are numbered in their order, so that the same module always makes the same text. A dashboard that shows
    nothing but logs is left out where there is no store of logs.
    """
    problems: list[Issue] = []
    files: list[DashboardFile] = []
    owners: dict[tuple[str, str], str] = {}
    for path in find_files(folder, (".py", ".json"), problems):
        if not NAME.fullmatch(path.stem):
            fix = "use lower-case letters, digits and hyphens"
            problems.append(Issue(display_path(path), "its name becomes that of a ConfigMap", fix))
        text = _exported(path, problems) if path.suffix == ".json" else _built(path, problems)
        if text is None:
            continue
        positions = {key.path: f":{key.line}:{key.column}" for key in keys(text)} if path.suffix == ".json" else {}
        document: dict[str, Json] = json.loads(text)
        faults = list(_faults(document, DATA_SOURCES | _source_of_logs(log_store)))
        for at, what, fix in faults:
            problems.append(Issue(display_path(path) + positions.get(at, ""), what, fix))
        for field in ("uid", "title"):
            value = document.get(field)
            if not isinstance(value, str):
                continue
            owner = owners.setdefault((field, value), display_path(path))
            if owner != display_path(path):
                where = display_path(path) + positions.get((field,), "")
                problems.append(Issue(where, f"{field} {value!r} is taken by {owner}", f"give it another {field}"))
        if not faults:
            text = _for_store(path, text, document, log_store, problems)
        if text is None:
            continue
        name = f"{path.stem}.json"
        if any(file.name == name for file in files):
            problems.append(
                Issue(display_path(path), f"{path.stem} is there as .py and as .json", "remove one of the two")
            )
        files.append(
            DashboardFile(name=name, uid=str(document.get("uid")), title=str(document.get("title")), text=text)
        )
    if problems:
        raise CatalogError(problems)
    return tuple(files)


def _exported(path: Path, problems: list[Issue]) -> str | None:
    """The text of a JSON file as it stands, or None if it is no JSON object."""
    text = text_of(path, problems)
    if text is None:
        return None
    try:
        document: object = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{display_path(path)}:{error.lineno}:{error.colno}"
        problems.append(Issue(where, f"not JSON: {error.msg}", "export the dashboard again, or correct it there"))
        return None
    if not isinstance(document, dict):
        problems.append(Issue(f"{display_path(path)}:1:1", "not a JSON object", "export the dashboard as JSON model"))
        return None
    repeated = [key for key in keys(text) if key.repeated]
    for key in repeated:
        what = f"key {key.path[-1]!r} twice in one object"
        problems.append(Issue(f"{display_path(path)}:{key.line}:{key.column}", what, "remove one of the two"))
    return None if repeated else text


def _built(path: Path, problems: list[Issue]) -> str | None:
    """The JSON of the dashboard that a module builds, or None if it builds none."""
    loader = SourceFileLoader(f"{path.parent.name}.{path.stem}", str(path))
    module = ModuleType(loader.name)
    try:
        loader.exec_module(module)
        make = getattr(module, "dashboard", None)
        made = make() if callable(make) else None
        if not isinstance(made, Dashboard):
            fix = "define 'def dashboard() -> Dashboard', with Dashboard from grafana_foundation_sdk.builders.dashboard"
            problems.append(Issue(display_path(path), "no function dashboard() that returns a Dashboard", fix))
            return None
        text = json.dumps(made.build(), cls=JSONEncoder, allow_nan=False)
    except Exception as error:  # a module may raise anything: its file and line are the message
        problems.append(Issue(_raised_at(path, error), f"{type(error).__name__}: {error}", "correct the module there"))
        return None
    return text


def _for_store(
    path: Path, text: str, document: dict[str, Json], log_store: LogStore | None, problems: list[Issue]
) -> str | None:
    """The text that ships where this log store is deployed, or None if nothing does. An exported file stays as it is if it can."""
    try:
        made = dashboard_for(document, log_store)
    except LogQueryError as error:
        problems.append(Issue(display_path(path), *str(error).split("; fix: ", 1)))
        return None
    if made is None:
        return None
    provisioned = {uid: kind for uid, kind in DATA_SOURCES.items() if uid != "loki"} | _source_of_logs(log_store)
    pickers = set(_data_source_pickers(made))
    for at, value in _data_sources(made, ()):
        for _, what, fix in _data_source_faults(at, value, pickers, provisioned):
            problems.append(Issue(display_path(path), what, fix))
    if path.suffix == ".json" and made == document:
        return text
    if path.suffix == ".py":
        made["panels"] = [{**panel, "id": number} for number, panel in enumerate(made["panels"], start=1)]
    # Compact, for it is kept three times in the stack's state; a preview shows what changed in it all the same.
    text = json.dumps(made, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > MAX_BYTES:
        what = f"makes {len(text.encode())} bytes of JSON, a ConfigMap takes at most {MAX_BYTES}"
        problems.append(Issue(display_path(path), what, "split the dashboard"))
        return None
    return text


def _source_of_logs(log_store: LogStore | None) -> dict[str, str]:
    return {log_store: DATA_SOURCE_TYPES[log_store]} if log_store else {}


def _raised_at(path: Path, error: Exception) -> str:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{display_path(path)}:{error.lineno}:{error.offset}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{display_path(path)}:{lines[-1]}" if lines else display_path(path)


def _faults(document: dict[str, Json], known: Mapping[str, str]) -> Iterator[tuple[KeyPath, str, str]]:
    """What is wrong with a dashboard: the path of the key at fault, what, and the fix."""
    if "spec" in document and "apiVersion" in document:
        yield ("apiVersion",), "a resource, not a dashboard's JSON model", "export it as 'Classic' JSON model"
        return
    if "__inputs" in document:
        fix = "export it without 'share externally', so that it names data sources by uid"
        yield ("__inputs",), "asks for its data sources at import time, which provisioning does not do", fix
    uid = document.get("uid")
    if not isinstance(uid, str) or not UID.fullmatch(uid):
        yield ("uid",), f"uid {uid!r}", "set 'uid' to 1 to 40 letters, digits, '-' or '_': links need one that stays"
    if not document.get("title"):
        yield ("title",), "no title", "set 'title'"
    panels = document.get("panels")
    if not isinstance(panels, list) or not panels:
        yield ("panels",), "no panels", "add at least one panel"
    pickers = set(_data_source_pickers(document))
    for at, value in _data_sources(document, ()):
        yield from _data_source_faults(at, value, pickers, known)


def _data_source_pickers(document: dict[str, Json]) -> Iterator[str]:
    """The names of the variables by which a person chooses a data source."""
    templating = document.get("templating")
    variables = templating.get("list") if isinstance(templating, dict) else None
    for variable in variables if isinstance(variables, list) else []:
        if isinstance(variable, dict) and variable.get("type") == "datasource":
            yield str(variable.get("name"))


def _data_sources(value: Json, at: KeyPath) -> Iterator[tuple[KeyPath, Json]]:
    """Every value of a key ``datasource``, with its path."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "datasource":
                yield (*at, key), item
            else:
                yield from _data_sources(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _data_sources(item, (*at, index))


def _data_source_faults(
    at: KeyPath, value: Json, pickers: set[str], known: Mapping[str, str]
) -> Iterator[tuple[KeyPath, str, str]]:
    if value is None:
        return  # Grafana's default data source
    reference: dict[str, Json] = value if isinstance(value, dict) else {"uid": value}
    uid, kind = str(reference.get("uid")), reference.get("type")
    key_path = ".".join(str(step) for step in at)
    variable = VARIABLE.fullmatch(uid)
    if uid in BUILT_IN or (variable and variable.group(1) in pickers):
        return
    if uid not in known:
        yield (
            at,
            f"{key_path}: unknown data source {uid!r}",
            f"use one of the provisioned uids: {', '.join(known)}",
        )
    elif kind is not None and kind != known[uid]:
        yield at, f"{key_path}: data source {uid!r} is no {kind!r}", f"set its type to {known[uid]!r}"
