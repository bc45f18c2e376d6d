"""What must hold between the operations of one loss, to the last bit where the design says so."""

import numpy as np
import pytest

import lossgen
from lossgen.oracle.samplers import SAMPLERS
from lossgen.runtime import launch

from .discovery import BATCHED, SINGLE_TERM, TYPED, VARIANTS, as_list, per_sample, subject


@pytest.mark.parametrize(("loss", "variant", "dtype"), TYPED)
def test_fused_is_separate(loss, variant, dtype):
    for sampler in SAMPLERS:
        it = subject(loss, variant, dtype, count=64, sampler=sampler)
        for reduction in ("mean", "sum", "none") if it.has_values else ("mean", "sum"):
            value, gradient = it.function.value_and_grad(**it.given, reduction=reduction)
            np.testing.assert_array_equal(value, it.function(**it.given, reduction=reduction))
            gradients = it.gradients(it.given, reduction=reduction)
            for fused, alone in zip(as_list(gradient), gradients, strict=True):
                np.testing.assert_array_equal(fused, alone)
        built = next(one for one in it.function.entry.variants if one.suffix == variant.suffix)
        others = [name for name in built.wrt_all if name not in it.predictions]
        # One by one: a large sample hides the others in a sum. Each way to gradients has a kernel of its own.
        for given in map(it.of, [[case] for case in it.cases]):
            alone = it.function(**given, reduction="sum")
            for wrt in ({}, *({"wrt": name} for name in others[:1])):
                value, _ = it.function.value_and_grad(**given, reduction="sum", **wrt)
                np.testing.assert_array_equal(value, alone)


@pytest.mark.parametrize(("loss", "variant"), VARIANTS)
def test_a_weight_scales_everything(loss, variant):
    # By a power of two no bit is lost.
    it = subject(loss, variant)
    built = next(one for one in it.function.entry.variants if one.suffix == variant.suffix)
    ways = {
        "value": lambda **given: it.function(**given, reduction="sum"),
        "gradients": lambda **given: it.function.grad(**given, reduction="sum", wrt=tuple(built.wrt_all)),
    }
    ways |= {
        rule: lambda rule=rule, **given: it.function.grad_and_hess(**given, curvature=rule)
        for rule in ("exact", *built.curvature)
        if (rule == "exact" and it.has_hessian) or getattr(built.curvature.get(rule), "kind", None)
    }
    if "hvp" in built.kinds:
        vectors = tuple(np.ones_like(it.given[name]) for name in it.predictions)
        vector = vectors if len(vectors) > 1 else vectors[0]
        ways["hvp"] = lambda **given: it.function.hvp(**given, v=vector, reduction="sum")
    for name, way in ways.items():
        for once, scaled in zip(flat(way(**it.given)), flat(way(**it.given, weight=4.0)), strict=True):
            np.testing.assert_array_equal(4 * once, scaled, err_msg=name)


def flat(results):
    """Yield the arrays of nested tuples."""
    if isinstance(results, tuple):
        for one in results:
            yield from flat(one)
    else:
        yield np.asarray(results)


@pytest.mark.parametrize(("loss", "variant"), VARIANTS)
def test_the_gradient_of_a_sum_is_the_sum_of_gradients(loss, variant):
    it = subject(loss, variant)
    together = it.gradients(it.given, reduction="sum")
    for name, whole in zip(it.predictions, together, strict=True):
        shape = it.cases[0].inputs[name].shape
        rows = it.arrangement.split(name, whole, shape)
        for case, row in zip(it.cases, rows, strict=True):
            alone = it.gradients(it.of([case]), reduction="sum")[it.predictions.index(name)]
            np.testing.assert_array_equal(it.arrangement.split(name, alone, shape)[0], row)
            assert np.any(row != 0) or np.all(np.isfinite(row))
    if it.has_values:
        for summed, single in zip(together, it.gradients(it.given, reduction="none"), strict=True):
            np.testing.assert_array_equal(summed, single)


@pytest.mark.parametrize(("loss", "variant"), SINGLE_TERM)
def test_the_mean_is_the_sum_over_the_divisor(loss, variant):
    it = subject(loss, variant)
    total, divisor = 0.0, 0.0
    for case in it.cases:
        for term, parts in zip(variant.program.terms, it.oracle.divisor(case), strict=True):
            kept = [pair for pair in parts.values() if pair is not None]
            divisor += sum(pair[0] for pair in kept)
            scale = kept[0][1] if kept else 1.0
            value = it.function(**it.of([case]), reduction="sum")
            total += scale * float(value)
            assert term.coefficient == 1
    mean = float(it.function(**it.given, reduction="mean"))
    assert mean == pytest.approx(total / divisor, rel=1e-13, abs=1e-300)
    if it.has_values:
        values = per_sample(it, it.function(**it.given, reduction="none"))
        whole = float(it.function(**it.given, reduction="sum"))
        assert whole == pytest.approx(values.sum(), rel=1e-13, abs=1e-300)


@pytest.mark.parametrize(("loss", "variant"), VARIANTS)
def test_samples_may_come_in_any_order(loss, variant):
    it = subject(loss, variant)
    order = np.random.default_rng(0).permutation(len(it.cases))
    turned = it.of([it.cases[k] for k in order])
    if it.has_values:
        before = per_sample(it, it.function(**it.given, reduction="none"))
        np.testing.assert_array_equal(per_sample(it, it.function(**turned, reduction="none")), before[order])
    for name, first, second in zip(
        it.predictions,
        it.gradients(it.given, reduction="sum"),
        it.gradients(turned, reduction="sum"),
        strict=True,
    ):
        shape = it.cases[0].inputs[name].shape
        np.testing.assert_array_equal(
            it.arrangement.split(name, second, shape), it.arrangement.split(name, first, shape)[order]
        )


def _large(loss, variant):
    it = subject(loss, variant)
    repeats = -(-(2**16) // max(1, sum(a.size for a in it.given.values() if isinstance(a, np.ndarray))))
    return it, it.of(it.cases * repeats)


# Where one call holds one sample, nothing is split over threads.
SPLIT = [param for param in BATCHED if not param.values[1].suffix]
ONE_OF_EACH = list({param.values[0].structure: param for param in reversed(SPLIT)}.values())


def _same_bits(loss, variant, monkeypatch):
    monkeypatch.setattr(launch, "WORTH_WAKING", 1e-9)  # threads are used, worth it or not
    it, given = _large(loss, variant)
    results = []
    for count in ("serial", 2, 3, "all"):
        with lossgen.threads(count):
            value, gradient = it.function.value_and_grad(**given, reduction="mean")
            results.append([np.asarray(value), *as_list(gradient)])
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("loss", "variant"), ONE_OF_EACH)
def test_threads_change_no_bit(loss, variant, monkeypatch):
    _same_bits(loss, variant, monkeypatch)


@pytest.mark.full
@pytest.mark.parametrize(("loss", "variant"), SPLIT)
def test_threads_change_no_bit_of_any_loss(loss, variant, monkeypatch):
    _same_bits(loss, variant, monkeypatch)
