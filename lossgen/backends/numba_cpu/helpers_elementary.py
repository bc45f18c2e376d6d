"""Helpers that choose, guard or scale. NaN in, NaN out; a tie gives what the comment says."""

ELEMENTARY: dict[str, str] = {
    "maximum": '''\
@njit
def _maximum(a, b):
    """Larger of two numbers; NaN if either is (the builtin max(0, nan) would be 0)."""
    return a if a > b or a != a else b
''',
    "minimum": '''\
@njit
def _minimum(a, b):
    """Smaller of two numbers; NaN if either is."""
    return a if a < b or a != a else b
''',
    "sign": '''\
@njit
def _sign(a):
    """-1, 0 or 1; the tie gives 0."""
    real = type(a)
    if a > 0:
        return real(1)
    return real(-1) if a < 0 else a
''',
    "finite_or_zero": '''\
@njit
def _finite_or_zero(a):
    """The number itself, but 0 for an infinity."""
    return type(a)(0) if abs(a) == math.inf else a
''',
    "lifted_exp": '''\
@njit
def _lifted_exp(a):
    """exp(a - a) for a number, exp(a) for an infinity, from which nothing is subtracted."""
    if abs(a) < math.inf:
        return type(a)(1)
    return type(a)(0) if a < 0 else a
''',
    "nan_or_zero": '''\
@njit
def _nan_or_zero(a):
    """NaN for NaN, else 0: added to a step, which would hide it."""
    return type(a)(0) if a == a else a
''',
    "gated": '''\
@njit
def _gated(a, b):
    """a * b, but 0 where one factor is 0 and the other infinite."""
    product = a * b
    return type(a)(0) if product != product and a == a and b == b else product
''',
    "powered": '''\
@njit
def _powered(a, b, c, n):
    """a * b**(c + n); the power alone could leave the range, its root does not."""
    real = type(a)
    # Only beside a small c does rounding c + n cost digits.
    apart = n != 0 and abs(c) < 0.5 and b != 0
    exponent = c + n
    half = real(0.5) * (c if apart else exponent)
    root = b ** half
    moved = a / b if n < 0 else a * b
    # As a factor the number itself is exact, and all that is left where the compiler knows the exponent.
    rooted = a * b if exponent == 1 and not apart else a * root * root
    # What grows comes first, unless that overflows, and what shrinks last: nothing vanishes on the
    # way. The order depends on b alone, so that a weight scales every bit.
    grows = (b < 1) if n < 0 else (b > 1)
    first = apart and (abs(moved) < math.inf if grows else abs(rooted) == math.inf)
    product = moved * root * root if first else rooted
    if apart and (not first or abs(n) > 1):
        product = product / b if n < 0 else product * b
    if apart and not first and abs(n) > 1:
        product = product / b if n < 0 else product * b
    return real(0) if product != product and a == a and b == b and exponent == exponent else product
''',
    "abspow": '''\
@njit
def _abspow(a, b):
    """|a| ** b, and 0 at a = 0 for every b."""
    return type(a)(0) if a == 0 and b == b else abs(a) ** b
''',
    "signpow": '''\
@njit
def _signpow(a, b):
    """|a| ** b with the sign of a, and 0 at a = 0 for every b."""
    real = type(a)
    if a == 0 and b == b:
        return real(0)
    return -(abs(a) ** b) if a < 0 else abs(a) ** b
''',
    "alive": '''\
@njit
def _alive(a):
    """1, but 0 for minus infinity; NaN is let through to what is computed with it."""
    real = type(a)
    return real(0) if a == -math.inf else real(1)
''',
    "normal": '''\
@njit
def _normal(a):
    """1 for a normal positive number, 0 for one that has lost digits or all: then 2 / a overflows."""
    real = type(a)
    return real(1) if real(2) / a < math.inf else real(0)
''',
    "timesexp": '''\
@njit
def _timesexp(a, b):
    """a * exp(b); the exponential alone could leave the range, its root does not."""
    real = type(a)
    root = math.exp(real(0.5) * b)
    product = a * root * root
    return real(0) if product != product and a == a and b == b else product
''',
    "outgrown": '''\
@njit
def _outgrown(a, b):
    """a + b, but a where it is infinite: it grows exponentially, and b does not."""
    return a if abs(a) == math.inf and b == b else a + b
''',
    "logratio": '''\
@njit
def _logratio(a, b):
    """log(a / b), factor by factor where the quotient is no normal number."""
    real = type(a)
    ratio = a / b
    if ratio < math.inf and real(2) / ratio < math.inf:
        return math.log(ratio)
    return math.log(a) - math.log(b)
''',
    "entropygap": '''\
@njit
def _entropygap(a, b):
    """a * log(a / b) - a + b, by a function of their difference where they are nearly equal."""
    real = type(a)
    if a == 0 and b == b:
        return b
    change = (b - a) / a
    if real(-0.375) < change < real(0.5):
        return a * _xmlog1p(change)
    return a * (_logratio(a, b) - real(1)) + b
''',
    "sqdiv": '''\
@njit
def _sqdiv(a, b):
    """a**2 / b; the square alone could overflow or vanish."""
    return a * (a / b)
''',
    "inv1psq": '''\
@njit
def _inv1psq(a):
    """1 / (1 + a**2); the square of a large number would overflow before the result vanishes."""
    real = type(a)
    if abs(a) < 1:
        return real(1) / (real(1) + a * a)
    inverse = real(1) / a
    return inverse / (a + inverse)
''',
    "over1psq": '''\
@njit
def _over1psq(a):
    """a / (1 + a**2); the square of a large number would overflow."""
    real = type(a)
    if abs(a) < 1:
        return a / (real(1) + a * a)
    return real(1) / (a + real(1) / a)
''',
    "sq1psq": '''\
@njit
def _sq1psq(a):
    """a**2 / (1 + a**2); the square of a large number would overflow."""
    real = type(a)
    if abs(a) < 1:
        return a * a / (real(1) + a * a)
    inverse = real(1) / a
    return real(1) / (real(1) + inverse * inverse)
''',
    "timesinv1psq": '''\
@njit
def _timesinv1psq(a, b):
    """a / (1 + b**2), divided by a large b twice: the fraction could vanish before the product does."""
    real = type(a)
    if abs(b) < 1:
        return a / (real(1) + b * b)
    product = a / b / (b + real(1) / b)
    return real(0) if product != product and a == a and b == b else product
''',
    "hypot": '''\
@njit
def _hypot(a, b):
    """sqrt(a**2 + b**2); powers of two keep the squares in range."""
    larger = np.float64(max(abs(a), abs(b)))
    smaller = np.float64(min(abs(a), abs(b)))
    if larger > 1e150:
        root = math.sqrt((larger * 2.0**-600) ** 2 + (smaller * 2.0**-600) ** 2) * 2.0**600
    elif larger < 1e-140:
        root = math.sqrt((larger * 2.0**600) ** 2 + (smaller * 2.0**600) ** 2) * 2.0**-600
    else:
        root = math.sqrt(larger * larger + smaller * smaller)
    return type(a)(root if a == a and b == b else math.nan)
''',
}
