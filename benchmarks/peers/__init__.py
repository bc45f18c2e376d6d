"""Losses and formulas as others compute them, to be judged at the same points as lossgen's."""
