import math

from hypothesis import given
from hypothesis import strategies as st

from anchorwatch.sampling.allocation import Stratum, allocate

strata = st.lists(
    st.builds(
        Stratum,
        cell=st.sampled_from("abcdef"),
        kind=st.sampled_from(["error", "flagged", "rest"]),
        n_rows=st.integers(1, 5000),
        traffic=st.floats(1, 1e6),
    ),
    min_size=1,
    max_size=15,
    unique_by=lambda s: (s.cell, s.kind),
)


@given(strata, st.integers(0, 20_000), st.integers(0, 10))
def test_allocation_keeps_floors_caps_and_the_total(strata, target, floor):
    counts = allocate(strata, target, floor)
    for stratum in strata:
        count = counts[stratum.cell, stratum.kind]
        assert min(floor, stratum.n_rows) <= count <= stratum.n_rows
    floors = sum(min(floor, s.n_rows) for s in strata)
    expected = min(max(target, floors), sum(s.n_rows for s in strata))
    assert sum(counts.values()) == expected


@given(strata, st.integers(0, 20_000))
def test_allocation_does_not_depend_on_the_order(strata, target):
    assert allocate(strata, target, 3) == allocate(list(reversed(strata)), target, 3)


def test_the_rest_is_proportional_to_the_square_root_of_traffic():
    big, small = Stratum("big", "rest", 10_000, 90_000.0), Stratum("small", "rest", 10_000, 10_000.0)
    counts = allocate([big, small], 400, 3)
    assert counts["big", "rest"] / counts["small", "rest"] == math.sqrt(9)
