"""The language of formulas: axes, tensors, reductions and the vocabulary of stable functions."""
