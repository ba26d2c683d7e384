/* mva.h - a closed queueing network: so many requests are always under way, each thinks (waits for
 * others), then passes stations that do so many at a time. Mean value analysis: Reiser and Lavenberg,
 * JACM 27 (1980), p. 313; stations with several lanes as in Seidmann, Schweitzer and Shalev-Oren, Large
 * Scale Systems 12 (1987), p. 91; service times that vary less than exponential ones by their residual
 * life: Reiser, IEEE Transactions on Communications 27 (1979), p. 1199. */
#ifndef GILBENCH_MVA_H
#define GILBENCH_MVA_H

#include <stddef.h>

enum { MVA_STATIONS_MAX = 4 };

/* Times of all kinds have one unit, the caller's. */
struct mva_station {
    double demand; /* time of a lane for one request; 0: none */
    double
        lanes; /* how many it serves at a time, 1 and more; a fraction is a lane that is shared */
};

struct mva {
    double throughput; /* requests per unit of time */
    double response;   /* time at the stations, queues included, without thinking */
};

/* `population` requests, 1 and more; a fraction is interpolated. cv2: the squared coefficient of
 * variation of service times, 1 for exponential ones, 0 for constant ones. Exact for cv2 = 1 and
 * stations of one lane; else an approximation, which is kept to what the stations can do. NAN where an argument is out of range. Takes population * n steps. */
struct mva mva_solve(double population, double think, const struct mva_station *stations, size_t n,
                     double cv2);

#endif
