"""Applies rules bottom-up until none fires."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from lossgen.algebra.axes import Index
from lossgen.algebra.nodes import Reduction
from lossgen.algebra.tensors import Element
from lossgen.stabilize.rule import Rewrite, Rule

# More firings than any sane formula needs: two rules undo each other.
LIMIT = 20_000


class Rewriter:
    """Rewrites expressions by `rules`; keeps every firing in `record`.

    Equal subexpressions are rewritten once, so a tree that shares much costs as much as its distinct nodes.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self.record: list[Rewrite] = []
        self._memo: dict[sp.Basic, sp.Basic] = {}
        self._settled: dict[sp.Symbol, sp.Basic] = {}
        self._depth = 0

    def __call__(self, expr: sp.Basic) -> sp.Basic:
        """Return `expr` rewritten."""
        result = self._rewritten(expr)
        while found := self._settled.keys() & result.free_symbols:
            result = result.xreplace({symbol: self._settled[symbol] for symbol in found})
        return result

    def _rewritten(self, expr: sp.Basic) -> sp.Basic:
        if expr in self._memo:
            return self._memo[expr]
        if isinstance(expr, Element) or not expr.args:
            return expr
        rebuilt = self._rebuild(expr)
        # Rebuilding may evaluate: a product under a power, say, becomes a product of powers, which are new
        # nodes.
        result = self._apply(expr) if rebuilt == expr else self._rewritten(rebuilt)
        self._memo[expr] = result
        self._memo[result] = result
        return result

    def _rebuild(self, expr: sp.Basic) -> sp.Basic:
        if isinstance(expr, Reduction):
            return self._rebuild_reduction(expr)
        args = [self._rewritten(arg) for arg in expr.args]
        return expr if all(new is old for new, old in zip(args, expr.args, strict=True)) else expr.func(*args)

    def _rebuild_reduction(self, expr: Reduction) -> sp.Basic:
        # The depth makes the name unique among the enclosing binders, whose heights may change meanwhile.
        self._depth += 1
        index = Index(f"{expr.index.axis.name.lower()}@{self._depth}", expr.index.axis)
        body = expr.at(index)
        rewritten = self._rewritten(body)
        self._depth -= 1
        return expr if rewritten == body else Reduction(expr.op, rewritten, index, *expr.args[3:])

    def _apply(self, expr: sp.Basic) -> sp.Basic:
        for rule in self.rules:
            if not isinstance(expr, rule.heads):
                continue
            result = rule.apply(expr)
            if result is None or result == expr:
                continue
            keeps = bool(result.has(expr))
            if keeps and result.has(Index):
                continue  # a symbol in place of an entry would hide which index it is read at
            self.record.append(Rewrite(rule.name, expr, result))
            if len(self.record) > LIMIT:
                raise RuntimeError(
                    f"rewriting does not end; last rules: {[r.rule for r in self.record[-6:]]}"
                )
            return self._rewritten(self._kept(expr, result) if keeps else result)
        return expr

    def _kept(self, expr: sp.Basic, result: sp.Basic) -> sp.Basic:
        """Put a symbol where a result has the node as it was: in that branch it stays what it is."""
        symbol = sp.Symbol(f"settled{len(self._settled)}", **expr.assumptions0)
        self._settled[symbol] = expr
        return result.xreplace({expr: symbol})
