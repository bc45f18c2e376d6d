"""Every error that lossgen raises on purpose, each also a builtin exception of the same meaning."""

from __future__ import annotations

__all__ = ["FormulaError", "LossError", "LossIndexError", "LossTypeError", "LossValueError", "SpecError"]


class LossError(Exception):
    """Base of all errors of lossgen. Messages name the argument, its value and the fix."""


class LossValueError(LossError, ValueError):
    """A value, shape or name that is not allowed."""


class LossTypeError(LossError, TypeError):
    """A type or dtype that is not allowed, or an operation that a loss does not have."""


class LossIndexError(LossError, IndexError):
    """A class index, label or length outside its range."""


class FormulaError(LossValueError):
    """A mistake in a formula given as text: what is wrong, and the place, marked below an excerpt.

    Parameters
    ----------
    message : str
        What is wrong, and the fix.
    text : str
        The formula.
    position : int
        Where in it, counted from 0.
    """

    # Characters shown before and after the place; everything that is not plain text shows as a dot.
    _AROUND = 30

    def __init__(self, message: str, text: str, position: int) -> None:
        super().__init__(message, text, position)
        self.message = message
        self.text = text
        self.position = position

    def __str__(self) -> str:
        first = max(0, self.position - self._AROUND)
        shown = self.text[first : self.position + self._AROUND]
        plain = "".join(c if c.isascii() and c.isprintable() else "." for c in shown)
        cut = ("..." if first else "", "..." if first + len(shown) < len(self.text) else "")
        caret = " " * (len(cut[0]) + self.position - first) + "^"
        return f"{self.message} (at position {self.position})\n    {cut[0]}{plain}{cut[1]}\n    {caret}"


class SpecError(LossValueError):
    """A mistake in a loss declaration, with the place where it was made and the way to fix it.

    Parameters
    ----------
    message : str
        What is wrong, in one sentence.
    file, line : str, int, optional
        Where the declaration is.
    loss, argument : str, optional
        The loss and the argument of its declaration that are concerned.
    fix : str, optional
        What to write instead.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        loss: str | None = None,
        argument: str | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line
        self.loss = loss
        self.argument = argument
        self.fix = fix

    def __str__(self) -> str:
        place = "" if self.file is None else self.file if self.line is None else f"{self.file}:{self.line}"
        subject = ", ".join(
            f"{kind} {name!r}"
            for kind, name in (("loss", self.loss), ("argument", self.argument))
            if name is not None
        )
        text = ": ".join(part for part in (place, subject, self.message) if part)
        return text if self.fix is None else f"{text}\n  fix: {self.fix}"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only fields are state, not constructor arguments, for pickle (worker processes of a build).
        return (SpecError, (self.message,), self.__dict__)
