"""The words of a declaration: a docstring may explain arguments in a numpydoc section ``Parameters``."""

from __future__ import annotations

import textwrap
from collections.abc import Collection

from lossgen.errors import SpecError
from lossgen.spec.program import Place

_HEADING = "Parameters\n----------\n"


def split(doc: str, names: Collection[str], place: Place) -> tuple[str, dict[str, str]]:
    """Return the docstring without its section on parameters, and what that says of each argument.

    Parameters
    ----------
    doc : str
        The cleaned docstring.
    names : collection of str
        Arguments of the declaration.
    place : Place
        Where it stands, for errors.

    Raises
    ------
    SpecError
        Where the summary is longer than a line, or the section explains what is no argument.
    """
    before, found, section = doc.partition(_HEADING)
    summary, *rest = before.strip().splitlines() or [""]
    if rest and rest[0].strip():
        raise SpecError(
            f"the summary in the docstring goes on after its first line: {summary!r}",
            fix="say in one line what the loss is, then leave a line empty",
            **place,
        )
    if not found:
        return doc, {}
    meanings: dict[str, list[str]] = {}
    name = ""
    for line in section.splitlines():
        if line and not line[0].isspace():
            # Types follow from the signature: what stands behind a colon would repeat them.
            name = line.partition(":")[0].strip()
            if name not in names:
                raise SpecError(
                    f"the docstring explains `{name}`",
                    argument=name,
                    fix=f"the section must be the last one and name arguments: {', '.join(names)}",
                    **place,
                )
            meanings[name] = []
        elif name:
            meanings[name].append(line)
    joined = {key: textwrap.dedent("\n".join(lines)).strip() for key, lines in meanings.items()}
    return before.rstrip(), joined
