"""Everyday formulas as people would type them: text, domains of arguments and parameters, defaults."""

C, S = {"c": "positive"}, {"s": "positive"}
POSITIVE = {"x": "positive", "y": "positive"}
COUNT = {"y": "nonnegative"}
SIGN = {"y": "sign"}
TIME = {"y": "positive", "d": "unit"}

# Text, domains, defaults; of these tests also train models and judge curvature.
FORMULAS = {
    # robust statistics
    "log-cosh": ("log(cosh(x - y))", {}, {}),
    "cauchy": ("c**2/2*log(1 + ((x - y)/c)**2)", C, {"c": 2.0}),
    "geman-mcclure": ("(x - y)**2/(2*(c + (x - y)**2))", C, {"c": 1.0}),
    "welsch": ("c**2/2*(1 - exp(-((x - y)/c)**2))", C, {"c": 3.0}),
    "tukey": ("where(Abs(x - y) <= c, c**2/6*(1 - (1 - ((x - y)/c)**2)**3), c**2/6)", C, {"c": 4.685}),
    "andrews": ("where(Abs(x - y) <= pi*c, c**2*(1 - cos((x - y)/c)), 2*c**2)", C, {"c": 1.339}),
    "fair": ("c**2*(Abs(x - y)/c - log(1 + Abs(x - y)/c))", C, {"c": 1.4}),
    "pseudo-huber": ("c**2*(sqrt(1 + ((x - y)/c)**2) - 1)", C, {"c": 1.0}),
    "pinball": ("Max(tau*(y - x), (tau - 1)*(y - x))", {"tau": "unit"}, {"tau": 0.9}),
    "expectile": ("where(y >= x, tau, 1 - tau)*(y - x)**2", {"tau": "unit"}, {"tau": 0.8}),
    "insensitive": ("Max(Abs(x - y) - epsilon, 0)", {"epsilon": "nonnegative"}, {"epsilon": 0.1}),
    "smooth quantile": ("tau*(y - x) + c*log(1 + exp(-(y - x)/c))", C | {"tau": "unit"},
                        {"c": 0.5, "tau": 0.7}),
    "student": ("(nu + 1)/2*log(1 + ((x - y)/s)**2/nu) + log(s)", S | {"nu": "positive"},
                {"nu": 4.0, "s": 1.0}),
    "laplace": ("Abs(x - y)/s + log(2*s)", S, {"s": 1.0}),
    # survival: y is a time, d says whether the event was seen
    "exponential": ("exp(x)*y - d*x", TIME, {"d": 1.0}),
    "weibull": ("exp((log(y) - x)/s) - d*((log(y) - x)/s - log(s))", TIME | S, {"d": 1.0, "s": 0.8}),
    "log-logistic": ("(1 + d)*log(1 + exp((log(y) - x)/s)) - d*((log(y) - x)/s - log(s))", TIME | S,
                     {"d": 1.0, "s": 0.8}),
    "log-normal": ("d*(((log(y) - x)/s)**2/2 + log(s)) - (1 - d)*log(erfc((log(y) - x)/s/sqrt(2))/2)",
                   TIME | S, {"d": 1.0, "s": 0.8}),
    "gompertz": ("exp(x)*(exp(c*y) - 1)/c - d*(x + c*y)", TIME | C, {"c": 0.3, "d": 1.0}),
    "discrete hazard": ("y*log(1 + exp(-x)) + (1 - y)*log(1 + exp(x))", {"y": "unit"}, {}),
    "complementary log-log": ("(1 - y)*exp(x) - y*log(1 - exp(-exp(x)))", {"y": "unit"}, {}),
    # counts
    "poisson": ("exp(x) - y*x", COUNT, {}),
    "poisson deviance": ("2*(xlogy(y, y/x) - y + x)", {"x": "positive", "y": "nonnegative"}, {}),
    "negative binomial": ("(y + r)*log(r + exp(x)) - y*x - r*log(r)", COUNT | {"r": "positive"}, {"r": 2.0}),
    "zero-inflated": ("where(y == 0, -log(p + (1 - p)*exp(-exp(x))), exp(x) - y*x - log(1 - p))",
                      COUNT | {"p": "unit"}, {"p": 0.2}),
    "gamma deviance": ("2*((y - x)/x - log(y/x))", POSITIVE, {}),
    "tweedie": ("exp((2 - p)*x)/(2 - p) - y*exp((1 - p)*x)/(1 - p)", COUNT, {"p": 1.5}),
    "poisson likelihood": ("exp(x) - y*x + loggamma(y + 1)", COUNT, {}),
    "dispersed counts": ("loggamma(r) + loggamma(y + 1) - loggamma(y + r) + (y + r)*log(1 + exp(x)/r) - y*x"
                         " + y*log(r)", COUNT | {"r": "positive"}, {"r": 2.0}),
    "gamma likelihood": ("loggamma(k) - k*log(k) + k*(x + y*exp(-x)) - (k - 1)*log(y)",
                         {"y": "positive", "k": "positive"}, {"k": 1.5}),
    "geometric": ("(y + 1)*log(1 + exp(x)) - y*x", COUNT, {}),
    "binomial": ("n*log(1 + exp(x)) - y*x", COUNT | {"n": "positive"}, {"n": 20.0}),
    "inverse gaussian": ("(y - x)**2/(x**2*y)", POSITIVE, {}),
    # ranking: x is the difference of two scores, y says which one should be larger
    "logistic": ("log(1 + exp(-y*x))", SIGN, {}),
    "hinge": ("Max(0, 1 - y*x)", SIGN, {}),
    "squared hinge": ("Max(0, 1 - y*x)**2", SIGN, {}),
    "smooth hinge": ("where(y*x >= 1, 0, where(y*x <= 0, 1/2 - y*x, (1 - y*x)**2/2))", SIGN, {}),
    "modified huber": ("where(y*x >= -1, Max(0, 1 - y*x)**2, -4*y*x)", SIGN, {}),
    "exponential margin": ("exp(-y*x)", SIGN, {}),
    "savage": ("1/(1 + exp(y*x))**2", SIGN, {}),
    "focal margin": ("log(1 + exp(-y*x))/(1 + exp(y*x))**gamma", SIGN | {"gamma": "nonnegative"},
                     {"gamma": 2.0}),
    # images
    "charbonnier": ("sqrt((x - y)**2 + c**2)", C, {"c": 1e-3}),
    "wing": ("where(Abs(x - y) < w, w*log(1 + Abs(x - y)/c), Abs(x - y) - w + w*log(1 + w/c))",
             C | {"w": "positive"}, {"c": 2.0, "w": 10.0}),
    "reverse huber": ("where(Abs(x - y) <= c, Abs(x - y), ((x - y)**2 + c**2)/(2*c))", C, {"c": 0.5}),
    "log depth": ("(log(x) - log(y))**2", POSITIVE, {}),
    "itakura-saito": ("y/x - log(y/x) - 1", POSITIVE, {}),
    "photons": ("x - y*log(x)", {"x": "positive", "y": "nonnegative"}, {}),
    "decibel": ("log(1 + lambda*(x - y)**2)", {"lambda": "positive"}, {"lambda": 100.0}),
}  # fmt: skip
# More of each kind, judged in value and gradient alone.
MORE = {
    "l1-l2": ("2*(sqrt(1 + (x - y)**2/2) - 1)", {}, {}),
    "log absolute": ("log(1 + Abs(x - y)/c)", C, {"c": 1.0}),
    "linex": ("exp(c*(x - y)) - c*(x - y) - 1", C, {"c": 0.5}),
    "barron": ("Abs(a - 2)/a*((((x - y)/c)**2/Abs(a - 2) + 1)**(a/2) - 1)", C | {"a": "positive"},
               {"a": 1.0, "c": 1.0}),
    "biweight": ("where(Abs(x - y) <= c, 1 - (1 - ((x - y)/c)**2)**2, 1)", C, {"c": 3.0}),
    "soft absolute": ("(x - y)*tanh((x - y)/c)", C, {"c": 0.1}),
    "arctangent": ("atan((x - y)**2/c)", C, {"c": 1.0}),
    "percentage": ("Abs((y - x)/y)", {"y": "positive"}, {}),
    "symmetric percentage": ("2*Abs(x - y)/(x + y)", POSITIVE, {}),
    "squared logarithms": ("(log(1 + x) - log(1 + y))**2", {"x": "nonnegative", "y": "nonnegative"}, {}),
    "log-cosh of logarithms": ("log(cosh(log(x) - log(y)))", POSITIVE, {}),
    "generalized kullback": ("y*(log(y) - log(x)) - y + x", POSITIVE, {}),
    "bernoulli kullback": ("y*log(y/x) + (1 - y)*log((1 - y)/(1 - x))", {"x": "unit", "y": "unit"}, {}),
    "hellinger": ("(sqrt(x) - sqrt(y))**2", POSITIVE, {}),
    "jensen-shannon": ("x*log(2*x/(x + y))/2 + y*log(2*y/(x + y))/2", POSITIVE, {}),
    "triangular": ("(x - y)**2/(x + y)", POSITIVE, {}),
    "jeffreys": ("(x - y)*(log(x) - log(y))", POSITIVE, {}),
    "cosh ratio": ("(x/y + y/x)/2 - 1", POSITIVE, {}),
    "stein": ("log((x + y)/2) - (log(x) + log(y))/2", POSITIVE, {}),
    "brier of logits": ("(y - 1/(1 + exp(-x)))**2", {"y": "unit"}, {}),
    "focal by hand": ("-y*(1 - 1/(1 + exp(-x)))**2*log(1/(1 + exp(-x)))"
                      " - (1 - y)*(1/(1 + exp(-x)))**2*log(1 - 1/(1 + exp(-x)))", {"y": "unit"}, {}),
    "probit": ("-log(erfc(-y*x/sqrt(2))/2)", SIGN, {}),
    "tangent": ("(2*atan(y*x) - 1)**2", SIGN, {}),
    "rayleigh": ("2*x + y**2*exp(-2*x)/2 - log(y)", {"y": "positive"}, {}),
    "interval": ("-log(exp(-exp(x)*y) - exp(-exp(x)*(y + c)))", {"y": "positive"} | C, {"c": 1.0}),
    "pairwise": ("-log(1/(1 + exp(-(x - y)/c)))", C, {"c": 1.0}),
    "bregman": ("exp(y) - exp(x) - exp(x)*(y - x)", {}, {}),
    "gamma corrected": ("(x**(1/g) - y**(1/g))**2", POSITIVE | {"g": "positive"}, {"g": 2.2}),
    "root of logarithm": ("sqrt(1 + log(1 + ((x - y)/c)**2)) - 1", C, {"c": 1.0}),
}  # fmt: skip
SUITE = FORMULAS | MORE
