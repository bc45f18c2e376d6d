"""Helpers of reductions: compensated sums in float64, positions of extremes, scaled norms."""

SUMS: dict[str, str] = {
    "two_sum": '''\
@njit
def _two_sum(total, lost, term):
    """Add a term to a running sum in float64; `lost` collects what rounding took (Knuth's TwoSum)."""
    grown = total + term
    back = grown - total
    return grown, lost + ((total - (grown - back)) + (term - back))
''',
    "total": '''\
@njit
def _total(total, lost):
    """End of a compensated sum; after an overflow the lost part is NaN and says nothing."""
    return total + lost if lost == lost else total
''',
    "merge_sums": '''\
@njit
def _merge_sums(total, lost, more, more_lost):
    """Join two running sums, each with what rounding took."""
    total, lost = _two_sum(total, lost, more)
    return total, lost + more_lost
''',
    "larger": '''\
@njit
def _larger(best, place, term, position):
    """Maximum so far and its first position; the first NaN stays."""
    if term > best or (term != term and best == best):
        return term, position
    return best, place
''',
    "smaller": '''\
@njit
def _smaller(best, place, term, position):
    """Minimum so far and its first position; the first NaN stays."""
    if term < best or (term != term and best == best):
        return term, position
    return best, place
''',
    "norm_add": '''\
@njit
def _norm_add(big, middle, lost, small, term):
    """Add a square to a sum of squares kept in three scales, so that none overflows or vanishes (Blue)."""
    size = abs(np.float64(term))
    if size > 1e146:
        return big + (size * 2.0**-538) ** 2, middle, lost, small
    if size < 1e-140:
        return big, middle, lost, small + (size * 2.0**537) ** 2
    middle, lost = _two_sum(middle, lost, size * size)
    return big, middle, lost, small
''',
    "norm_added": '''\
@njit
def _norm_added(big, middle, lost, small, terms):
    """Add the squares of an array to such a sum: beside each other, where all belong to the middle scale."""
    squares = np.empty(terms.shape[0])
    apart = False
    for i in range(terms.shape[0]):
        size = abs(np.float64(terms[i]))
        squares[i] = size * size
        apart |= (size > 1e146) | ((size < 1e-140) & (size > 0))
    if apart:
        for i in range(terms.shape[0]):
            big, middle, lost, small = _norm_add(big, middle, lost, small, terms[i])
    else:
        middle, lost = vm.added(middle, lost, squares)
    return big, middle, lost, small
''',
    "norm_root": '''\
@njit
def _norm_root(big, middle, lost, small):
    """Square root of a sum of squares kept in three scales."""
    middle = _total(middle, lost)
    if big > 0 or big != big:
        return math.sqrt(big + (math.sqrt(middle) * 2.0**-538) ** 2) * 2.0**538
    if middle > 0 or middle != middle:
        return math.sqrt(middle + (math.sqrt(small) * 2.0**-537) ** 2)
    return math.sqrt(small) * 2.0**-537
''',
}

# Helpers that call other helpers.
SUM_NEEDS: dict[str, tuple[str, ...]] = {
    "norm_add": ("two_sum",),
    "norm_added": ("norm_add",),
    "merge_sums": ("two_sum",),
    "norm_root": ("total",),
    "entropygap": ("xmlog1p", "logratio"),
    "timesexpm1": ("timesexp",),
    "expsum": ("timesexp",),
    "softplusrest": ("log1psqrest",),
}
