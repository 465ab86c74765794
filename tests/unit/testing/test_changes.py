"""The changes that the page of the embedded server asks for."""

from conductor.testing.engine.state.changes import MOST_KEPT, Changes


def test_it_gives_what_has_changed_after_a_number():
    changes = Changes()
    first = changes.watch()
    changes.note(["a", "b"])
    second = changes.watch()
    changes.note(["b", "c"])
    assert changes.since(first) == {"a", "b", "c"}
    assert changes.since(second) == {"b", "c"}
    assert changes.since(changes.watch()) == set()


def test_until_somebody_watches_it_keeps_nothing():
    changes = Changes()
    changes.note(["a"])
    assert changes.since(changes.watch()) == set()


def test_changes_of_long_ago_are_not_known():
    changes = Changes()
    first = changes.watch()
    changes.note(["old"])
    second = changes.watch()
    changes.note(str(number) for number in range(MOST_KEPT))
    assert changes.since(first) is None
    assert len(changes.since(second)) == MOST_KEPT


def test_a_number_of_the_future_is_not_known():
    assert Changes().since(1) is None
