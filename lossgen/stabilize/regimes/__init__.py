"""Regimes: where a sum loses its digits at nearly equal inputs, a branch computes it by a series there."""
