"""Rule files, exactly as promtool and Prometheus read them: parsed here to find faults, shipped as they stand."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from catalog.files import display_path, find_files, text_of
from catalog.issues import CatalogError, Issue
from catalog.yaml_reader import compose

SEVERITIES = ("critical", "warning", "info", "none")
FILE_FIELDS = ("groups",)
GROUP_FIELDS = ("name", "interval", "limit", "query_offset", "labels", "rules")
RULE_FIELDS = ("alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations")
DURATION = re.compile(r"(?=.)(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?|0")
# An alert's name is its runbook's file name too.
ALERT_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
ANNOTATIONS = {
    "summary": "say in one line what is wrong",
    "description": "say what the threshold means for people",
}


@dataclass(frozen=True, kw_only=True)
class Alert:
    """An alert as its file declares it; ``for_`` is the file's ``for``, "0s" where it has none."""

    name: str
    severity: str
    for_: str
    runbook: str
    where: str


@dataclass(frozen=True, kw_only=True)
class RuleFile:
    """A rule file: its name in the folder, the text that ships, and what it alerts on."""

    name: str
    text: str
    alerts: tuple[Alert, ...]


@dataclass(frozen=True)
class _Field:
    """A value of a mapping with the position of its key."""

    where: str
    value: yaml.Node

    @property
    def scalar(self) -> str:
        return self.value.value.strip() if isinstance(self.value, yaml.ScalarNode) else ""


def load_rules(folder: Path, runbooks: Path | None = None) -> tuple[RuleFile, ...]:
    """Every ``*.yaml`` of the folder. ``runbooks`` is where the alerts' pages are, by default the folder beside this one."""
    pages = folder.parent / "runbooks" if runbooks is None else runbooks
    problems: list[Issue] = []
    files: list[RuleFile] = []
    seen: dict[tuple[str, ...], str] = {}
    for path in find_files(folder, (".yaml",), problems):
        text = text_of(path, problems)
        if text is None:
            continue
        reader = _Reader(display_path(path), pages, problems, seen)
        files.append(RuleFile(name=path.name, text=text, alerts=tuple(reader.alerts(text))))
    if problems:
        raise CatalogError(problems)
    return tuple(files)


class _Reader:
    """Walks one rule file's YAML nodes, which know their line and column, and notes what is wrong."""

    def __init__(self, file: str, pages: Path, problems: list[Issue], seen: dict[tuple[str, ...], str]) -> None:
        self._file = file
        self._pages = pages
        self._problems = problems
        self._seen = seen

    def alerts(self, text: str) -> Iterator[Alert]:
        try:
            root = compose(text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = f"{self._file}:{mark.line + 1}:{mark.column + 1}" if mark else self._file
            tab = "\\t" in (error.problem or "")
            what = "a tab, which YAML does not take for indentation" if tab else f"not YAML: {error.problem}"
            self._problems.append(Issue(where, what, "indent with blanks" if tab else "correct the YAML there"))
            return
        except yaml.reader.ReaderError as error:
            self._note(self._file, f"a character that YAML does not allow: {error.reason}", "remove it")
            return
        if root is None:
            self._note(self._file, "the file is empty", "add 'groups:' or remove the file")
            return
        groups = self._mapping(root, FILE_FIELDS, "a rule file").get("groups")
        if groups is None:
            self._note(self._at(root), "no 'groups'", "begin the file with 'groups:'")
            return
        names: dict[str, str] = {}
        for node in self._items(groups):
            group = self._mapping(node, GROUP_FIELDS, "a group")
            self._durations(group, ("interval", "query_offset"))
            name = group.get("name")
            if name is None or not name.scalar:
                self._note(self._at(node), "a group without a name", "add 'name:'")
            elif name.scalar in names:
                self._note(
                    name.where, f"group {name.scalar!r} is already at {names[name.scalar]}", "rename one of the two"
                )
            else:
                names[name.scalar] = name.where
            rules = group.get("rules")
            if rules is None:
                self._note(self._at(node), "a group without rules", "add 'rules:' or remove the group")
                continue
            for rule in self._items(rules):
                yield from self._rule(rule)

    def _rule(self, node: yaml.Node) -> Iterator[Alert]:
        rule = self._mapping(node, RULE_FIELDS, "a rule")
        self._durations(rule, ("for", "keep_firing_for"))
        here = self._at(node)
        if ("alert" in rule) == ("record" in rule):
            self._note(here, "a rule needs one of 'alert' and 'record'", "name what it is, once")
            return
        if "expr" not in rule or not rule["expr"].scalar:
            self._note(here, "a rule without an expression", "add 'expr:'")
        labels = self._mapping(rule["labels"].value, None, "labels") if "labels" in rule else {}
        kind = "alert" if "alert" in rule else "record"
        name = rule[kind].scalar
        identity = (kind, name, *sorted(f"{label}={field.scalar}" for label, field in labels.items()))
        if identity in self._seen:
            self._note(
                rule[kind].where, f"{name} with the same labels is already at {self._seen[identity]}", "remove one"
            )
        self._seen.setdefault(identity, rule[kind].where)
        if kind == "alert":
            yield self._alert(name, rule, labels)

    def _alert(self, name: str, rule: dict[str, _Field], labels: dict[str, _Field]) -> Alert:
        where = rule["alert"].where
        if not ALERT_NAME.fullmatch(name):
            self._note(
                where, f"alert name {name!r}", "use letters and digits, the first a capital: it names a file too"
            )
        severity = labels["severity"].scalar if "severity" in labels else ""
        if severity not in SEVERITIES:
            got = f"severity {severity!r}" if severity else "no severity"
            self._note(where, f"{name} has {got}", f"set the label 'severity' to one of {', '.join(SEVERITIES)}")
        annotations = self._mapping(rule["annotations"].value, None, "annotations") if "annotations" in rule else {}
        for annotation, fix in ANNOTATIONS.items():
            if annotation not in annotations or not annotations[annotation].scalar:
                self._note(where, f"{name} has no {annotation}", f"{fix} in the annotation '{annotation}'")
        page = f"runbooks/{name}.md"
        runbook = annotations.get("runbook_url")
        if runbook is None or runbook.scalar != page:
            self._note(where, f"{name} does not name its runbook", f"set the annotation 'runbook_url: {page}'")
        elif not (self._pages / f"{name}.md").is_file():
            self._note(runbook.where, f"{page} is missing", "write the page, starting from a neighbour")
        for_ = rule["for"].scalar if "for" in rule else "0s"
        return Alert(name=name, severity=severity, for_=for_, runbook=page, where=where)

    def _mapping(self, node: yaml.Node, known: tuple[str, ...] | None, what: str) -> dict[str, _Field]:
        if not isinstance(node, yaml.MappingNode):
            self._note(self._at(node), f"{what} must be a mapping", "write 'key: value' lines")
            return {}
        fields: dict[str, _Field] = {}
        for key, value in node.value:
            name = str(key.value)
            where = self._at(key)
            if name in fields:
                self._note(where, f"{name!r} is already at {fields[name].where}", "remove one of the two")
            elif known is not None and name not in known:
                self._note(where, f"{what} has no field {name!r}", f"use one of {', '.join(known)}")
            fields.setdefault(name, _Field(where, value))
        return fields

    def _items(self, field: _Field) -> list[yaml.Node]:
        if isinstance(field.value, yaml.SequenceNode):
            return list(field.value.value)
        self._note(field.where, "must be a list", "begin each entry with '- '")
        return []

    def _durations(self, fields: dict[str, _Field], names: tuple[str, ...]) -> None:
        for name in names:
            if name in fields and not DURATION.fullmatch(fields[name].scalar):
                self._note(
                    fields[name].where, f"{name}: {fields[name].scalar!r} is no duration", "write it as 30s, 5m or 1h"
                )

    def _at(self, node: yaml.Node) -> str:
        return f"{self._file}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"

    def _note(self, where: str, what: str, fix: str) -> None:
        self._problems.append(Issue(where, what, fix))
