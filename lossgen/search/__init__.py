"""Several forms of each kernel, scored by measured error against the exact expression; the best is chosen."""
