"""Measurements of lossgen beside other libraries: ``python -m benchmarks cpu``."""
