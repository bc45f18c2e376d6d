"""Kernels that are altered in one place, and whether the tests of their losses notice."""
