"""What the program asks the API server before anything else, where kubectl answers this or that."""

from pathlib import Path

import pytest

from settings.cluster_access import ClusterAccessError, ask_for_dry_run, require_api_server


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def kubectl(folder: Path, script: str) -> None:
    program = folder / "kubectl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_a_machine_without_kubectl_is_told_so(only: Path) -> None:
    with pytest.raises(
        ClusterAccessError, match="kubectl is not on PATH, so nobody can ask the cluster; install kubectl"
    ):
        require_api_server("prod")


def test_an_api_server_that_answers_is_all_that_is_asked(only: Path) -> None:
    kubectl(only, 'test "$*" = "--context=prod --request-timeout=10s get --raw /api"')
    require_api_server("prod")


def test_whatever_kubectl_says_is_one_sentence(only: Path) -> None:
    kubectl(only, "echo 'error: You must be logged in' >&2; echo '  (Unauthorized)' >&2; exit 1")
    with pytest.raises(ClusterAccessError) as refused:
        require_api_server("prod")
    assert str(refused.value) == (
        "the API server of the context 'prod' (atlas:cluster.context) cannot be used: error: You must be logged in "
        "(Unauthorized); start the cluster, log in again, or set KUBECONFIG"
    )


@pytest.mark.parametrize(
    ("script", "refused_in"),
    [
        ("""echo '{"status": {"allowed": true}}'""", []),
        ("""echo '{"status": {"allowed": false, "reason": "no"}}'""", ["a", "b"]),
        ("""case "$(/bin/cat)" in *'"a"'*) echo '{"status": {"allowed": true}}';; *) exit 1;; esac""", ["b"]),
    ],
    ids=["may", "may not", "is not told"],
)
def test_a_preview_says_where_the_api_server_has_not_seen_the_objects(
    only: Path, script: str, refused_in: list[str]
) -> None:
    kubectl(only, script)
    dry_run = ask_for_dry_run("prod", ("a", "b"))
    assert dry_run.refused_in == refused_in
    assert ("has not seen" in str(dry_run)) is bool(refused_in)
