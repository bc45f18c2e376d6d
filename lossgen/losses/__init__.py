"""The generated losses: ``import lossgen.losses as L``, then ``L.<name>(x, y, ...)``; ``L.all()`` lists them.

The kernels live in the generated folder, at the root of a checkout or inside an installed wheel. This module
makes that folder its own package path and exposes the losses of its manifest, each loaded on first use.
"""

from lossgen.paths import generated_folder
from lossgen.runtime.package import expose

__path__ = [str(generated_folder())]

__getattr__, __dir__ = expose(__name__, __path__[0])
