"""What a notebook shows of a loss: well-formed HTML with formula, plot and accuracy, and never an error."""

import math
import re
from html.parser import HTMLParser

import pytest

import lossgen
import lossgen.losses as L
from lossgen.runtime import loss as loss_module
from lossgen.runtime.display import html_card
from lossgen.runtime.example import curve
from lossgen.runtime.svg import panel
from lossgen.spec import Pred, Target, exp, log, loss

ACCURACY = {
    "value": {
        "float64": {"points": 1234, "max_ulp": 3.25, "mean_ulp": 0.5, "over_4": 0.0, "over_16": 0.0}
        | {"failed": 0.0, "worst_point": {}},
    }
}


class Balance(HTMLParser):
    """Checks that every element is closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag != "br":
            self.opened.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag


def checked(html: str) -> list[str]:
    balance = Balance()
    balance.feed(html)
    balance.close()
    assert not balance.opened
    assert "$$" in html
    assert not re.search(r"(?<![a-z])(nan|inf)(?![a-z])", "".join(re.findall(r'd="([^"]*)"', html)))
    return balance.seen


def test_card_of_a_compiled_loss() -> None:
    made = lossgen.compile("s**2*log(1 + ((x - y)/s)**2)", domains={"s": "positive"}, defaults={"s": 2.0})
    html = made._repr_html_()
    assert checked(html).count("g") == 3, "value, gradient and curvature"
    assert all(f">{word}<" in html for word in ("value", "gradient", "curvature", "along x, y = 0", "s"))


@loss(family="test", curvature="bound")
def both(x: Pred, z: Pred, y: Target):
    """Two predictions, and another default than the exact curvature."""
    return log(1 + exp(x - y)) + (z - y) ** 2


def test_card_of_two_predictions_shows_the_exact_curvature_by_the_first() -> None:
    made = lossgen.compile(both)
    assert checked(made._repr_html_()).count("g") == 3, "value, gradient and curvature"
    drawn = curve(made, curvature=True)
    assert drawn.gradient == pytest.approx([1 / (1 + math.exp(-x)) for x in drawn.x])
    assert drawn.curvature == pytest.approx([1 / (2 + math.exp(x) + math.exp(-x)) for x in drawn.x])


def test_card_of_a_loss_over_rows() -> None:
    html = L.cross_entropy._repr_html_()
    assert checked(html).count("g") == 3, "value, gradient and curvature"
    assert "along x[0, 0] of the example, summed" in html
    assert "softmax of <code>x</code> at class <code>y</code>" in html


def test_every_card_says_what_the_gradient_is() -> None:
    ways = set()
    for one in L.all().values():
        html = html_card(one, None)
        checked(html)
        in_steps = "The gradient is computed in steps" in html
        assert in_steps != (r"\frac{\partial \ell}" in html), one.name
        ways.add(in_steps)
    assert ways == {True, False}


def test_accuracy_is_a_table_and_what_is_unknown_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    loss = L.mse
    for accuracy, rows in (
        (ACCURACY, 1),
        (None, 0),
        ("odd", 0),
        ({"value": None}, 0),
        ({"value": {"a": {}}}, 1),
    ):
        monkeypatch.setattr(type(loss), "accuracy", property(lambda self, found=accuracy: found))
        html = html_card(loss, None)
        checked(html)
        assert html.count("<td") == 7 * rows
    assert "1,234" not in html
    monkeypatch.setattr(type(loss), "accuracy", property(lambda self: ACCURACY))
    assert all(f">{number}<" in html_card(loss, None) for number in ("1,234", "3.25", "0.5", "0.00%"))


def test_no_picture_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(loss_module, "curve", fail)
    assert "svg" not in checked(L.mse._repr_html_())


def test_curves_have_gaps_where_nothing_is_finite() -> None:
    inf, nan = float("inf"), float("nan")
    path = re.findall(r'<path d="([^"]*)"', panel("v", "x", [0, 1, 2, 3, 4], [0, 1, inf, nan, 1], "red"))[-1]
    assert path.count("M") == 2
    assert path.count("L") == 1
    panel("v", "x", [0, 1], [nan, inf], "red")
    assert "nan" not in panel("v", "x", [0, 1], [-1.7e308, 1.7e308], "red")


@pytest.mark.full
@pytest.mark.parametrize("name", sorted(L.all()))
def test_every_loss_shows_itself(name: str) -> None:
    assert "svg" in checked(L.all()[name]._repr_html_())
