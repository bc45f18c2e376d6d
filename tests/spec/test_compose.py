"""Sums of losses: what they become, and mistakes that are errors."""

import textwrap

import pytest
import sympy as sp

from lossgen.algebra.tensors import Element
from lossgen.errors import SpecError
from lossgen.spec.registry import load

PARTS = """
from fractions import Fraction
from lossgen.spec import *

C = axis("C", dims="1")
S = axis("S", dims="2:")
N = axis("N", dims="0")

@loss(family="t")
def error(x: Pred, y: Target, c: Positive = 1.0):
    return c * (x - y) ** 2

@loss(family="t")
def bounded(x: Pred, y: Target, c: Positive.at_most(2) = 1.0):
    return c * (x - y) ** 2

@loss(family="t")
def product(x: Pred, y: Target):
    return x * y

@loss(family="t")
def count(x: Pred.positive, y: Target.nonnegative):
    return x - y * log(x)

@loss(family="t")
def signed(x: Pred, y: Target.sign):
    return exp(-x * y)

@loss(family="t")
def rows(x: Pred[C], y: Class[C], ignore: Int = -100):
    return sample(-x[y], keep=Ne(y, ignore))

@loss(family="t")
def scaled(x: Pred[C], y: Class[C], ignore: Int = -100):
    return sample(x[y] ** 2, keep=Ne(y, ignore), mean_scale=1 / size(C))

@loss(family="t")
def sums(x: Pred[S], y: Target[S]):
    s = index(S)
    return Sum(x[s] * y[s], s)

@loss(family="t")
def pairs(a: Pred[N], b: Pred[N], d: Positive = 1.0):
    i, j = index(N), index(N)
    return sample(Sum(a[i] * b[j], j) * d, per=i)

@loss(family="t")
def halves(x: Pred, y: Target, share: Optional[Unit] = None, square: Flag = False):
    r = (x - y) ** 2 if square else x - y
    return r if share is None else share * r

def summed(parts):
    return compose("made", parts, family="t", doc="Made.")
"""

WRONG = {
    "other numbers of predictions": ("error + pairs", r"`error` has 1 prediction\(s\), another part 2"),
    "classes and arrays": ("rows + product", "`y` is a class in one part and a target in `product`"),
    "other axes": (
        "sums + rows.rename(y='label')",
        r"`x` is x\[S\] \(S is dimension 2:\) in one part and x\[C\]",
    ),
    "other values": ("count + signed", "`y` is nonnegative in one part and sign in `signed`"),
    "a parameter of two parts": ("error + 2 * error", r"rename one: error.rename\(c="),
    "a factor of 0": ("error + 0 * product", "multiplied by 0"),
    "a factor that is no number": ("error * float('inf')", "inf is no factor"),
    "a factor of text": ("error * 'two'", "TypeError"),
    "a number": ("error + 1", "TypeError"),
    "a product": ("error * error", "TypeError"),
    "other factors in the mean": ("rows + scaled.rename(ignore='i')", "factor of its own in the mean"),
    "a name that no part has": ("(error + sums).with_(d=1)", "no part of the composition has an argument d"),
    "a bound number outside its domain": ("error.with_(c=-1.0) + sums", "`c`=-1.0 is not .*greater than 0"),
    "a bound number above": ("bounded.with_(c=2.5) + sums", "`c`=2.5 is not .*at most 2"),
    "a bound text": ("error.with_(c='1') + sums", "`c`='1' is not a number"),
    "a bound fraction": ("rows.with_(ignore=0.5) * 2", "`ignore`=0.5 is not a whole number"),
    "a bound array": ("error.with_(x=1.0) * 2", "`x` is no number"),
}


def declared(folder, text):
    file = folder / "specs.py"
    file.write_text(PARTS + textwrap.dedent(text))
    return {loss.name: loss for loss in load(file)}


@pytest.mark.parametrize("name", WRONG)
def test_sums_that_make_no_loss(name, tmp_path):
    expression, message = WRONG[name]
    with pytest.raises(SpecError, match=f"(?s){message}"):
        declared(tmp_path, f"made = summed({expression})\n")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("error / 4 - product", "c*(x - y)**2/4 - x*y"),
        ("-(error - product) * Fraction(1, 3)", "-c*(x - y)**2/3 + x*y/3"),
        ("sum([error.with_(c=0.1), 2 * product])", "2*x*y + (x - y)**2/10"),
        ("halves.with_(share=0.25) * 2 + halves.with_(square=True)", "(x - y)/2 + (x - y)**2"),
        ("halves.with_(share=True) * 2", "2*share*(x - y)"),
        ("halves.with_(share=None) * 2", "2*x - 2*y"),
        ("2 * (error + product).with_(c=3)", "2*x*y + 6*(x - y)**2"),
        ("(error + product).rename(c='d')", "d*(x - y)**2 + x*y"),
        ("2 * summed(error + product) - product", "2*c*(x - y)**2 + x*y"),
    ],
)
def test_sums_of_elementwise_losses_are_one_formula(expression, value, tmp_path):
    made = declared(tmp_path, f"final = compose('final', {expression}, family='t', doc='F.')\n")["final"]
    program = made.variants[0].program
    (term,) = program.terms
    names = {tensor.name: Element(tensor) for tensor in program.inputs}
    assert sp.expand(term.value - sp.sympify(value, locals=names)) == 0
    assert (term.coefficient, made.structure) == (1, "elementwise")
    assert [tensor.name for tensor in program.inputs] == [parameter.name for parameter in made.parameters]


def test_arguments_are_factors_or_shared_parameters(tmp_path):
    text = """
    @loss(family="t")
    def blend(lam: Unit = 0.5, c: Positive = 2.0):
        "A blend."
        return lam * error + (1 - lam) * error
    """
    blend = declared(tmp_path, text)["blend"]
    assert [(p.name, p.default) for p in blend.parameters[2:]] == [("lam", 0.5), ("c", 2.0)]
    (term,) = blend.variants[0].program.terms
    names = {tensor.name: Element(tensor) for tensor in blend.variants[0].program.inputs}
    assert sp.expand(term.value - sp.sympify("c*(x - y)**2", locals=names)) == 0


@pytest.mark.parametrize(
    ("signature", "body", "message"),
    [
        ("lam: Unit = 0.5", "error", "no part reads `lam`"),
        ("lam: Unit = 0.5", "lam", "no argument is a prediction"),
        ("flag: Flag = False", "error", "`flag` is no number"),
        ("y: Target", "error", "`y` is no number"),
        ("c: Unit = 0.5", "2 * error", "`c` is unit here and positive in `error`"),
        ("c: Positive.at_most(2) = 1", "error", "`c` is positive, at most 2, here and positive in `error`"),
    ],
)
def test_arguments_of_sums_are_checked(signature, body, message, tmp_path):
    text = f"@loss(family='t')\ndef made({signature}):\n    return {body}\n"
    with pytest.raises(SpecError, match=message):
        declared(tmp_path, text)


def test_static_choices_of_a_part_reach_its_axes(tmp_path):
    text = """
    B = axis("B", dims="2:", when={"batch": "0,2:"})

    @loss(family="t")
    def joined(x: Pred[B], y: Target[B], batch: Flag = False):
        b = index(B)
        return Sum(x[b] * y[b], b)

    made = summed(joined.with_(batch=True) * 2)
    """
    made = declared(tmp_path, text)["made"]
    assert [axis.dims for axis in (*made.axes, *made.variants[0].program.inputs[0].axes)] == ["0,2:"] * 2


def test_parts_that_count_alike_are_one_term(tmp_path):
    text = """
    alike = summed(rows + 2 * rows.rename(ignore="other"))
    same = compose("same", rows.with_(ignore=-1) + 2 * rows.with_(ignore=-1), family="t", doc="S.")
    mixed = compose("mixed", sums + 0.5 * product + 2 * error, family="t", doc="M.")
    """
    losses = declared(tmp_path, text)
    terms = {name: losses[name].variants[0].program.terms for name in ("made", "same", "mixed")}
    assert [len(found) for found in terms.values()] == [2, 1, 2]
    assert [term.coefficient for term in terms["made"]] == [1, 2]
    assert [len(term.items) for term in terms["mixed"]] == [0, 1]
