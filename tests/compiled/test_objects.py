"""What `lossgen.compile` takes and returns: the same kind of object as the shipped losses."""

import copy
import inspect
import io
import pickle
import subprocess
import sys
import threading
import time

import mpmath
import numpy as np
import pytest
import sympy as sp
from rich.console import Console

import lossgen
import lossgen.losses as L
from lossgen.errors import FormulaError, LossError, LossTypeError, LossValueError
from lossgen.lower.names import RESERVED
from lossgen.pipeline import compile as pipeline
from lossgen.pipeline import waiting
from lossgen.pipeline.deadline import limited
from lossgen.runtime.example import example
from lossgen.spec import Abs, Flag, Positive, Pred, Sum, Target, axis, index, log, loss, size, where

X = np.array([0.5, -2.0, 3.0])
Y = np.array([0.0, 1.0, 2.5])


@loss(family="test")
def scaled(x: Pred, y: Target, c: Positive = 2, halved: Flag = False, shifted: Flag = False):
    """Logarithm of a scaled square."""
    return log(1 + ((x - y) / c) ** 2) * (sp.Rational(1, 2) if halved else 1) + (1 if shifted else 0)


def test_a_formula_is_a_loss_like_any_other():
    made = lossgen.compile("c**2/2*log(1 + ((x - y)/c)**2)", domains={"c": "positive"}, defaults={"c": 2.0})
    assert isinstance(made, type(L.huber).__mro__[0])
    assert str(inspect.signature(made)).startswith("(x, y, *, c=2.0, weight=None, where=None, reduction=")
    value, grad = made.value_and_grad(X, Y, reduction="none")
    assert value == pytest.approx(2 * np.log1p(((X - Y) / 2) ** 2), rel=1e-14)
    assert grad == pytest.approx((X - Y) / (1 + ((X - Y) / 2) ** 2), rel=1e-14)
    assert made.grad_and_hess(X, Y)[1].shape == made.hvp(X, Y, np.ones(3)).shape == (3,)
    by_c = made.grad(X, Y, wrt="c", reduction="sum")
    assert by_c == pytest.approx(
        np.sum(2 * np.log1p(((X - Y) / 2) ** 2) - 2 * (X - Y) ** 2 / (4 + (X - Y) ** 2))
    )
    assert made.params["c"].domain == "positive"
    assert made.latex.startswith(r"\ell = ")
    assert made.fingerprint.startswith("sha256:")
    assert made.spec.parameters[2].name == "c"
    assert repr(made).startswith("<loss lossgen.compile.formula(x, y, *, c=2.0): c**2/2*log(1")
    assert "$$" in made._repr_html_()
    with pytest.raises(LossValueError, match=r"c=-1.* must be greater than 0"):
        made(X, Y, c=-1.0)
    assert made(X.astype(np.float32), Y.astype(np.float32)).dtype == np.float32


def test_a_parameter_without_default_must_be_given():
    made = lossgen.compile("c*(x - y)**2")
    with pytest.raises(LossTypeError, match="misses c, which has no default"):
        made(X, Y)
    assert made(X, Y, c=2, reduction="sum") == pytest.approx(2 * np.sum((X - Y) ** 2))


def test_words_of_python_and_of_kernels_are_legal_parameters():
    own = RESERVED | {"grad_x", "total", "total0", "lost", "one_c", "scale0", "weight_", "self", "c", "value"}
    legal = sorted(own - {"x", "y", "and", "or", "not", *pipeline.TAKEN})
    made = lossgen.compile(" + ".join(f"{name}*Abs(x - y)" for name in legal))
    assert made._record.module  # Python takes the kernels
    assert set(legal) <= set(made.params)


@pytest.mark.parametrize(("text", "slope", "bend"), [
    ("loggamma(x)", lambda x: mpmath.psi(0, x), lambda x: mpmath.psi(1, x)),
    ("gamma(x)", lambda x: mpmath.gamma(x) * mpmath.psi(0, x),
     lambda x: mpmath.gamma(x) * (mpmath.psi(0, x) ** 2 + mpmath.psi(1, x))),
])  # fmt: skip
def test_derivatives_of_gamma_functions(text, slope, bend):
    points = [1e-3, 0.5, 1.0, 1.4616321449683622, 2.0, 7.25, 30.0]
    grad, hess = lossgen.compile(text, domains={"x": "positive"}).grad_and_hess(np.array(points))
    for k, point in enumerate(points):
        assert abs(grad[k] - slope(point)) <= 1e-15 * (abs(slope(point)) + abs(bend(point)))
        assert hess[k] == pytest.approx(float(bend(point)), rel=4e-15)


def test_a_word_of_python_has_two_spellings_in_calls():
    made = lossgen.compile("lambda*Abs(x - y) + range*(x - y)**2/i")
    others = {"range": 0.5, "i": 2}
    by_x, by_lambda = made.grad([2.0], [1.0], wrt=("x", "lambda"), lambda_=3, **others)
    assert (by_x[0], by_lambda) == (3.5, 1)
    assert made([2.0], [1.0], **{"lambda": 3}, **others) == 3.25
    assert r"\lambda" in made.latex
    assert "lambda_" in inspect.signature(made).parameters
    with pytest.raises(LossTypeError, match="got lambda twice"):
        made([2.0], [1.0], lambda_=3, **{"lambda": 3}, **others)


@pytest.mark.parametrize("name", sorted(pipeline.TAKEN))
def test_arguments_of_calls_are_no_parameters(name):
    with pytest.raises(FormulaError, match=f"`{name}` is an argument of every loss"):
        lossgen.compile(f"x - y + {name}")


def test_an_expression_and_its_text_are_one_loss():
    x, y = sp.symbols("x y", real=True)
    c = sp.Symbol("c", positive=True)
    made = lossgen.compile(sp.Piecewise(((x - y) ** 2 / c, x > y), (sp.Abs(x - y), True)), defaults={"c": 2})
    assert made.params["c"].domain == "positive"
    assert made([1.0, 1.0], [0.0, 3.0], reduction="none") == pytest.approx([0.5, 2.0])
    assert made == lossgen.compile(made.source.text, domains={"c": "positive"}, defaults={"c": 2})


def test_a_declaration_and_its_choices():
    made = lossgen.compile(scaled)
    plain = np.log1p(((X - Y) / 2) ** 2)
    assert made(X, Y, reduction="none") == pytest.approx(plain)
    assert made(X, Y, halved=True, shifted=True, reduction="none") == pytest.approx(plain / 2 + 1)
    fixed = lossgen.compile(scaled.with_(halved=True))
    assert fixed(X, Y, shifted=True, reduction="none") == pytest.approx(plain / 2 + 1)
    assert "halved" not in inspect.signature(fixed).parameters
    with pytest.raises(LossTypeError, match="its own domains"):
        lossgen.compile(scaled, defaults={"c": 3})


def test_declarations_that_differ_in_a_choice_not_yet_used_are_kept_apart():
    def declared(factor):
        @loss(family="test")
        def twin(x: Pred, y: Target, a: Flag = False, b: Flag = False):
            return (x - y) ** 2 * (factor if a and b else 1)

        return twin

    one, two = (lossgen.compile(declared(factor)) for factor in (3, 5))
    assert [made([2.0], [1.0], a=True, b=True) for made in (one, two)] == [3, 5]


def test_a_sum_of_declarations():
    made = lossgen.compile(0.5 * scaled.with_(halved=True) + 2 * L.mse.spec)
    expected = 0.5 * np.mean(np.log1p(((X - Y) / 2) ** 2) / 2) + 2 * np.mean((X - Y) ** 2)
    assert made(X, Y) == pytest.approx(expected)


def test_what_cannot_be_compiled():
    for given, message in [
        (lambda x, y: x - y, "decorate it with @loss"),
        (3, "a int cannot be compiled"),
        (None, "a NoneType cannot be compiled"),
        (L.huber, "compiled already"),
        (sp.Symbol("x") > 0, "cannot be compiled"),
    ]:
        with pytest.raises(LossTypeError, match=message):
            lossgen.compile(given)
    for options in ({"domains": ["c"]}, {"defaults": 3}, {"defaults": {1: 2}}):
        with pytest.raises(LossTypeError, match=next(iter(options))):
            lossgen.compile("c*x", **options)


def test_no_kernel_reads_behind_the_last_entry():
    C = axis("C")

    @loss(family="mine")
    def ends(x: Pred[C]):
        return x[3] * x[size(C) - 2]

    made = lossgen.compile(ends)
    assert made([[2.0, 3.0, 5.0, 7.0]]) == 35
    assert made.grad([[2.0, 3.0, 5.0, 7.0]]).tolist() == [[0, 0, 7, 5]]
    for short in (1, 3):
        with pytest.raises(LossValueError, match="needs at least 4 entries along it"):
            made(np.ones((2, short)))
    assert made(**example(made.entry)) is not None

    @loss(family="mine")
    def variation(x: Pred[C]):
        i = index(C)
        return Sum(where(i + 1 < size(C), Abs(x[i + 1] - x[i]), 0), i)

    assert lossgen.compile(variation)([[1.0], [7.0]]) == 0


def test_a_declared_curvature_rule_is_looked_for_at_once():
    @loss(family="mine", curvature="bound")
    def steep(x: Pred, y: Target):
        return sp.exp(x - y)

    with pytest.raises(LossError, match="curvature='bound' does not exist") as caught:
        lossgen.compile(steep)
    assert "\n  fix: leave it out" in str(caught.value)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_compiled_loss_pickles_as_what_it_was_compiled_from(protocol):
    text = lossgen.compile("c*(x - y)**2", domains={"c": "positive"}, defaults={"c": 3})
    declared = lossgen.compile(0.5 * L.mse.spec + 0.5 * L.huber.spec)
    for made in (text, declared):
        data = pickle.dumps(made, protocol)
        again = pickle.loads(data)
        assert again == made
        assert hash(again) == hash(made)
        assert copy.deepcopy(made) == made
        assert pickle.loads(pickle.dumps(made.grad, protocol))([1.0], [0.0]) == made.grad([1.0], [0.0])
    assert b"njit" not in pickle.dumps(text, protocol)
    assert text != declared


def test_another_process_unpickles_it():
    data = pickle.dumps(lossgen.compile("c*(x - y)**2", defaults={"c": 3})).hex()
    code = f"import pickle; print(pickle.loads(bytes.fromhex({data!r}))([2.0], [1.0]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) == 3


def test_what_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(pipeline, "LIMIT", 0.2)
    monkeypatch.setattr(pipeline, "_compiled", lambda *_: [n for n in range(10**12) if n < 0])
    start = time.perf_counter()
    with pytest.raises(LossError, match="takes more than 0 s to compile"):
        lossgen.compile("x - y + 0.125")
    assert time.perf_counter() - start < 5


def test_a_deadline_hits_its_own_work_only():
    def busy():
        end = time.perf_counter() + 0.002
        while time.perf_counter() < end:
            pass
        return "done"

    def late(results):
        for k in range(20):
            try:
                results.append(limited(0.002 + 1e-5 * k, "too late", busy))
            except LossError as error:
                results.append(str(error))
            sum(range(1000))  # nothing may arrive here

    results: list[str] = []
    threads = [threading.Thread(target=late, args=(results,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 60
    assert set(results) <= {"done", "too late"}


def test_a_limit_of_the_generator_is_an_error_of_ours(monkeypatch):
    def fails(*_):
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(pipeline, "compile_variant", fails)
    with pytest.raises(LossError, match="cannot compile formula: inside"):
        lossgen.compile("x - y + 0.0625")


@pytest.mark.parametrize(
    "text", ["exp(exp(exp(exp(x)))) - y", "sin(exp(exp(exp(x)))) - y", "x**x**x**x**x**y"]
)
def test_a_tower_is_compiled_in_time(text):
    began = time.perf_counter()
    assert lossgen.compile(text, domains={"x": "positive"})._record.module
    assert time.perf_counter() - began < 20


@pytest.mark.parametrize("watched", [True, False])
def test_a_line_shows_after_a_while_and_only_to_people(watched, monkeypatch):
    monkeypatch.setattr(waiting, "AFTER", 0.05)
    out = io.StringIO()
    console = Console(file=out, force_terminal=watched, force_jupyter=False)
    with waiting.Waiting("compiling one", console=console):
        assert out.getvalue() == ""
        time.sleep(0.6)
    assert ("compiling one" in out.getvalue()) is watched


def test_constants_inside_stable_functions_have_bounds():
    made = lossgen.compile("x*max(c, acosh(x*pi))", domains={"x": "unit"})
    assert made([1.0], c=0.5) == pytest.approx(np.arccosh(np.pi))


def test_where_is_a_function_of_formulas():
    assert lossgen.compile("where(x > y, x - y, 0)")([2.0, 0.0], [1.0, 1.0], reduction="sum") == 1


def test_a_power_of_what_vanishes_has_a_slope():
    made = lossgen.compile(
        "(y/(1 + exp(x)) + (1 - y)/(1 + exp(-x)))**c*(y*log(1 + exp(-x)) + (1 - y)*log(1 + exp(x)))",
        domains={"y": "unit", "c": "nonnegative"},
    )
    x, c = np.float32(113), 0.125  # exp(-113) is no number of single precision, its eighth root is one
    (slope,) = made.grad([x], np.ones(1, np.float32), c=c, wrt="y")
    with mpmath.workdps(80):
        near = mpmath.exp(-mpmath.mpf(float(x)))
        miss, entropy = near / (1 + near), mpmath.log(1 + near)
        hit = 1 - miss
        truth = miss**c * (c * entropy * (miss - hit) / miss - float(x))
    assert slope == pytest.approx(float(truth), rel=1e-6)
