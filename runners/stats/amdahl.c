/* amdahl.c - see amdahl.h. With x = 1 - 1/n and y = 1/S - 1/n the law is the line y = s x through
 * the origin. */
#include "amdahl.h"
#include <math.h>

double stats_serial_fraction(const double *workers, const double *speedup, size_t n) {
    double xx = 0, xy = 0;
    for (size_t i = 0; i < n; i++) {
        double x = 1 - 1 / workers[i], y = 1 / speedup[i] - 1 / workers[i];
        if (!(workers[i] > 1) || !(speedup[i] > 0))
            continue;
        xx += x * x;
        xy += x * y;
    }
    return xx > 0 ? xy / xx : NAN;
}
