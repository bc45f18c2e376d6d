"""Samples survive the way into arrays and back, in the layouts that the axes ask for."""

import numpy as np
import pytest

from lossgen.oracle.arrange import Arrangement, spanned
from lossgen.oracle.evaluate import Case, Oracle
from lossgen.oracle.samplers import batches
from lossgen.spec import Class, Pred, axis, index, loss, sample
from tests.shipped import VARIANTS


@pytest.mark.parametrize(("loss", "variant"), VARIANTS)
def test_round_trip(loss, variant):
    arrangement, oracle = Arrangement(loss, variant), Oracle(variant.program)
    for batch in batches(loss, variant, oracle, "practical", 6, np.float64, 0):
        cases = batch.cases if arrangement.batched else batch.cases[:1]
        arrays = arrangement.arrays(cases)
        for tensor in variant.program.inputs:
            if tensor.name in arrangement.placements:
                shape = cases[0].inputs[tensor.name].shape
                back = arrangement.split(tensor.name, arrays[tensor.name], shape)
                np.testing.assert_array_equal(back, [case.inputs[tensor.name] for case in cases])


@pytest.mark.parametrize(
    ("dims", "rank", "expected"),
    [
        ("1", 2, (1,)),
        ("-1", 3, (2,)),
        ("2:", 4, (2, 3)),
        ("0,2:", 4, (0, 2, 3)),
        (":", 2, (0, 1)),
        ("1", 1, ()),
        ("2:", 2, ()),
    ],
)
def test_dimensions_of_an_axis(dims, rank, expected):
    assert spanned(dims, rank) == expected


def test_classes_come_second_and_sites_stay_together():
    rows, sites = axis("C", dims="1"), axis("S", dims="2:")

    @loss(family="test")
    def row(x: Pred[rows], y: Class[rows]):
        """One entry."""
        return x[y]

    @loss(family="test")
    def field(x: Pred[sites]):
        """One value for each site."""
        s = index(sites)
        return sample(x[s], per=s)

    cases = [Case({"x": np.arange(3.0) + 10 * k, "y": np.asarray(k)}) for k in range(2)]
    arrays = Arrangement(row, row.variants[0]).arrays(cases)
    np.testing.assert_array_equal(arrays["x"], [[0, 1, 2], [10, 11, 12]])
    np.testing.assert_array_equal(arrays["y"], [0, 1])
    wide = Arrangement(field, field.variants[0]).arrays(
        [Case({"x": np.arange(4.0)}), Case({"x": np.arange(4.0) + 9})]
    )
    assert wide["x"].shape == (2, 1, 4)
    np.testing.assert_array_equal(wide["x"][1, 0], [9, 10, 11, 12])
