"""Writes paired_reference.h: what SciPy and statsmodels make of paired differences. Run it in an environment that has both:

    python tests/data/make_paired_reference.py > tests/data/paired_reference.h
"""

import itertools

import numpy as np
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint
from statsmodels.tsa.stattools import acf

rng = np.random.default_rng(2027)
SAMPLES = {
    "normal": rng.normal(0.01, 0.03, 7),
    "outlier": np.append(rng.normal(0, 0.02, 11), 0.4),
    "skewed": rng.lognormal(-3, 0.6, 40) - 0.04,
    "series": np.convolve(rng.normal(0, 0.02, 50), [1, 0.9, 0.8], "valid"),
}
SHIFT = 0.002


def c_list(values):
    return "{" + ", ".join(f"{v:.17g}" for v in values) + "}"


def table(declaration, rows):
    print(f"static const struct {declaration} = {{")
    for row in rows:
        print("    {" + ", ".join(c_list(v) if isinstance(v, (list, np.ndarray)) else f"{v:.17g}" for v in row) + "},")
    print("};")


def sample(d):
    t = stats.ttest_1samp(d, 0).confidence_interval(0.95)
    walsh = [(a + b) / 2 for a, b in itertools.combinations_with_replacement(d, 2)]
    flips = stats.permutation_test((d - SHIFT,), np.mean, permutation_type="samples", alternative="greater", n_resamples=200000, rng=np.random.default_rng(1))
    return [len(d), d, t.low, t.high, np.median(walsh), acf(d, nlags=1, fft=False)[1], flips.pvalue]


def power(effect, n, alpha):
    return TTestPower().power(effect, n, alpha, alternative="larger")


def mde(n, alpha, wanted):
    return TTestPower().solve_power(nobs=n, alpha=alpha, power=wanted, alternative="larger")


P = [0.01, 0.04, 0.03, 0.005, 0.9, 0.04, 0.0001]
print(f"/* Made by tests/data/make_paired_reference.py with SciPy {scipy.__version__}, statsmodels {statsmodels.__version__}, NumPy {np.__version__}. */")
print("/* clang-format off */")
print(f"static const double reference_shift = {SHIFT};")
table("paired_reference {\n    unsigned long n;\n    double d[64], lo, hi, hodges_lehmann, lag1, p;\n} paired_reference[]", map(sample, SAMPLES.values()))
table("t_reference {\n    double p, df, t;\n} t_reference[]", [[p, df, stats.t.ppf(p, df)] for p in (1e-6, 0.025, 0.5, 0.9, 0.995, 1 - 1e-6) for df in (1, 2, 11, 47, 1000)])
table(
    "power_reference {\n    double effect;\n    unsigned long n;\n    double alpha, power;\n} power_reference[]",
    [[e, n, a, power(e, n, a)] for e in (0, 0.3, 1, 2.5) for n in (2, 7, 12, 48) for a in (0.05, 0.01 / 3)],
)
table("mde_reference {\n    unsigned long n;\n    double alpha, power, effect;\n} mde_reference[]", [[n, a, w, mde(n, a, w)] for n in (7, 12, 24, 48) for a in (0.05, 0.01 / 3) for w in (0.8, 0.95)])
table(
    "share_reference {\n    unsigned hits, tries;\n    double lo, hi;\n} share_reference[]",
    [[k, n, *proportion_confint(k, n, 0.05, "beta")] for k, n in ((0, 300), (1, 473), (19, 20), (20, 20), (7, 31))],
)
print(f"static const double p_reference[] = {c_list(P)},\n    holm_reference[] = {c_list(multipletests(P, method='holm')[1])},")
print(f"    bh_reference[] = {c_list(multipletests(P, method='fdr_bh')[1])};")
