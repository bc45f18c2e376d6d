"""Tails: complementary error functions, and exponentials of exponentials, as text of generated modules.

All but the last compute in float64, whatever the type.
"""

from __future__ import annotations

TAILS: dict[str, str] = {
    "expgap": '''\
@njit
def _expgap(a, b):
    """exp(a) - exp(b) - exp(b) * (a - b), by a function of their difference where they are nearly equal."""
    real = type(a)
    change = a - b
    if abs(change) < real(1):
        return math.exp(b) * _expm1mx(change)
    if change < 0:
        root = math.exp(real(0.5) * b)
        rise = (real(-1) - change) * root * root
        return math.exp(a) + (rise if b > -math.inf else real(0))
    grown = math.exp(a)
    return grown - math.exp(b) * (real(1) + change) if grown < math.inf or b != b else grown
''',
    "tail_gap": '''\
@njit
def _tail_gap(x):
    """exp(-x**2) / (sqrt(pi) * erfc(x)) - x for x >= 0: a polynomial in (x - 2) / (x + 2), over x + 2."""
    t = (x - 2) / (x + 2) if x != math.inf else 1.0
    p = -3.1786973233719813e-09
    p = p * t + 6.214214075915148e-09
    p = p * t + 4.54095572258092e-08
    p = p * t - 1.4649087992518404e-08
    p = p * t - 2.4684220226322253e-07
    p = p * t - 2.0432810829454893e-07
    p = p * t + 5.383410215719998e-07
    p = p * t + 1.480476103018653e-06
    p = p * t + 8.513912001646973e-07
    p = p * t - 4.048316389705217e-06
    p = p * t - 1.0139954499735102e-05
    p = p * t + 2.2092593651698286e-07
    p = p * t + 3.649103293055998e-05
    p = p * t + 4.355583039282175e-05
    p = p * t - 6.953210747340405e-05
    p = p * t - 0.00021032612297181507
    p = p * t + 4.972817146148193e-06
    p = p * t + 0.0006347616255065682
    p = p * t + 0.0005302594403807019
    p = p * t - 0.0014273435396319348
    p = p * t - 0.0025628792666885186
    p = p * t + 0.002446567383744185
    p = p * t + 0.008795331185559535
    p = p * t - 0.002933543096449536
    p = p * t - 0.02733914706476387
    p = p * t + 0.002316967660538113
    p = p * t + 0.0900887940795054
    p = p * t - 0.02300010850486811
    p = p * t - 0.3836649188307325
    p = p * t + 0.8363216119888284
    return p / (x + 2)
''',
    "exp_neg_square": '''\
@njit
def _exp_neg_square(x):
    """exp(-x**2) of a square in two parts: exp would amplify its rounding."""
    if abs(x) > 40:
        return 0.0
    head = math.floor(x * 16) / 16
    return math.exp(-head * head) * math.exp((head - x) * (head + x))
''',
    "tail": '''\
@njit
def _tail(a):
    """erfc(a)."""
    x = np.float64(a)
    if x > 1:
        return type(a)(0.5641895835477563 * _exp_neg_square(x) / (x + _tail_gap(x)))
    return type(a)(math.erfc(x))
''',
    "inverfcx": '''\
@njit
def _inverfcx(a):
    """exp(-a**2) / erfc(a), by their ratio where both vanish."""
    x = np.float64(a)
    if not x < 0:
        return type(a)(1.772453850905516 * (x + _tail_gap(x)))
    return type(a)(_exp_neg_square(x) / math.erfc(x))
''',
    "erfcxgap": '''\
@njit
def _erfcxgap(a):
    """exp(-a**2) / (sqrt(pi) * erfc(a)) - a; the two are nearly equal where a is large."""
    x = np.float64(a)
    return type(a)(_inverfcx(x) * 0.5641895835477563 - x if x < 0 else _tail_gap(x))
''',
    "logerfc": '''\
@njit
def _logerfc(a):
    """log(erfc(a)); far out erfc vanishes before its logarithm, near 0 it is nearly 1."""
    x = np.float64(a)
    if x > 0.5:
        return type(a)(-(x * x + math.log(1.772453850905516 * (x + _tail_gap(x)))))
    return type(a)(math.log(math.erfc(x)) if x < -0.5 else math.log1p(-math.erf(x)))
''',
    "loghalferfc": '''\
@njit
def _loghalferfc(a):
    """log(erfc(a) / 2); erfc vanishes on one side, half of it is nearly 1 on the other."""
    x = np.float64(a)
    if x > 0:
        return type(a)(-(x * x + math.log(3.544907701811032 * (x + _tail_gap(x)))))
    return type(a)(math.log1p(-0.28209479177387814 * _exp_neg_square(x) / (_tail_gap(-x) - x)))
''',
    "loginverfcx": '''\
@njit
def _loginverfcx(a):
    """-a**2 - log(erfc(a)), by their ratio where both vanish."""
    x = np.float64(a)
    if x > 0.5:
        return type(a)(math.log(1.772453850905516 * (x + _tail_gap(x))))
    return type(a)(-x * x - (math.log(math.erfc(x)) if x < -0.5 else math.log1p(-math.erf(x))))
''',
    "log1mexpexp": '''\
@njit
def _log1mexpexp(a):
    """log(1 - exp(-exp(a))); a itself where exp(a) is too small to count."""
    if a < -40:
        return a
    grown = math.exp(a)
    return math.log(-math.expm1(-grown)) if a < 0 else math.log1p(-math.exp(-grown))
''',
    "expshare": '''\
@njit
def _expshare(a):
    """exp(a) / (exp(exp(a)) - 1); near 1 where exp(a) vanishes."""
    real = type(a)
    grown = math.exp(a)
    if grown < real(1):
        return grown / math.expm1(grown) if grown > 0 else real(1)
    tail = math.exp(-grown)
    return grown * tail / (real(1) - tail) if tail > 0 or a != a else real(0)
''',
    "expshareslope": '''\
@njit
def _expshareslope(a):
    """-(slope of exp(a) / (exp(exp(a)) - 1)); near 0 a series takes over."""
    real = type(a)
    u = math.exp(a)
    if u < real(1):
        total = real(0)
        for k in range(18, 1, -1):
            total = (total + real(k - 1)) * u / real(k)
        # total is (1 + (u - 1)*exp(u)) / u.
        ratio = math.expm1(u) / u if u > 0 else real(1)
        return total / (ratio * ratio)
    tail = math.exp(-u)
    keep = real(1) - tail
    return u * tail * (u - real(1) + tail) / (keep * keep) if tail > 0 or a != a else real(0)
''',
}

# Helpers that call other helpers.
TAIL_NEEDS: dict[str, tuple[str, ...]] = {
    "tail": ("tail_gap", "exp_neg_square"),
    "expgap": ("expm1mx",),
    "inverfcx": ("tail_gap", "exp_neg_square"),
    "erfcxgap": ("tail_gap", "exp_neg_square", "inverfcx"),
    "logerfc": ("tail_gap",),
    "loginverfcx": ("tail_gap",),
    "loghalferfc": ("tail_gap", "exp_neg_square"),
}
