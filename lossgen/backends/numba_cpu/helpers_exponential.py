"""Helpers around exp and log: each says which naive form it replaces and where that one fails."""

EXPONENTIAL: dict[str, str] = {
    "sigmoid": '''\
@njit
def _sigmoid(u):
    """1 / (1 + exp(-u)); exp sees nothing positive, so it cannot overflow, and small results keep their
    digits.
    """
    real = type(u)
    tail = math.exp(-abs(u))
    larger = real(1) / (real(1) + tail)
    return tail * larger if u < 0 else larger
''',
    "softplus": '''\
@njit
def _softplus(u):
    """log(1 + exp(u)); exp sees nothing positive, so it cannot overflow."""
    tail = math.log1p(math.exp(-abs(u)))
    return u + tail if u > 0 else tail
''',
    "logsoftplus": '''\
@njit
def _logsoftplus(u):
    """log(log(1 + exp(u))); u itself where exp(u) is too small to count."""
    if u < -40:
        return u
    if u > 0:
        return math.log(u + math.log1p(math.exp(-u)))
    return math.log(math.log1p(math.exp(u)))
''',
    "sigmoid_tail": '''\
@njit
def _sigmoid_tail(u, tail):
    """1 / (1 + exp(-u)), given tail = exp(-|u|); that of -u has the same quotient."""
    real = type(u)
    larger = real(1) / (real(1) + tail)
    return tail * larger if u < 0 else larger
''',
    "softplus_tail": '''\
@njit
def _softplus_tail(u, log_tail):
    """log(1 + exp(u)), given log_tail = log(1 + exp(-|u|))."""
    return u + log_tail if u > 0 else log_tail
''',
    "log1mexp": '''\
@njit
def _log1mexp(a):
    """log(1 - exp(a)) for a <= 0; below -log(2) exp is small, above it 1 - exp cancels."""
    if a > -0.6931471805599453:
        return math.log(-math.expm1(a))
    return math.log1p(-math.exp(a))
''',
    "logaddexp": '''\
@njit
def _logaddexp(a, b):
    """log(exp(a) + exp(b)) from the larger one; equal infinities would give inf - inf."""
    real = type(a)
    larger = a if a > b else b
    gap = real(0) if a == b else abs(a - b)
    return larger + math.log1p(math.exp(-gap))
''',
    "firstshare": '''\
@njit
def _firstshare(a, b):
    """exp(a) / (exp(a) + exp(b)); 0 where exp(a) is 0, also if both are."""
    real = type(a)
    tail = math.exp(-abs(a - b))
    share = (tail if a < b else real(1)) / (real(1) + tail)
    return real(0) if a == -math.inf and b == b else share
''',
    "logcosh": '''\
@njit
def _logcosh(u):
    """log(cosh(u)); near 0 cosh - 1 comes from sinh, far out cosh would overflow."""
    real = type(u)
    size = abs(u)
    if size < 2:
        half = math.sinh(real(0.5) * u)
        return math.log1p(real(2) * half * half)
    return size + (math.log1p(math.exp(real(-2) * size)) - real(0.6931471805599453))
''',
    "sech2": '''\
@njit
def _sech2(u):
    """1 / cosh(u)**2; 1 - tanh(u)**2 would cancel, cosh would overflow."""
    real = type(u)
    tail = math.exp(-abs(u))
    share = tail / (real(1) + tail * tail)
    return real(4) * share * share
''',
    "softplusrest": '''\
@njit
def _softplusrest(u):
    """log(1 + exp(u)) - 1 / (1 + exp(-u)); to the left the terms cancel, and exp(u) is a square."""
    real = type(u)
    if u <= 0:
        return _log1psqrest(math.exp(real(0.5) * u))
    tail = math.exp(-u)
    return u + (math.log1p(tail) - real(1) / (real(1) + tail))
''',
    "timessech2": '''\
@njit
def _timessech2(a, u):
    """a / cosh(u)**2, divided once and once again: the square could vanish before the product does."""
    real = type(a)
    tail = math.exp(-abs(u))
    share = real(2) * tail / (real(1) + tail * tail)
    product = a * share * share
    return real(0) if product != product and a == a and u == u else product
''',
    "xlogy": '''\
@njit
def _xlogy(a, b):
    """a * log(b), and 0 where a is 0 (0 * log(0) would be NaN)."""
    return type(a)(0) if a == 0 and b == b else a * math.log(b)
''',
    "xlog1py": '''\
@njit
def _xlog1py(a, b):
    """a * log(1 + b), and 0 where a is 0."""
    return type(a)(0) if a == 0 and b == b else a * math.log1p(b)
''',
    "xmlog1p": '''\
@njit
def _xmlog1p(a):
    """a - log(1 + a); near 0 the difference cancels and the series of atanh takes over."""
    real = type(a)
    if a == math.inf:
        return a
    if -0.4 < a < 0.6:
        # log1p(a) = 2*atanh(s); a - 2*s = a*s exactly.
        s = a / (real(2) + a)
        square = s * s
        tail = real(0)
        for k in range(13):
            tail = tail * square + real(1) / real(27 - 2 * k)
        return s * (a - real(2) * square * tail)
    return a - math.log1p(a)
''',
    "expm1mx": '''\
@njit
def _expm1mx(a):
    """exp(a) - 1 - a; near 0 the differences cancel and the Taylor series takes over."""
    real = type(a)
    if abs(a) < 1:
        tail = real(0)
        for k in range(20, 2, -1):
            tail = (tail + real(1)) * a / real(k)
        return real(0.5) * a * a * (real(1) + tail)
    grown = math.expm1(a)
    return grown - a if grown < math.inf else grown
''',
    "log1psq": '''\
@njit
def _log1psq(a):
    """log(1 + a**2); far out the square would overflow and the 1 is lost anyway."""
    real = type(a)
    if abs(a) > 134217728.0:
        return real(2) * math.log(abs(a))
    return math.log1p(a * a)
''',
    "log1psqrest": '''\
@njit
def _log1psqrest(a):
    """log(1 + a**2) - a**2 / (1 + a**2); near 0 they cancel and the series of atanh takes over."""
    real = type(a)
    size = abs(a)
    if size < 1:
        # With s = v / (2 + v) it is 2*atanh(s) - 2*s / (1 + s): after division by 2*s**2 all is positive.
        square = size * size
        s = square / (real(2) + square)
        tail = real(0)
        for k in range(18):
            tail = tail * s * s + real(1) / real(37 - 2 * k)
        return real(2) * s * s * (real(1) / (real(1) + s) + s * tail)
    if size > 134217728.0:
        return real(2) * math.log(size) - real(1)
    return math.log1p(a * a) - a / (a + real(1) / a)
''',
    "timesexpm1": '''\
@njit
def _timesexpm1(a, b, c):
    """a * exp(b) * (exp(c) - 1); beyond 40 the 1 is nothing, and one exponential could overflow."""
    real = type(a)
    if c > 40:
        return _timesexp(a, b + c)
    root = math.exp(real(0.5) * b)
    product = (a * root) * (math.expm1(c) * root)
    return real(0) if product != product and a == a and b == b and c == c else product
''',
    "expsum": '''\
@njit
def _expsum(a, b, c, d):
    """a * exp(b) + c * exp(d); the larger exponential is a factor of both, where both may be infinite."""
    real = type(a)
    gap = real(0) if b == d else -abs(b - d)
    larger, smaller = (a, c) if b >= d else (c, a)
    if gap > -1:
        return _timesexp((larger + smaller) + smaller * math.expm1(gap), max(b, d))
    return _timesexp(larger + smaller * math.exp(gap), max(b, d))
''',
}
