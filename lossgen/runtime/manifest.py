"""What the manifest says about one loss, as read-only records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

__all__ = ["DOMAINS", "Axis", "Entry", "Param", "Rule", "Static", "Tensor", "Variant", "parse_entry"]

# Where numbers of a domain lie, in words.
DOMAINS = {
    "real": "",
    "positive": "positive",
    "nonnegative": "not negative",
    "unit": "in [0, 1]",
    "binary": "0 or 1",
    "sign": "-1 or 1",
}


@dataclass(frozen=True)
class Tensor:
    """An array argument: prediction, target, class indices, labels or lengths."""

    name: str
    role: str
    axes: tuple[str, ...]
    is_float: bool
    over: str | None
    optional: bool
    domain: str
    doc: str
    # The axis along which it is 1 at one position, if given as indices; the parameter that marks the ignored.
    spells: str | None = None
    marked_by: str = ""


@dataclass(frozen=True, eq=False)
class Param:
    """A run-time parameter: a number, or one number for each entry of an axis."""

    name: str
    kind: str
    is_float: bool
    axes: tuple[str, ...]
    over: str | None
    default: Any
    domain: str
    # The largest number that it may be, and whether it may be that.
    limit: tuple[float, bool] | None
    optional: bool
    required: bool
    doc: str

    @property
    def above(self) -> str:
        """Say where the numbers end that it may be; empty where they do not."""
        if self.limit is None:
            return ""
        number, included = self.limit
        return f"{'at most' if included else 'less than'} {number}"


@dataclass(frozen=True)
class Static:
    """A static choice: each combination is a kernel of its own; with `other` a value may be none of them."""

    name: str
    choices: tuple[Any, ...]
    default: Any
    doc: str
    # The choice that stands for a value given at run time, as a parameter; None where there is no such.
    other: Any = None


@dataclass(frozen=True)
class Axis:
    """An axis of the sample, the array dimensions that it spans, and the axis it must be as long as."""

    name: str
    dims: str
    when: Mapping[str, str]
    equals: str | None = None


@dataclass(frozen=True)
class Rule:
    """A curvature rule beside the exact one: its kind of kernel, or the reason why there is none, and its
    formula by prediction. With `above`, the parabola with this curvature lies above the loss.
    """

    kind: str | None
    reason: str = ""
    above: bool = False
    text: Mapping[str, str] = field(default_factory=dict)
    latex: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Variant:
    """One combination of static choices that has kernels."""

    static: Mapping[str, Any]
    suffix: str
    kinds: frozenset[str]
    accumulates: frozenset[str]
    terms: int
    item_axes: tuple[str, ...]
    term_items: tuple[tuple[str, ...], ...]
    nonempty: tuple[str, ...]
    least: Mapping[str, int]
    weight_divides: tuple[bool, ...]
    prepass_args: tuple[str, ...] | None
    mean_scale: bool
    params: tuple[str, ...]
    wrt_all: tuple[str, ...]
    no_hessian: str | None
    curvature: Mapping[str, Rule]
    within: frozenset[str]
    chunks: str | None
    work: tuple[str, ...]
    coefficients: tuple[float, ...]
    formula: str
    formula_text: str
    gradient_latex: Mapping[str, str]
    gradient_text: Mapping[str, str]
    fingerprint: str


@dataclass(frozen=True, eq=False)
class Entry:
    """Everything the runtime knows about one loss."""

    family: str
    structure: str
    summary: str
    doc: str
    source: str
    peers: Mapping[str, str]
    module: str
    axes: Mapping[str, Axis]
    tensors: tuple[Tensor, ...]
    params: tuple[Param, ...]
    statics: tuple[Static, ...]
    variants: tuple[Variant, ...]
    properties: Mapping[str, Any]
    curvature: str

    @cached_property
    def predictions(self) -> tuple[Tensor, ...]:
        """The tensors that are differentiated by default."""
        return tuple(tensor for tensor in self.tensors if tensor.role == "pred")

    @cached_property
    def optional_params(self) -> tuple[Param, ...]:
        """The parameters that may be None, which is a static choice."""
        return tuple(param for param in self.params if param.optional)

    @cached_property
    def class_axis(self) -> str | None:
        """The axis that ``axis=`` moves: the only axis of the loss, where it is declared as dimension 1."""
        names = list(self.axes)
        return names[0] if len(names) == 1 and self.axes[names[0]].dims == "1" else None

    @cached_property
    def curvatures(self) -> tuple[str, ...]:
        """The curvature rules that some variant has, the exact one first."""
        found = {name for variant in self.variants for name, rule in variant.curvature.items() if rule.kind}
        return ("exact", *sorted(found))

    @property
    def default_variant(self) -> Variant:
        """The variant with every static choice at its default."""
        return self.variants[0]


def parse_entry(raw: Mapping[str, Any]) -> Entry:
    """Read one loss of the manifest."""
    statics = tuple(
        Static(
            item["name"], tuple(item["choices"]), item["default"], item.get("doc") or "", item.get("other")
        )
        for item in raw.get("static", ())
    )
    open_choices = {static.name for static in statics if static.other is not None}
    params = tuple(_param(item, item["name"] in open_choices) for item in raw.get("params", ()))
    # An optional parameter is static in being given or not; its name belongs to the parameter.
    names = {param.name for param in params} - open_choices
    axes = {
        name: Axis(name, item["dims"].replace(" ", ""), dict(item.get("when") or {}), item.get("equals"))
        for name, item in raw.get("axes", {}).items()
    }
    defaults = {param.name: param.default is not None for param in params if param.optional}
    defaults.update({static.name: static.default for static in statics})
    variants = [_variant(item, params) for item in raw["variants"]]
    # The variant of all defaults first, whatever order the manifest has.
    variants.sort(key=lambda variant: {**defaults, **variant.static} != defaults)
    return Entry(
        family=raw.get("family", ""),
        structure=raw.get("structure", ""),
        summary=raw.get("summary", ""),
        doc=raw.get("doc", ""),
        source=raw.get("source", ""),
        peers=dict(raw.get("peers") or {}),
        module=raw["module"],
        axes=axes,
        tensors=tuple(_tensor(item) for item in raw["tensors"]),
        params=params,
        statics=tuple(static for static in statics if static.name not in names),
        variants=tuple(variants),
        properties=dict(raw.get("properties") or {}),
        curvature=raw.get("curvature", "exact"),
    )


def _tensor(item: Mapping[str, Any]) -> Tensor:
    return Tensor(
        name=item["name"],
        role=item["role"],
        axes=tuple(item.get("axes") or ()),
        is_float=item["dtype"] == "float",
        over=item.get("over"),
        optional=bool(item.get("optional", False)),
        domain=item.get("domain") or "real",
        doc=item.get("doc") or "",
        spells=item.get("spells"),
        marked_by=item.get("marked_by") or "",
    )


def _param(item: Mapping[str, Any], open_choice: bool) -> Param:
    kind = item["kind"]
    return Param(
        name=item["name"],
        kind=kind,
        is_float=item.get("dtype", "float") == "float",
        axes=tuple(item.get("axes") or ()),
        over=item.get("over"),
        default=item.get("default"),
        domain=item.get("domain") or kind,
        limit=None if item.get("limit") is None else (item["limit"][0], item["limit"][1]),
        optional=bool(item.get("optional", False)),
        required=not open_choice
        and ("default" not in item or (item["default"] is None and not item.get("optional", False))),
        doc=item.get("doc") or "",
    )


def _variant(item: Mapping[str, Any], params: tuple[Param, ...]) -> Variant:
    terms = item.get("terms", 1)
    item_axes = tuple(item.get("item_axes") or ())
    prepass = item.get("prepass")
    wrt_all = tuple(item.get("wrt_all") or ())
    static = dict(item.get("static") or {})
    in_variant = item.get("params")
    if in_variant is None:
        in_variant = [param.name for param in params if not param.optional or static.get(param.name, False)]
    return Variant(
        static=static,
        suffix=item.get("suffix", "").lstrip("_"),
        kinds=frozenset(item["kinds"]),
        accumulates=frozenset(item.get("accumulates", item["kinds"])),
        terms=terms,
        item_axes=item_axes,
        term_items=tuple(tuple(axes) for axes in item.get("term_items") or [item_axes] * terms),
        nonempty=tuple(item.get("nonempty") or ()),
        least=item.get("least") or {},
        weight_divides=tuple(kind == "weight" for kind in item["mean_divisors"]),
        prepass_args=None if prepass is None else tuple(prepass["args"]),
        mean_scale=prepass is not None and bool(prepass.get("mean_scale", False)),
        params=tuple(in_variant),
        wrt_all=wrt_all,
        no_hessian=item.get("no_hessian"),
        curvature={name: Rule(**rule) for name, rule in (item.get("curvature") or {}).items()},
        within=frozenset(item.get("within") or ()),
        chunks=_chunks(item) if "whole" in item else None,
        work=tuple(item.get("work") or ()),
        coefficients=tuple(float(number) for number in item.get("coefficients") or [1.0] * terms),
        formula=item.get("formula", ""),
        formula_text=item.get("formula_text", ""),
        gradient_latex=dict(item.get("gradient_latex") or {}),
        gradient_text=dict(item.get("gradient_text") or {}),
        fingerprint=item.get("fingerprint", ""),
    )


def _chunks(item: Mapping[str, Any]) -> str:
    """Say in which chunks the data of a call can be worked on."""
    if item["whole"] is not None:
        return f"whole samples only: {item['whole']}"
    return "samples, and blocks of one sample" if item.get("within") else "samples"
