"""The terms in the ledger: a text that says everything, and nothing else."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.accounting import (
    Accounting,
    AccountingError,
    ObjectiveTerms,
    TargetTerms,
)
from policies.restitution import Terms

decimals = st.decimals(0, 1, places=4, allow_nan=False)
terms = st.builds(
    Terms,
    formula=st.sampled_from(["downtime-over-target", "shortfall", "pro-rata"]),
    only_below_target=st.booleans(),
    longer_than_us=st.integers(0, 10**12),
    cap=decimals,
    step=st.sampled_from([Decimal("0.01"), Decimal(1)]),
    rounding=st.sampled_from(["half-up", "down"]),
)
objectives = st.builds(
    ObjectiveTerms,
    policy=st.text(max_size=5),
    id=st.text(max_size=5),
    title=st.dictionaries(st.sampled_from(["en", "id"]), st.text(max_size=5)),
    indicator=st.sampled_from(["availability", "delay", "outages"]),
    measured_by=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    targets=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    calendar=st.just("month"),
    timezone=st.sampled_from(["Asia/Makassar", "UTC"]),
    ratio=st.none() | decimals,
    duration_us=st.none() | st.integers(0, 10**12),
    unreachable_counts=st.booleans(),
    loss=st.none() | st.tuples(st.just("0.2"), st.integers(1, 10**9)),
    service_hours=st.sampled_from([(), ("mon-fri 07:30-16:00",)]),
    restitution=st.none() | terms,
    percentile=st.none() | decimals,
    count=st.none() | st.integers(0, 9),
)
accountings = st.builds(
    Accounting,
    timezone=st.just("Asia/Makassar"),
    targets=st.dictionaries(
        st.text(max_size=5),
        st.builds(
            TargetTerms,
            name=st.text(max_size=5),
            kind=st.just("link"),
            fee=st.none() | st.integers(0),
            formerly=st.lists(st.text(max_size=5), max_size=2).map(tuple),
        ),
        max_size=3,
    ),
    objectives=st.lists(objectives, max_size=2).map(tuple),
)


@given(accountings)
def test_terms_come_back_from_their_text(accounting: Accounting) -> None:
    """To the last digit, and the text of the same terms is the same."""
    raw = accounting.to_bytes()
    assert Accounting.from_bytes(raw) == accounting
    assert Accounting.from_bytes(raw).to_bytes() == raw


def test_a_target_that_was_never_renamed_has_no_former_keys_in_the_text() -> None:
    """The text of terms without them is the one that it always was; a key in use is its own."""
    targets = {"a": TargetTerms(name="A", kind="link"), "b": TargetTerms(name="B", kind="link")}
    assert b"formerly" not in Accounting(timezone="UTC", targets=targets).to_bytes()
    targets["b"] = TargetTerms(name="B", kind="link", formerly=("old", "a"))
    assert Accounting(timezone="UTC", targets=targets).renamed() == {"old": "b"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b'{"accounting":3,"timezone":"UTC","targets":{},"objectives":[]}',
        b'{"accounting":1,"timezone":"Nowhere","targets":{},"objectives":[]}',
        b'{"accounting":1,"timezone":"UTC","targets":{"a":{"x":1}},"objectives":[]}',
        b'{"accounting":1,"timezone":"UTC","targets":{},"objectives":[{}]}',
        b"[" * 100_000,
        b'{"accounting":1,"timezone":"../../etc/passwd","targets":{},"objectives":[]}',
    ],
)
def test_a_text_that_holds_no_terms_is_refused(raw: bytes) -> None:
    """Whatever is wrong with it, the error is one that people are told."""
    with pytest.raises(AccountingError):
        Accounting.from_bytes(raw)
