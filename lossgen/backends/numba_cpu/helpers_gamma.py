"""Derivatives of the logarithm of the gamma function, as text of generated modules.

Recurrences lead into a range where a series converges: rational functions of J. Maddock's (Boost.Math) that
split off the positive root of digamma, and the asymptotic series. Both compute in float64, whatever the type.
"""

from __future__ import annotations

GAMMA: dict[str, str] = {
    "digamma": '''\
@njit
def _digamma(a):
    """Slope of log(gamma(a)) for a > 0; near its root 1.46 the difference to the root comes first."""
    real = type(a)
    x, total = np.float64(a), 0.0
    if not x > 0:
        return real(-math.inf) if x == 0 else real(math.nan)
    if x >= 10:
        inverse = 1 / x
        q = inverse * inverse
        tail = 1 / 252 - q * (1 / 240 - q * (1 / 132 - q * (691 / 32760 - q / 12)))
        return real(math.log(x) - 0.5 * inverse - q * (1 / 12 - q * (1 / 120 - q * tail)))
    while x > 2:
        x -= 1
        total += 1 / x
    if x < 1:
        total = -1 / x
        x += 1
    t = x - 1
    above = -0.0541156266153505273939 - t * 0.00289268368333918761452
    above = -0.665836341559876230295 + t * (-0.314767657147375752913 + t * above)
    above = 0.254798510611315515235 + t * (-0.314628554532916496608 + t * above)
    below = -0.165079794012604905639e-5 + t * 0.317940243105952177571e-7
    below = 0.0660481487173569812846 + t * (0.00298999662592323990972 + t * below)
    below = 1.54350554664961128724 + t * (0.486986018231042975162 + t * below)
    below = 1 + t * (2.1195759927055347547 + t * below)
    gap = (x - 1569415565.0 / 1073741824) - 381566830.0 / 1073741824 / 1073741824 - 9.016312093258695919e-20
    return real(total + (gap * 0.99558162689208984375 + gap * (above / below)))
''',
    "trigamma": '''\
@njit
def _trigamma(a):
    """Slope of digamma for a > 0; only terms of one sign are added up."""
    real = type(a)
    x, total = np.float64(a), 0.0
    if not x > 0:
        return real(math.inf) if x == 0 else real(math.nan)
    while x < 12:
        total += 1 / (x * x)
        x += 1
    inverse = 1 / x
    q = inverse * inverse
    tail = 1 / 30 - q * (1 / 42 - q * (1 / 30 - q * (5 / 66 - q * (691 / 2730 - q * 7 / 6))))
    return real(total + inverse * (1 + inverse * (0.5 + inverse * (1 / 6 - q * tail))))
''',
}
