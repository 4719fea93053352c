"""The tests of the rules are tested themselves: each rule is changed in turn, and its file's tests must notice."""

import pytest

from tests.data.rule_mutations import (
    AT_ONCE,
    EARLY_OR_LATE,
    GUARDED,
    NEVER,
    UNCHANGED,
    UNRECORDED,
    WORDED,
    Mutation,
    noticed,
)


def title(mutation: Mutation) -> str:
    return mutation.title


@pytest.mark.parametrize("mutation", UNCHANGED, ids=title)
def test_a_rule_that_is_not_changed_passes_its_tests(mutation: Mutation) -> None:
    assert not noticed(mutation), "its tests fail whatever is changed, so they say nothing of a change"


@pytest.mark.parametrize("mutation", NEVER, ids=title)
def test_an_alert_that_never_fires_fails_its_tests(mutation: Mutation) -> None:
    assert noticed(mutation), f"no test sees {mutation.title} fire"


@pytest.mark.parametrize("mutation", AT_ONCE, ids=title)
def test_an_alert_that_always_fires_fails_its_tests(mutation: Mutation) -> None:
    assert noticed(mutation), f"no test sees {mutation.title} stay silent"


@pytest.mark.parametrize("mutation", EARLY_OR_LATE, ids=title)
def test_an_alert_that_fires_a_minute_early_or_late_fails_its_tests(mutation: Mutation) -> None:
    assert noticed(mutation), f"no test sees {mutation.title}"


@pytest.mark.parametrize("mutation", GUARDED, ids=title)
def test_a_guard_or_a_word_less_in_the_guides_alerts_fails_their_tests(mutation: Mutation) -> None:
    assert noticed(mutation)


@pytest.mark.parametrize("mutation", WORDED, ids=title)
def test_a_word_that_is_changed_fails_the_tests_of_its_alert(mutation: Mutation) -> None:
    assert noticed(mutation)


@pytest.mark.parametrize("mutation", UNRECORDED, ids=title)
def test_a_recording_rule_that_gives_nothing_fails_its_tests(mutation: Mutation) -> None:
    assert noticed(mutation), f"no test asks for {mutation.title}"
