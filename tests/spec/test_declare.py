"""Mistakes in declarations are errors that name file, line, loss, argument and fix."""

from __future__ import annotations

import textwrap

import pytest
import sympy as sp

from lossgen.errors import SpecError
from lossgen.paths import specs_folder
from lossgen.spec.registry import load, read

MISTAKES = {
    "unknown annotation": ("def f(x: Pred, y: float):\n    return x - y", "`y` has annotation"),
    "foreign sum": (
        "def f(x: Pred[C]):\n    i = sympy.Symbol('i')\n    return sympy.Sum(i, (i, 0, 3)) + x[0]",
        "contains SymPy's Sum",
    ),
    "Python bool in where": (
        "def f(x: Pred, y: Target):\n    return where(x == y, 0, 1)",
        "write Eq(a, b) or Ne(a, b)",
    ),
    "free index": ("def f(x: Pred[C]):\n    return x[index(C)] ** 2", "is free in the formula"),
    "tensor without index": ("def f(x: Pred[C], y: Target):\n    return x - y", "the body raised TypeError"),
    "wrong number of indices": (
        "def f(x: Pred[C]):\n    c = index(C)\n    return Sum(x[c, c], c)",
        "has 1 axes (C) but got 2",
    ),
    "index of another axis": (
        "def f(x: Pred[C]):\n    d = index(D)\n    return Sum(x[d], d)",
        "its axis is C",
    ),
    "unknown symbol": ("def f(x: Pred):\n    return x * sympy.Symbol('z')", "unknown symbol `z`"),
    "position that is no integer": ("def f(x: Pred[C], y: Target):\n    return x[y]", "not an integer"),
    "reading ahead": (
        "def f(x: Pred[C]):\n    c = index(C)\n"
        "    a = recurrence('a', c, lambda a: a[c + 1] + x[c])\n    return a[0]",
        "not written yet",
    ),
    "mean by the prediction": ("def f(x: Pred):\n    return sample(x, mean_by=x)", "`mean_by` reads ['x']"),
    "defined twice": (
        "def f(x: Pred[C]):\n    c = index(C)\n"
        "    define('a', c, x[c])\n    define('a', c, x[c])\n    return x[0]",
        "defined twice",
    ),
    "unknown static choice": (
        "def f(x: Pred, flag: Flag = False):\n    return x",
        "variants names ['other']",
    ),
    "words on what is no argument": (
        "def f(x: Pred):\n    '''F.\n\n    Parameters\n    ----------\n    z\n        A thing.\n    '''\n"
        "    return x",
        "the docstring explains `z`",
    ),
    "error in the body": ("def f(x: Pred):\n    return 1 / 0", "the body raised ZeroDivisionError"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named(name, tmp_path):
    body, message = MISTAKES[name]
    options = ", variants=[{'other': 1}]" if name == "unknown static choice" else ""
    file = tmp_path / "mine.py"
    file.write_text(
        "import sympy\nfrom lossgen.spec import *\nC = axis('C')\nD = axis('D')\n\n"
        f"@loss(family='test'{options})\n{body}\n"
    )
    with pytest.raises(SpecError) as caught:
        load(tmp_path)
    text = str(caught.value)
    assert message in text
    assert "mine.py:" in text
    assert "fix:" in text
    assert "'f'" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def broken(:\n", "syntax error"),
        ("x = 1\n", "no loss is declared"),
        ("raise KeyError('a')\n", "KeyError"),
    ],
)
def test_broken_files_are_named(text, message, tmp_path):
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(SpecError, match=message):
        load(tmp_path)


def declare(tmp_path, text):
    (tmp_path / "mine.py").write_text("from lossgen.spec import *\n" + textwrap.dedent(text))
    return {loss.name: loss for loss in load(tmp_path)}


def test_numbers_in_a_formula_are_exact(tmp_path):
    losses = declare(tmp_path, "@loss(family='t')\ndef f(x: Pred):\n    return 0.1 * x\n")
    (term,) = losses["f"].variants[0].program.terms
    assert term.value.atoms(sp.Rational) == {sp.Rational(1, 10)}


def test_words_on_arguments(tmp_path):
    losses = declare(
        tmp_path,
        '''
        @loss(family="t")
        def f(x: Pred, y: Target, c: Positive = 1):
            """What it is.

            More of it.

            Parameters
            ----------
            x : array_like
                What is
                  predicted.

            c
                A scale.
            """
            return c * (x - y)
        ''',
    )
    assert losses["f"].doc == "What it is.\n\nMore of it."
    assert {p.name: p.doc for p in losses["f"].parameters} == {
        "x": "What is\n  predicted.",
        "y": "",
        "c": "A scale.",
    }


def test_static_choices_make_variants(tmp_path):
    losses = declare(
        tmp_path,
        """
        @loss(family="t", variants=[{"a": True, "b": 3}])
        def f(x: Pred, a: Flag = False, b: Choice(1, 2, 3) = 1, w: Optional[Positive] = None):
            return x ** b * (2 if a else 1) * (1 if w is None else w)
        """,
    )
    variants = losses["f"].variants
    assert [v.suffix for v in variants] == ["", "a", "b_2", "b_3", "w", "a__b_3"]
    assert str(losses["f"].variant(b=3).program.terms[0].value) == "x**3"
    assert [t.name for t in losses["f"].variant(w=True).program.inputs] == ["x", "w"]
    # Another combination is made when it is asked for, also of what was fixed or renamed before.
    other = losses["f"].variant(a=True, b=2)
    assert (other.suffix, str(other.program.terms[0].value)) == ("a__b_2", "2*x**2")
    fixed = losses["f"].with_(a=True).rename(x="z").variant(b=2)
    assert (fixed.static, str(fixed.program.terms[0].value)) == ((("b", 2), ("w", False)), "2*z**2")
    for wrong in ({"b": 4}, {"other": 1}):
        with pytest.raises(SpecError, match="no variant"):
            losses["f"].variant(**wrong)


def test_an_open_choice_has_one_variant_with_a_parameter(tmp_path):
    losses = declare(
        tmp_path,
        """
        @loss(family="t")
        def f(x: Pred, b: Choice(1, 2) | Positive = 1):
            return x if b == 1 else Abs(x) ** b
        """,
    )
    assert [v.suffix for v in losses["f"].variants] == ["", "b_2", "b_any"]
    (tensor,) = losses["f"].variant(b="any").program.inputs[1:]
    assert (tensor.name, tensor.role, tensor.domain) == ("b", "param", "positive")
    for wrong in ("Flag | 3", "Positive | Flag", "Choice(1, 2) | Choice(3, 4)"):
        with pytest.raises(SpecError, match=r"write Choice\(...\) \| ROLE|unsupported operand"):
            declare(tmp_path, f"@loss(family='t')\ndef f(x: Pred, b: {wrong} = 1):\n    return b * x\n")


def test_composition_lays_elementwise_parts_over_the_axes(tmp_path):
    losses = declare(
        tmp_path,
        """
        S = axis("S", dims="1:")

        @loss(family="t")
        def part(x: Pred, y: Target, c: Positive = 1.0):
            return c * (x - y) ** 2

        @loss(family="t")
        def whole(x: Pred[S], y: Target[S]):
            s = index(S)
            return Sum(x[s] * y[s], s)

        both = compose("both", 0.25 * whole + 2 * part, family="t", doc="Both.")
        """,
    )
    first, second = losses["both"].variants[0].program.terms
    assert (first.coefficient, second.coefficient) == (sp.Rational(1, 4), 2)
    assert str(second.value) == "(x[s] - y[s])**2*c"
    assert [str(i) for i in second.items] == ["s"]


def test_composition_refuses_colliding_parameters(tmp_path):
    text = """
    @loss(family="t")
    def one(x: Pred, c: Positive = 1.0):
        return c * x

    @loss(family="t")
    def two(x: Pred, c: Positive = 1.0):
        return c * x ** 2
    """
    with pytest.raises(SpecError, match=r"rename one: two.rename\(c="):
        declare(tmp_path, text + '\n    both = compose("both", one + two, family="t", doc="Both.")\n')
    losses = declare(
        tmp_path, text + '\n    both = compose("both", one + two.rename(c="d"), family="t", doc="Both.")\n'
    )
    assert [p.name for p in losses["both"].parameters] == ["x", "c", "d"]


def test_names_are_unique(tmp_path):
    for file in ("a.py", "b.py"):
        (tmp_path / file).write_text(
            "from lossgen.spec import *\n@loss(family='t')\ndef f(x: Pred):\n    return x\n"
        )
    with pytest.raises(SpecError, match="declared twice, first at"):
        load(tmp_path)


def test_loading_is_deterministic():
    first, second = (
        [(loss.name, [str(v.program) for v in loss.variants]) for loss in read(specs_folder()).losses]
        for _ in range(2)
    )
    assert first == second
