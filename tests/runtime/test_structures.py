"""Losses that couple items, have several terms, or read sequences."""

import numpy as np
import pytest

import tests.runtime.fixtures.cases as L
from lossgen import LossError, LossIndexError, LossTypeError, LossValueError

RNG = np.random.default_rng(2)
CLOSE = {"rtol": 1e-12, "atol": 1e-14}


class TestItems:
    A = RNG.normal(size=(4, 3))
    B = RNG.normal(size=(4, 3))

    def test_values_have_the_shape_of_the_items(self):
        values = self.A @ self.B.sum(0)
        np.testing.assert_allclose(L.item_case(self.A, self.B, reduction="none"), values, **CLOSE)
        np.testing.assert_allclose(L.item_case(self.A, self.B), values.mean(), **CLOSE)

    def test_further_dimensions_are_a_batch(self):
        a, b = RNG.normal(size=(2, 4, 3, 5))
        values = L.item_case(a, b, reduction="none")
        assert values.shape == (4, 5)
        for k in range(5):
            np.testing.assert_allclose(values[:, k], a[..., k] @ b[..., k].sum(0), **CLOSE)
        np.testing.assert_allclose(L.item_case(a, b), values.mean(), **CLOSE)
        weight = RNG.uniform(1, 2, size=(4, 5))
        weighted = L.item_case(a, b, weight=weight, reduction="weighted_mean")
        np.testing.assert_allclose(weighted, (values * weight).sum() / weight.sum(), **CLOSE)

    def test_gradients_come_as_a_tuple_and_take_weights_and_upstream(self):
        weight, upstream = RNG.uniform(1, 2, size=(2, 4))
        value, (by_a, by_b) = L.item_case.value_and_grad(
            self.A, self.B, weight=weight, upstream=upstream, reduction="none"
        )
        np.testing.assert_allclose(value, weight * (self.A @ self.B.sum(0)), **CLOSE)
        factor = weight * upstream
        np.testing.assert_allclose(by_a, factor[:, None] * self.B.sum(0), **CLOSE)
        np.testing.assert_allclose(by_b, np.tile(factor @ self.A, (4, 1)), **CLOSE)
        alone = L.item_case.grad(self.A, self.B, wrt="b", reduction="none", upstream=upstream, weight=weight)
        assert np.array_equal(alone, by_b)

    def test_hessian_vector_product_takes_one_direction_for_each_prediction(self):
        va, vb = RNG.normal(size=(2, 4, 3))
        along_a, along_b = L.item_case.hvp(self.A, self.B, (va, vb))
        np.testing.assert_allclose(along_a, np.tile(vb.sum(0), (4, 1)) / 4, **CLOSE)
        np.testing.assert_allclose(along_b, np.tile(va.sum(0), (4, 1)) / 4, **CLOSE)
        with pytest.raises(LossTypeError, match="tuple of 2 arrays"):
            L.item_case.hvp(self.A, self.B, va)

    def test_a_mask_leaves_samples_out(self):
        where = np.array([True, False, True, True])
        value, (by_a, _) = L.item_case.value_and_grad(self.A, self.B, where=where, reduction="sum")
        np.testing.assert_allclose(value, L.item_case(self.A[where], self.B[where], reduction="sum"), **CLOSE)
        assert not by_a[1].any()
        with pytest.raises(LossValueError, match="where has shape"):
            L.item_case(self.A, self.B, where=np.ones(3, bool))


class TestTerms:
    X = RNG.normal(size=(2, 3, 4, 5))
    Y = RNG.normal(size=(2, 3, 4, 5))

    @pytest.mark.parametrize("batch", [False, True])
    def test_each_term_reduces_by_its_own_rule(self, batch):
        axes = (0, 2, 3) if batch else (2, 3)
        product = (self.X * self.Y).sum(axes, keepdims=True)
        r = self.X - self.Y
        options = {"batch": batch}
        value, grad = L.two_terms_case.value_and_grad(self.X, self.Y, **options)
        np.testing.assert_allclose(value, 0.25 * np.mean(product**2) + 0.125 * np.mean(r**2), **CLOSE)
        expected = 0.5 * product * self.Y / product.size + 0.25 * r / r.size
        np.testing.assert_allclose(grad, expected, **CLOSE)
        total = L.two_terms_case(self.X, self.Y, reduction="sum", **options)
        np.testing.assert_allclose(total, 0.25 * np.sum(product**2) + 0.125 * np.sum(r**2), **CLOSE)

    def test_weights_are_those_of_samples(self):
        products = (self.X * self.Y).sum((2, 3)) ** 2
        squares = ((self.X - self.Y) ** 2).sum((2, 3))
        weight, keep = np.array([[1.0, 2.0, 0.5], [0.0, 3.0, 1.0]]), np.array([True, False, True])
        for divisor, options in ((4, {}), (weight[:, keep].sum(), {"reduction": "weighted_mean"})):
            value = L.two_terms_case(self.X, self.Y, weight=weight, where=keep, **options)
            first = 0.25 * (weight * products)[:, keep].sum() / divisor
            second = 0.125 * (weight * squares)[:, keep].sum() / (20 * divisor)
            np.testing.assert_allclose(value, first + second, **CLOSE)
        with pytest.raises(LossValueError, match=r"does not broadcast to the shape \(2, 3\)"):
            L.two_terms_case(self.X, self.Y, weight=np.ones(self.X.shape))

    @pytest.mark.parametrize("operation", ["__call__", "value_and_grad", "grad"])
    def test_no_operation_is_unreduced(self, operation):
        with pytest.raises(LossValueError, match="no reduction='none'"):
            getattr(L.two_terms_case, operation)(self.X, self.Y, reduction="none")

    def test_too_few_dimensions(self):
        with pytest.raises(LossValueError, match=r"x has 2 dimension\(s\).*at least 3"):
            L.two_terms_case(self.X[0, 0], self.Y[0, 0])

    def test_empty(self):
        empty = np.zeros((2, 3, 0))
        assert np.isnan(L.two_terms_case(empty, empty))
        assert L.two_terms_case(empty, empty, reduction="sum") == 0


class TestSequences:
    X = RNG.normal(size=(5, 3, 4))  # frames, batch, classes
    X_LENGTH = np.array([5, 2, 4])
    Y_LENGTH = np.array([2, 0, 3])
    PADDED = np.array([[1, 2, 99], [99, -7, 99], [3, 3, 1]])
    JOINED = np.array([1, 2, 3, 3, 1])

    def expected(self, blank=0):
        values = []
        for n in range(3):
            labels = self.PADDED[n, : self.Y_LENGTH[n]]
            values.append(self.X[: self.X_LENGTH[n], n, blank].sum() + self.X[0, n, labels].sum())
        return np.array(values)

    @pytest.mark.parametrize("labels", [PADDED, JOINED], ids=["padded", "concatenated"])
    def test_padded_and_concatenated_labels(self, labels):
        lengths = (self.X_LENGTH, self.Y_LENGTH)
        values = L.sequence_case(self.X, labels, *lengths, reduction="none", blank=1)
        np.testing.assert_allclose(values, self.expected(1), **CLOSE)
        value, grad = L.sequence_case.value_and_grad(self.X, labels, *lengths)
        # The mean divides each sample by its number of labels.
        np.testing.assert_allclose(value, (self.expected() / [2, 1, 3]).mean(), **CLOSE)
        assert grad.shape == self.X.shape
        np.testing.assert_allclose(grad[1:, 1, 0], [1 / 3, 0, 0, 0], **CLOSE)
        np.testing.assert_allclose(grad[0, 2], [1 / 9, 1 / 9, 0, 2 / 9], **CLOSE)
        total = L.sequence_case(self.X, labels, *lengths, reduction="sum")
        np.testing.assert_allclose(total, self.expected().sum(), **CLOSE)

    def test_missing_lengths_are_full_and_numbers_spread(self):
        labels = np.array([[1, 2], [0, 3], [3, 3]])
        full = L.sequence_case(self.X, labels)
        assert full == L.sequence_case(self.X, labels, [5, 5, 5], [2, 2, 2])
        assert full == L.sequence_case(self.X, labels, 5, y_length=2)

    def test_one_sample_without_a_batch(self):
        value = L.sequence_case(self.X[:, 0], [1, 2], 5, 2, reduction="sum")
        np.testing.assert_allclose(value, self.expected()[0], **CLOSE)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (([[1, 2], [0, 4], [3, 3]],), r"y\[1, 1\] = 4 is out of range.*0 and 3"),
            (([[1, 2], [0, 0], [3, 3]], [5, 6, 5]), r"x_length\[1\] = 6 is out of range.*0 and 5"),
            (([[1, 2], [0, 0], [3, 3]], 5, [1, 1, -1]), r"y_length\[2\] = -1 is out of range.*0 and 2"),
            (([1, 2, 3], 5, [1, 4, -2]), r"y_length\[2\] = -2 is negative"),
        ],
    )
    def test_bad_labels_and_lengths_are_named(self, arguments, message):
        with pytest.raises(LossIndexError, match=message):
            L.sequence_case(self.X, *arguments)

    def test_lengths_must_add_up_to_the_labels(self):
        with pytest.raises(LossValueError, match=r"y holds 3 labels.*y_length adds up to 4"):
            L.sequence_case(self.X, [1, 2, 3], 5, [1, 1, 2])

    @pytest.mark.parametrize("blank", [-1, 4])
    def test_a_position_is_range_checked(self, blank):
        with pytest.raises(LossIndexError, match=f"blank={blank} is out of range.*0 to 3"):
            L.sequence_case(self.X, self.PADDED, self.X_LENGTH, self.Y_LENGTH, blank=blank)

    def test_masked_samples_are_not_checked(self):
        kept = np.array([True, False, True])
        lengths = [5, 77, 4], [2, 0, 3]
        value = L.sequence_case(self.X, self.PADDED, *lengths, where=kept)
        np.testing.assert_allclose(value, (self.expected() / [2, 1, 3])[kept].mean(), **CLOSE)

    def test_errors_are_all_of_one_family(self):
        with pytest.raises(LossError):
            L.sequence_case(self.X, self.PADDED[:2], self.X_LENGTH, self.Y_LENGTH)
