/* amdahl.h - the serial share of work, from how it speeds up (Amdahl 1967). */
#ifndef AMDAHL_H
#define AMDAHL_H

#include <stddef.h>

/* The s of S(n) = 1 / (s + (1 - s) / n) that is nearest, by least squares of 1/S, to the points
 * (workers[i], speedup[i]); points with one worker say nothing. 0: perfect; 1: no gain; above 1:
 * workers cost more than they give; below 0: better than perfect. NAN without a point that says
 * something. */
double stats_serial_fraction(const double *workers, const double *speedup, size_t n);

#endif
