"""What several workers need is made by one of them."""

import multiprocessing
from pathlib import Path

import pytest

from tests.support.once_a_run import once_a_run

WORKERS = 4


def ask(factory: pytest.TempPathFactory, made: Path) -> str:
    def make(folder: Path) -> str:
        with made.open("a") as log:
            log.write("made\n")
        (folder / "file").write_text("kept")
        return str(folder)

    return once_a_run(factory, "asked-for-by-several", make)


def test_one_worker_makes_it_and_all_have_it(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tmp_path_factory, "getbasetemp", lambda: tmp_path / "popen-gw0")
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    made = tmp_path / "made"
    workers = [
        multiprocessing.get_context("fork").Process(target=ask, args=(tmp_path_factory, made)) for _ in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert [worker.exitcode for worker in workers] == [0] * WORKERS
    assert made.read_text() == "made\n"
    folder = Path(ask(tmp_path_factory, made))
    assert made.read_text() == "made\n"
    assert (folder / "file").read_text() == "kept"
    assert folder.is_relative_to(tmp_path), "where every worker finds it"


def test_what_could_not_be_made_is_tried_again(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    def fail(folder: Path) -> str:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        once_a_run(tmp_path_factory, "fails-at-first", fail)
    assert once_a_run(tmp_path_factory, "fails-at-first", lambda _: "made") == "made"
