"""Curvature rules beside the exact Hessian diagonal: derived weights and upper bounds."""
