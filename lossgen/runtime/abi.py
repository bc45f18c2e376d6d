"""The version of the calling convention between this runtime and generated modules."""

from __future__ import annotations

from lossgen.errors import LossError

__all__ = ["RUNTIME_ABI", "check_abi"]

RUNTIME_ABI = 4


def check_abi(abi: int, module: str) -> None:
    """Refuse a generated module or manifest that was made for another calling convention.

    Parameters
    ----------
    abi : int
        The convention that the module was generated for.
    module : str
        Its name, for the message.

    Raises
    ------
    LossError
        If this runtime speaks another version.
    """
    if abi != RUNTIME_ABI:
        raise LossError(
            f"{module} was generated for runtime ABI {abi}, but this lossgen has runtime ABI {RUNTIME_ABI}. "
            "Generate it again: lossgen build (for a package of your own: lossgen build SPECS --out DIR)"
        )
