"""Every link, path, command, setting, alert and name in the Markdown documents is one that the repository has."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.document_checks import Fault, find_faults
from tests.support.markdown_document import MarkdownDocument
from tests.support.repository_names import ROOT, RepositoryNames, read_exceptions

EXCEPTIONS: dict[str, Any] = read_exceptions(Path(__file__).parent / "documents.yaml")
NAMES = RepositoryNames(run_time=EXCEPTIONS["run_time"], words=frozenset(EXCEPTIONS["words"]))
FILES = sorted(name for name in NAMES.files if name.endswith(".md"))
DOCUMENTS = {name: MarkdownDocument(name, (ROOT / name).read_text()) for name in FILES}
MOST_LINES = 150
"""Of the README: a newcomer reads it to its end."""


def faults_of(document: MarkdownDocument) -> list[Fault]:
    former = {} if document.path in EXCEPTIONS["may_name_former"] else EXCEPTIONS["former"]
    return find_faults(document, NAMES, former)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_names_nothing_that_is_not_there(name: str) -> None:
    assert "\n".join(map(str, faults_of(DOCUMENTS[name]))) == ""


def test_the_readme_is_short_and_leads_to_every_page() -> None:
    assert len(DOCUMENTS["README.md"].text.splitlines()) <= MOST_LINES
    pages = {name for name in DOCUMENTS if name.startswith("docs/")}
    linked = {link.text.partition("#")[0] for link in DOCUMENTS["README.md"].links}
    assert pages - linked == set()


BROKEN = {
    "a link to a page that is gone": ("See [limits](docs/limitations.md).", "leads to no file"),
    "a link to a heading that is gone": ("See [limits](docs/limits.md#no-such-heading).", "leads to no heading"),
    "a link to a heading of its own that is gone": ("# One\n\n[two](#two)", "leads to no heading"),
    "a file that was renamed": (
        "The table is in `components/networks.py`.",
        "there is no components/networks.py",
    ),
    "a file by its name alone": ("The table is in `network_table.py`.", "there is no network_table.py"),
    "a folder that was renamed": ("Problems come from `catalogue/`.", "there is no catalogue/"),
    "a pattern that finds nothing": ("Pins are in `tools/*/go.work`.", "there is no tools/*/go.work"),
    "a path in a block": ("```\npython3 tools/set_up.py all\n```", "there is no tools/set_up.py"),
    "a path in a diagram": ("```mermaid\nflowchart LR\n  a[settings/reader.py]\n```", "there is no settings/reader.py"),
    "a make target that is gone": ("Run `make deploy`.", "no target deploy"),
    "a make target in a block": ("```\nmake preview-all STACK=dev\n```", "no target preview-all"),
    "a variable that make does not read": ("Run `make up ENVIRONMENT=dev`.", "no variable ENVIRONMENT"),
    "a module that is gone": ("Run `python -m components.schema_writer`.", "no module components.schema_writer"),
    "a setting by its full key": ("Set `atlas:collector.replica`.", "no setting collector.replica"),
    "a setting without its prefix": ("Set `loki.objectStorage.host`.", "no setting loki.objectStorage.host"),
    "a setting in a command": (
        "```\npulumi config set --path atlas:prometheus.remoteWriteUrl https://x\n```",
        "no setting prometheus.remoteWriteUrl",
    ),
    "a secret that is no key": ("`pulumi config set --secret atlas:slackUrl`", "no setting slackUrl"),
    "a setting in a stack file": (
        "```yaml\natlas:build:\n  enabled: true\n  push: true\n```",
        "no setting build.push",
    ),
    "a setting in inline YAML": ("Write `grafana: {exists: true}`.", "no setting grafana.exists"),
    "an image that no workload has": ("Write `images.grafana-agent`.", "no setting images.grafana-agent"),
    "an alert that is gone": ("`HighErrorRates` fires.", "HighErrorRates is no alert"),
    "a function that is gone": ("`render_everything_twice()` does it.", "no function render_everything_twice"),
    "a variable that nothing reads": ("Export `ATLAS_NO_SUCH_SWITCH`.", "nothing reads ATLAS_NO_SUCH_SWITCH"),
    "a former name": ("Put it into `cluster.stores`.", "cluster.stores is a former name"),
    "a former name in prose": ("Then trading.apiUrl is asked for.", "trading.apiUrl is a former name"),
    "a list that fell apart": ("- N\n  o\n  w\n  t\n  h\n  i\n  s\n", "a letter a line"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_sentence_is_found(kind: str) -> None:
    text, what = BROKEN[kind]
    found = find_faults(MarkdownDocument("README.md", text), NAMES, EXCEPTIONS["former"])
    assert re.search(re.escape(what), "\n".join(fault.what for fault in found)), found


SOUND = (
    "See [settings](docs/settings.md#secrets), [here](#a-heading) and [elsewhere](https://example.com/a.py).\n\n# A heading",
    "`components/workload.py`, `rules/`, `tools/*/go.mod`, `runbooks/<Alert>.md`, `pyproject.toml`, `workload.py`",
    "`.local/build/<service>-<hash>` and `conf/secrets.env` appear at run time.",
    "`otel-collector:4317`, `/metrics`, `text/plain`, `app.kubernetes.io/part-of`, `quay.io/a/b:1` and `0.05` are no paths.",
    '```\nKUBECONFIG=~/.kube/config make up STACK=dev\neval "$(make env)"\npython -m pytest tests/unit -n0\n```',
    '`NODE=no make up`, `make test ARGS="-n0"`',
    "`atlas:collector.replicas`, `loki.objectStorage.bucket`, `platform.services.api.replicas`, `images.loki`, `atlas:rotation`",
    "`atlas:images`, `build.bases.…`, `platform.backtests[0].name`, `atlas:limit:daily_max_loss`, `atlas:expected`",
    "`service.name`, `http.route` and `k8s.pod.uid` are attributes.",
    "`namespaces: {create: false, observability: …}` and `cluster.storageClass`",
    "```yaml\nconfig:\n  atlas:build: {enabled: true}\n  atlas:platform:\n    backtests:\n      - name: one\n```",
    "`HighErrorRate`, `Workload`, `read_settings()`, `SLACK_WEBHOOK_URL`",
)


@pytest.mark.parametrize("text", SOUND)
def test_a_sound_sentence_is_left_alone(text: str) -> None:
    assert find_faults(MarkdownDocument("README.md", text), NAMES, EXCEPTIONS["former"]) == []


def test_a_line_of_a_fault_is_the_documents_own() -> None:
    text = "# One\n\n```\nmake up\nmake nothing\n```\n\nA `no_such.py`\nand [a link](gone.md)."
    found = [fault.where for fault in find_faults(MarkdownDocument("README.md", text), NAMES)]
    assert found == ["README.md:9", "README.md:8", "README.md:5"]


@pytest.fixture(scope="module")
def strict() -> str:
    """What is found without any exception."""
    names = RepositoryNames()
    return "\n".join(f"{fault.what} " for document in DOCUMENTS.values() for fault in find_faults(document, names))


@pytest.mark.parametrize("path", EXCEPTIONS["run_time"])
def test_each_exception_for_a_path_is_needed(path: str, strict: str) -> None:
    assert f"there is no {path}{'' if path.endswith('/') else ' '}" in strict


@pytest.mark.parametrize("word", EXCEPTIONS["words"])
def test_each_exception_for_a_word_is_needed(word: str, strict: str) -> None:
    assert re.search(rf"\b{word} ", strict)
