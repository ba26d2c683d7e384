/* line.h - a straight line through points, by least squares (Draper and Smith 1998, ch. 1). */
#ifndef GILBENCH_LINE_H
#define GILBENCH_LINE_H

#include "stats.h"

/* y = a + b x, with the standard errors of both, the residual standard deviation and the share of
 * the variance of y that the line explains. */
struct line {
    double a, b, a_se, b_se, sd, r2;
    size_t n;
};

/* Two points and more, not all with the same x, else all NAN. Of two points the errors are NAN: the
 * line goes through both. r2 is NAN where all y are equal. */
struct line stats_line(const double *x, const double *y, size_t n);

/* The slope and the intercept with the t interval that their errors give: n - 2 degrees of freedom.
 */
struct interval stats_line_slope(const struct line *line, double level);
struct interval stats_line_intercept(const struct line *line, double level);

#endif
