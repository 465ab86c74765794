"""The output as plain JSON: its size, and that it shares nothing with the value. Its table has tests in faults/."""

import msgspec
from hypothesis import given, strategies as st

from conductor._output import UnsendableOutput, output_data


def test_the_output_shares_nothing_with_the_value():
    value = {"list": [1]}
    data, _ = output_data(value)
    value["list"].append(2)
    assert data == {"list": [1]}


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8")),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=20,
        ),
    )
)
def test_plain_json_values_come_through_unchanged_or_are_refused(value):
    try:
        data, size = output_data(value)
    except UnsendableOutput as problem:
        assert "NaN" in str(problem) or "Unicode" in str(problem)  # noqa: PT017 - either branch is right
    else:
        assert data == value
        assert size == len(msgspec.json.encode(value))
