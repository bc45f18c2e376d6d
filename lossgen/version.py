"""The version of lossgen, read by the package, the build backend and the generator."""

__version__ = "0.1.0"
