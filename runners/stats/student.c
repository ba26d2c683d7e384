/* student.c - see student.h. */
#include "student.h"
#include <math.h>

enum { TERMS = 1000, HALVINGS = 200 };

/* The continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8), by Lentz'
 * method. */
static double beta_fraction(double a, double b, double x) {
    double c = 1, d = 1 - (a + b) * x / (a + 1), h;
    d = 1 / (fabs(d) < 1e-300 ? 1e-300 : d);
    h = d;
    for (int m = 1; m < TERMS; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
               odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), step;
        d = 1 / (1 + even * d);
        c = 1 + even / c;
        h *= d * c;
        d = 1 / (1 + odd * d);
        c = 1 + odd / c;
        h *= step = d * c;
        if (fabs(step - 1) < 1e-15)
            break;
    }
    return h;
}

/* Of the whole beta function, the part below x. */
static double incomplete_beta(double a, double b, double x) {
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a
                                     : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/* ---- Student's t */

static double t_below(double t, double df) {
    double tail = incomplete_beta(df / 2, 0.5, df / (df + t * t)) / 2;
    return t < 0 ? tail : 1 - tail;
}

double stats_t_quantile(double p, double df) {
    double low = -1, high = 1;
    if (!(p > 0 && p < 1 && df >= 1))
        return NAN;
    if (p == 0.5)
        return 0;
    while (t_below(low, df) > p && low > -1e12)
        low *= 2;
    while (t_below(high, df) < p && high < 1e12)
        high *= 2;
    for (int i = 0; i < HALVINGS && high - low > 1e-14 * fabs(high); i++) {
        double middle = (low + high) / 2;
        if (t_below(middle, df) < p)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

/* ---- With an effect */

/* P(T < t) for t > 0 and noncentrality d >= 0, as a sum over Poisson weights that starts at their
 * largest, where nothing underflows. */
static double noncentral_below(double t, double df, double d) {
    double x = t * t / (t * t + df), half = d * d / 2, sum = 0;
    int middle = (int)half;
    for (int side = 0; side < 2; side++)
        for (int k = side ? middle - 1 : middle; k >= 0 && k < middle + TERMS; k += side ? -1 : 1) {
            double p = half > 0 ? exp(-half + k * log(half) - lgamma(k + 1)) : k == 0,
                   q = d / M_SQRT2 *
                       (half > 0 ? exp(-half + k * log(half) - lgamma(k + 1.5)) : k == 0),
                   term = p * incomplete_beta(k + 0.5, df / 2, x) +
                          q * incomplete_beta(k + 1, df / 2, x);
            sum += term;
            if (term < 1e-16 && p < 1e-16)
                break;
        }
    return erfc(d / M_SQRT2) / 2 + sum / 2;
}

double stats_t_power(double effect, size_t n, double alpha) {
    double t = n < 2 ? NAN : stats_t_quantile(1 - alpha, (double)n - 1);
    if (!(effect >= 0) || !(t > 0))
        return NAN;
    return 1 - noncentral_below(t, (double)n - 1, effect * sqrt((double)n));
}

double stats_mde(double sd, size_t n, double alpha, double power) {
    double low = 0, high = 1;
    if (!(sd >= 0 && n >= 2 && alpha > 0 && alpha < power && power < 1))
        return NAN;
    while (stats_t_power(high, n, alpha) < power && high < 1e6)
        high *= 2;
    for (int i = 0; i < HALVINGS && high - low > 1e-10 * high; i++) {
        double middle = (low + high) / 2;
        if (stats_t_power(middle, n, alpha) < power)
            low = middle;
        else
            high = middle;
    }
    return high * sd;
}

/* ---- Shares */

/* The x below which a share p of the beta distribution lies. */
static double beta_quantile(double p, double a, double b) {
    double low = 0, high = 1;
    for (int i = 0; i < HALVINGS && high - low > 1e-16; i++) {
        double middle = (low + high) / 2;
        if (incomplete_beta(a, b, middle) < p)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

struct interval stats_share(unsigned hits, unsigned tries, double level) {
    double k = hits, n = tries, tail = (1 - level) / 2;
    if (hits > tries || !(level > 0 && level < 1))
        return (struct interval){NAN, NAN, NAN};
    return (struct interval){tries ? k / n : NAN, hits ? beta_quantile(tail, k, n - k + 1) : 0,
                             hits < tries ? beta_quantile(1 - tail, k + 1, n - k) : 1};
}
