/* line.c - see line.h. Sums are taken about the means, so that large x cost no digits. */
#include "line.h"
#include "student.h"
#include <math.h>

struct line stats_line(const double *x, const double *y, size_t n) {
    double mx = stats_mean(x, n), my = stats_mean(y, n), xx = 0, xy = 0, yy = 0, rest = 0;
    struct line line = {NAN, NAN, NAN, NAN, NAN, NAN, n};
    for (size_t i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        xy += (x[i] - mx) * (y[i] - my);
        yy += (y[i] - my) * (y[i] - my);
    }
    if (n < 2 || !(xx > 0))
        return line;
    line.b = xy / xx;
    line.a = my - line.b * mx;
    for (size_t i = 0; i < n; i++) {
        double error = y[i] - line.a - line.b * x[i];
        rest += error * error;
    }
    line.r2 = yy > 0 ? 1 - rest / yy : NAN;
    if (n > 2) {
        line.sd = sqrt(rest / (double)(n - 2));
        line.b_se = line.sd / sqrt(xx);
        line.a_se = line.sd * sqrt(1 / (double)n + mx * mx / xx);
    }
    return line;
}

static struct interval t_interval(double value, double se, size_t n, double level) {
    double reach = n > 2 ? stats_t_quantile((1 + level) / 2, (double)(n - 2)) * se : NAN;
    return (struct interval){value, value - reach, value + reach};
}

struct interval stats_line_slope(const struct line *line, double level) {
    return t_interval(line->b, line->b_se, line->n, level);
}

struct interval stats_line_intercept(const struct line *line, double level) {
    return t_interval(line->a, line->a_se, line->n, level);
}
