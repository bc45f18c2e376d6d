"""Losses as objects: names, signatures, representation, equality and pickling."""

import copy
import inspect
import json
import pickle
from pathlib import Path

import pytest

import tests.runtime.fixtures.cases as L
from lossgen import LossError
from lossgen.runtime.abi import check_abi
from lossgen.runtime.package import expose


def test_signatures_are_real():
    assert str(inspect.signature(L.row_case)) == (
        "(x, y, *, class_weight=1, ignore_index=-100, penalty=0.0, axis=1, weight=None, where=None, "
        "reduction='mean', out=None)"
    )
    assert str(inspect.signature(L.row_case.hvp)).startswith("(x, y, v, *, class_weight=1")
    assert "upstream=None, wrt=None" in str(inspect.signature(L.row_case.grad))
    assert "curvature='exact'" in str(inspect.signature(L.elementwise_case.grad_and_hess))
    assert "reduction" not in inspect.signature(L.elementwise_case.grad_and_hess).parameters
    parameters = inspect.signature(L.sequence_case).parameters
    assert parameters["y_length"].default is None
    # An optional parameter and its static choice are one argument.
    assert list(inspect.signature(L.elementwise_case).parameters)[:5] == [
        "x",
        "y",
        "delta",
        "factor",
        "log_target",
    ]


def test_every_argument_of_a_signature_is_accepted():
    for loss in (L.elementwise_case, L.row_case):
        arrays = ([[1.0, 2.0]], [[0.0, 1.0]]) if loss is L.elementwise_case else ([[1.0, 2.0]], [1])
        for operation in (loss, loss.value_and_grad, loss.grad):
            signature = inspect.signature(operation)
            given = {
                name: parameter.default
                for name, parameter in signature.parameters.items()
                if parameter.default is not inspect.Parameter.empty
            }
            operation(*arrays, **given)


def test_documentation_and_description():
    loss = L.elementwise_case
    assert loss.__doc__.startswith("Half the square near zero, linear beyond `delta`.\n\nA second paragraph.")
    assert "reduction :" in loss.__doc__
    assert "wrt :" in loss.grad.__doc__
    assert repr(loss) == (
        "<loss tests.runtime.fixtures.cases.elementwise_case(x, y, *, delta=1.0, factor=None, "
        "log_target=False): Half the square near zero, linear beyond `delta`.>"
    )
    html = loss._repr_html_()
    assert r"\frac{r^{2}}{2}" in html
    assert "Where it turns linear." in html
    assert loss.latex == r"\frac{r^{2}}{2}"
    assert loss.fingerprint == "sha256:elementwise"
    assert loss.params["delta"].default == 1.0
    assert loss.params["log_target"].choices == (False, True)
    assert dict(loss.properties) == {}
    assert loss.accuracy is None


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_losses_and_operations_pickle(protocol):
    again = pickle.loads(pickle.dumps(L.elementwise_case, protocol))
    assert again is L.elementwise_case
    grad = pickle.loads(pickle.dumps(L.elementwise_case.grad, protocol))
    assert grad([2.0], [0.0]) == 1.0
    assert copy.deepcopy(L.row_case) is L.row_case


def test_equality_is_by_package_and_name():
    other = type(L.row_case)("elsewhere", "row_case", {**manifest()["losses"]["row_case"]})
    same = type(L.row_case)(L.__name__, "row_case", manifest()["losses"]["row_case"])
    assert same == L.row_case
    assert hash(same) == hash(L.row_case)
    assert other != L.row_case
    assert L.row_case != "row_case"


def manifest():
    return json.loads((Path(L.__path__[0]) / "manifest.json").read_text())


def test_all_maps_names_to_losses_and_dir_lists_helpers_too():
    losses = L.all()
    assert set(losses) == set(manifest()["losses"])
    assert losses["row_case"] is L.row_case
    with pytest.raises(TypeError):
        losses["row_case"] = None
    assert {"halved", "row_case", "all"} <= set(dir(L))
    assert L.halved(3.0) == 1.5
    names: dict[str, object] = {}
    exec("from tests.runtime.fixtures.cases import *", names)
    assert names["row_case"] is L.row_case


def test_an_unknown_name_gets_a_hint():
    with pytest.raises(AttributeError, match="no loss 'row_cas'; did you mean 'row_case'"):
        L.row_cas  # noqa: B018
    assert not hasattr(L, "__wrapped__")


def test_a_package_without_kernels_names_the_command(tmp_path: Path):
    get, _ = expose("empty", str(tmp_path))
    with pytest.raises(LossError, match="run lossgen build"):
        get("anything")


def test_another_calling_convention_is_refused(tmp_path: Path):
    (tmp_path / "manifest.json").write_text(json.dumps({"abi": 99, "losses": {}}))
    get, _ = expose("old", str(tmp_path))
    with pytest.raises(LossError, match=r"old was generated for runtime ABI 99.*lossgen build"):
        get("anything")
    with pytest.raises(LossError, match=r"pkg\.kernels was generated for runtime ABI 0"):
        check_abi(0, "pkg.kernels")
