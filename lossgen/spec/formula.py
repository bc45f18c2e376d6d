"""A formula as text, with the domains of its symbols and the defaults of its parameters, as a `Loss`."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Mapping

import sympy as sp

from lossgen.algebra.tensors import Element, Tensor
from lossgen.errors import FormulaError, LossError, LossTypeError, LossValueError
from lossgen.spec.domains import DOMAINS, excluded
from lossgen.spec.grammar import Node, parse
from lossgen.spec.meaning import names, translate
from lossgen.spec.model import Loss, Parameter, Variant
from lossgen.spec.program import Program, Term
from lossgen.spec.validate import validate

__all__ = ["formula"]

_PREDICTION, _TARGET = "x", "y"
_SUMMARY = 90


def formula(
    text: str,
    domains: Mapping[str, str] | None = None,
    defaults: Mapping[str, float] | None = None,
    taken: Iterable[str] = (),
) -> Loss:
    """Return the loss that a formula declares: `x` is the prediction, `y` the target, the rest parameters.

    Parameters
    ----------
    text : str
        The loss of one sample; see `lossgen.spec.grammar`.
    domains : mapping, optional
        A key of `lossgen.spec.domains.DOMAINS` for each symbol that is not real.
    defaults : mapping, optional
        Default of parameters; those without one must be given in every call.
    taken : iterable of str
        Names that calls give a meaning of their own.

    Raises
    ------
    FormulaError
        Where the text is no formula.
    LossValueError, LossTypeError
        Where a domain or default does not fit.
    """
    tree = parse(text)
    found = names(tree)
    given = dict(domains or {})
    _check_names(found, text, set(taken))
    _check_domains(given, [node.text for node in found])
    own = {node.text: given.get(node.text, "real") for node in found}
    tensors = {name: Tensor(name, role=_role(name), domain=domain) for name, domain in own.items()}
    value = _translated(tree, text, {name: Element(tensor) for name, tensor in tensors.items()})
    if _PREDICTION not in own:
        raise FormulaError(f"the formula does not contain `{_PREDICTION}`, the prediction", text, 0)
    lost = sorted(set(own) - {tensor.name for tensor in value.atoms(Tensor)})
    if lost:
        place = next(node for node in found if node.text == lost[0])
        raise FormulaError(f"`{lost[0]}` has no effect on the value: leave it out", text, place.at)
    # Arrays of a call first, then parameters in the order in which the formula names them.
    order = sorted(own, key=lambda name: (name != _PREDICTION, name != _TARGET))
    _check_defaults(dict(defaults or {}), {name: own[name] for name in order if _role(name) == "param"})
    parameters = tuple(_parameter(name, own[name], dict(defaults or {})) for name in order)
    program = Program(tuple(tensors[name] for name in order), (Term(value=value),))
    validate(program, {"file": "formula", "line": 1, "loss": "formula"})
    summary = " ".join(text.split())
    return Loss(
        name="formula",
        family="formula",
        doc=summary if len(summary) <= _SUMMARY else f"{summary[:_SUMMARY]}...\n\n{summary}",
        source="",
        structure="elementwise",
        parameters=parameters,
        variants=(Variant((), "", program),),
    )


def _role(name: str) -> str:
    return {_PREDICTION: "pred", _TARGET: "target"}.get(name, "param")


def _parameter(name: str, domain: str, defaults: Mapping[str, float]) -> Parameter:
    role = _role(name)
    return Parameter(name, domain if role == "param" else role, defaults.get(name), domain=domain)


def _translated(tree: Node, text: str, symbols: Mapping[str, sp.Expr]) -> sp.Expr:
    try:
        return translate(tree, text, symbols)
    except LossError:
        raise
    except Exception as error:  # whatever SymPy makes of an odd formula is the formula's mistake
        raise FormulaError(f"this formula cannot be read ({type(error).__name__})", text, tree.at) from error


def _check_names(found: list[Node], text: str, taken: set[str]) -> None:
    for node in found:
        if node.text in taken:
            raise FormulaError(
                f"`{node.text}` is an argument of every loss: choose another name", text, node.at
            )


def _check_domains(domains: Mapping[str, str], known: list[str]) -> None:
    for name, domain in domains.items():
        if name not in known:
            raise LossValueError(
                f"domains names {name!r}, which the formula does not contain{_near(name, known)}"
            )
        if domain not in DOMAINS:
            raise LossValueError(f"domains[{name!r}]={domain!r} is no domain: use {', '.join(DOMAINS)}")


def _check_defaults(defaults: Mapping[str, float], parameters: Mapping[str, str]) -> None:
    for name, value in defaults.items():
        if name not in parameters:
            raise LossValueError(
                f"defaults names {name!r}, which is no parameter{_near(name, list(parameters))}"
            )
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise LossTypeError(f"defaults[{name!r}]={value!r} is no number")
        if excluded(parameters[name], None, value) or not abs(value) <= sys.float_info.max:
            raise LossValueError(f"defaults[{name!r}]={value!r} is not {parameters[name]}")


def _near(name: object, known: list[str]) -> str:
    close = difflib.get_close_matches(str(name), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(known)}" if known else ""
