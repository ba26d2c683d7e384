"""Writes stats_reference.h: what SciPy and NumPy make of some samples. Run it in an environment that has both:

    python tests/data/make_stats_reference.py > tests/data/stats_reference.h
"""

import numpy as np
import scipy
from scipy import stats

rng = np.random.default_rng(2026)
SAMPLES = {
    "normal": rng.normal(100, 5, 7),
    "lognormal": rng.lognormal(0, 0.7, 30),
    "ties": np.array([1, 1, 2, 2, 2, 3, 9], float),
    "outlier": np.array([10.1, 10.2, 10.0, 9.9, 55.0]),
    "uniform": rng.uniform(-1, 1, 51),
}


def row(name, x):
    boot = stats.bootstrap((x,), np.median, n_resamples=20000, method="percentile", random_state=np.random.default_rng(1))
    values = [
        np.mean(x),
        np.std(x, ddof=1),
        np.median(x),
        stats.median_abs_deviation(x),
        np.quantile(x, 0.1),
        np.quantile(x, 0.975),
        boot.confidence_interval.low,
        boot.confidence_interval.high,
    ]
    data = ", ".join(f"{v:.17g}" for v in x)
    print(f"    {{{len(x)}, {{{data}}}, {', '.join(f'{v:.17g}' for v in values)}}}, /* {name} */")


print(f"/* Made by tests/data/make_stats_reference.py with SciPy {scipy.__version__} and NumPy {np.__version__}. */")
print("/* clang-format off */")
print("static const struct reference {\n    unsigned long n;\n    double x[64];")
print("    double mean, sd, median, mad, q10, q975, boot_lo, boot_hi;\n} reference[] = {")
for name, x in SAMPLES.items():
    row(name, x)
print("};")
