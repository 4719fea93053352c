"""Faulty rule files: refused before anything is created, all faults at once, each with its position and its fix."""

from pathlib import Path

import pytest

from catalog import CatalogError, load_rules

GOOD = """\
groups:
  - name: example
    rules:
      - alert: Example
        expr: up == 0
        for: 5m
        labels:
          severity: warning
        annotations:
          summary: Something is down
          description: It does not answer.
          runbook_url: runbooks/Example.md
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A folder of rules with one good file, beside a folder with its runbook."""
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks/Example.md").write_text("# Example\n")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/example.yaml").write_text(GOOD)
    return tmp_path / "rules"


def faults(rules: Path) -> list[str]:
    with pytest.raises(CatalogError) as refused:
        load_rules(rules)
    return str(refused.value).splitlines()


def test_a_good_file_ships_as_it_stands(rules: Path) -> None:
    (file,) = load_rules(rules)
    assert (file.name, file.text) == ("example.yaml", GOOD)
    (alert,) = file.alerts
    assert (alert.name, alert.severity, alert.for_, alert.runbook) == (
        "Example",
        "warning",
        "5m",
        "runbooks/Example.md",
    )
    assert alert.where == "rules/example.yaml:4:9"


def test_comments_blank_lines_and_order_do_not_matter(rules: Path) -> None:
    head, labels, annotations = (
        GOOD.partition("        labels:\n")[0],
        "        labels:\n          severity: warning\n",
        "",
    )
    annotations = GOOD[GOOD.index("        annotations:") :]
    (rules / "example.yaml").write_text(f"# a comment\n\n{head}{annotations}\n{labels}\n# the end\n")
    assert load_rules(rules)[0].alerts[0].severity == "warning"


@pytest.mark.parametrize(
    ("found", "put", "fault"),
    [
        ("  - name", "\t- name", "rules/example.yaml:2:1: a tab, which YAML does not take for indentation"),
        ("up == 0", "{up: [", "rules/example.yaml:7:15: not YAML: expected ',' or ']', but got ':'"),
        ("for: 5m", "for: 5m\n        for: 6m", "rules/example.yaml:7:9: 'for' is already at rules/example.yaml:6:9"),
        (
            "severity: warning",
            "severity: warning\n          severity: info",
            "rules/example.yaml:9:11: 'severity' is already at",
        ),
        ("expr:", "exp:", "rules/example.yaml:5:9: a rule has no field 'exp'"),
        (
            "name: example",
            "name: example\n    intervall: 1m",
            "rules/example.yaml:3:5: a group has no field 'intervall'",
        ),
        ("groups:", "group: []\ngroups:", "rules/example.yaml:1:1: a rule file has no field 'group'"),
        ("expr: up == 0", "expr:", "rules/example.yaml:4:9: a rule without an expression"),
        ("for: 5m", "for: 5", "rules/example.yaml:6:9: for: '5' is no duration"),
        ("for: 5m", "for: 5 minutes", "rules/example.yaml:6:9: for: '5 minutes' is no duration"),
        ("for: 5m", "for: -5m", "rules/example.yaml:6:9: for: '-5m' is no duration"),
        ("for: 5m", "for: 1m2h", "rules/example.yaml:6:9: for: '1m2h' is no duration"),
        ("for: 5m", "for:", "rules/example.yaml:6:9: for: '' is no duration"),
        ("severity: warning", "team: ours", "rules/example.yaml:4:9: Example has no severity"),
        ("severity: warning", "severity: urgent", "rules/example.yaml:4:9: Example has severity 'urgent'"),
        ("summary: Something is down", "title: x", "rules/example.yaml:4:9: Example has no summary"),
        ("summary: Something is down", "summary: ''", "rules/example.yaml:4:9: Example has no summary"),
        ("description: It", "text: It", "rules/example.yaml:4:9: Example has no description"),
        (
            "runbook_url: runbooks/Example.md",
            "dashboard: x",
            "rules/example.yaml:4:9: Example does not name its runbook",
        ),
        ("runbooks/Example.md", "runbooks/Other.md", "rules/example.yaml:4:9: Example does not name its runbook"),
        ("alert: Example", "alert: an example", "rules/example.yaml:4:9: alert name 'an example'"),
        (
            "alert: Example",
            "alert: Example\n        record: a:b",
            "rules/example.yaml:4:9: a rule needs one of 'alert' and 'record'",
        ),
        ("      - alert: Example\n", "      - x: y\n", "rules/example.yaml:4:9: a rule has no field 'x'"),
        ("    rules:", "    rules: none\n    labels:", "rules/example.yaml:3:5: must be a list"),
        ("- name: example", "- labels: {a: b}", "rules/example.yaml:2:5: a group without a name"),
        ("groups:", "groups: {}\nx:", "rules/example.yaml:1:1: must be a list"),
    ],
)
def test_a_fault_is_named_with_its_place(rules: Path, found: str, put: str, fault: str) -> None:
    assert found in GOOD
    (rules / "example.yaml").write_text(GOOD.replace(found, put, 1))
    assert [line for line in faults(rules) if line.startswith(fault) and "; fix: " in line]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (
            b"\xef\xbb\xbf" + GOOD.encode(),
            "rules/example.yaml:1:1: begins with a byte order mark; fix: save it as UTF-8 without BOM",
        ),
        (GOOD.encode().replace(b"down", b"d\xf6wn"), "rules/example.yaml:10:34: not UTF-8; fix: save it as UTF-8"),
        (GOOD.encode("utf-16"), "rules/example.yaml:1:1: not UTF-8; fix: save it as UTF-8"),
        (
            GOOD.encode() + b"# \0\n",
            "rules/example.yaml: a character that YAML does not allow: special characters are not allowed; fix: remove it",
        ),
        (b"", "rules/example.yaml: the file is empty; fix: add 'groups:' or remove the file"),
        (b"rules: []\n", "rules/example.yaml:1:1: no 'groups'; fix: begin the file with 'groups:'"),
        (b"- a\n", "rules/example.yaml:1:1: a rule file must be a mapping; fix: write 'key: value' lines"),
        (
            GOOD.encode() + b"---\n" + GOOD.encode(),
            "rules/example.yaml:13:1: not YAML: but found another document; fix: correct the YAML there",
        ),
        (
            GOOD.encode() + b"#" * 1024 * 1024,
            "rules/example.yaml: 1048862 bytes, a ConfigMap takes at most 1048576; fix: split the file",
        ),
    ],
    ids=["BOM", "Latin-1", "UTF-16", "NUL", "empty", "no groups", "a list", "two documents", "too large"],
)
def test_a_file_that_cannot_be_rules_is_named(rules: Path, content: bytes, fault: str) -> None:
    (rules / "example.yaml").write_bytes(content)
    assert fault in faults(rules)


def test_the_same_alert_twice_is_refused_with_both_places(rules: Path) -> None:
    again = GOOD[GOOD.index("      - alert") :]
    (rules / "example.yaml").write_text(GOOD + again)
    assert faults(rules) == [
        "rules/example.yaml:13:9: Example with the same labels is already at rules/example.yaml:4:9; fix: remove one"
    ]


def test_the_same_alert_in_two_files_is_refused_with_both_places(rules: Path) -> None:
    (rules / "other.yaml").write_text(GOOD)
    assert faults(rules) == [
        "rules/other.yaml:4:9: Example with the same labels is already at rules/example.yaml:4:9; fix: remove one"
    ]


def test_one_alert_in_two_severities_is_no_duplicate(rules: Path) -> None:
    (rules / "other.yaml").write_text(GOOD.replace("warning", "critical"))
    assert [file.alerts[0].severity for file in load_rules(rules)] == ["warning", "critical"]


def test_the_same_group_twice_in_a_file_is_refused(rules: Path) -> None:
    second = GOOD.removeprefix("groups:\n").replace("Example", "Other")
    (rules.parent / "runbooks/Other.md").write_text("# Other\n")
    (rules / "example.yaml").write_text(GOOD + second)
    assert faults(rules) == [
        "rules/example.yaml:13:5: group 'example' is already at rules/example.yaml:2:5; fix: rename one of the two"
    ]


def test_an_alert_without_its_page_is_refused(rules: Path) -> None:
    (rules.parent / "runbooks/Example.md").unlink()
    assert faults(rules) == [
        "rules/example.yaml:12:11: runbooks/Example.md is missing; fix: write the page, starting from a neighbour"
    ]


def test_a_recording_rule_needs_neither_severity_nor_page(rules: Path) -> None:
    (rules / "more.yaml").write_text(
        "groups:\n  - name: more\n    rules:\n      - record: a:b\n        expr: sum(up)\n"
    )
    assert [len(file.alerts) for file in load_rules(rules)] == [1, 0]


def test_a_file_that_nothing_would_pick_up_is_refused(rules: Path) -> None:
    (rules / "example.yml").write_text(GOOD)
    assert faults(rules) == ["rules/example.yml: nothing picks this up; fix: name it <name>.yaml, or move it elsewhere"]


def test_an_empty_or_missing_folder_is_refused(rules: Path) -> None:
    (rules / "example.yaml").unlink()
    assert faults(rules) == ["rules/: the folder is empty; fix: add a .yaml file, or restore it"]
    rules.rmdir()
    assert faults(rules) == ["rules/: the folder is missing; fix: restore it from version control"]


def test_all_faults_of_all_files_come_at_once(rules: Path) -> None:
    (rules / "example.yaml").write_text(GOOD.replace("warning", "urgent").replace("5m", "5"))
    (rules / "other.yaml").write_text("groups: []\nfoo: 1\n")
    assert [line.split(";")[0] for line in faults(rules)] == [
        "rules/example.yaml:4:9: Example has severity 'urgent'",
        "rules/example.yaml:6:9: for: '5' is no duration",
        "rules/other.yaml:2:1: a rule file has no field 'foo'",
    ]
