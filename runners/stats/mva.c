/* mva.c - see mva.h. A station of c lanes is one queue whose server is c times as fast, and a delay of
 * the rest: alone in it a request takes its whole demand, and c at a time leave it. */
#include "mva.h"
#include <math.h>
#include <stdbool.h>

static bool in_range(double population, double think, const struct mva_station *s, size_t n,
                     double cv2) {
    bool good = population >= 1 && population <= 1e6 && think >= 0 && cv2 >= 0 && cv2 <= 1 &&
                n <= MVA_STATIONS_MAX;
    double sum = think;
    for (size_t i = 0; i < n && good; i++) {
        good = s[i].demand >= 0 && s[i].lanes > 0 && isfinite(s[i].demand);
        sum += s[i].demand;
    }
    return good && sum > 0 && isfinite(sum);
}

/* What the narrowest station lets through. */
static double most(const struct mva_station *s, size_t n) {
    double least = INFINITY;
    for (size_t i = 0; i < n; i++)
        if (s[i].demand > 0)
            least = fmin(least, s[i].lanes / s[i].demand);
    return least;
}

/* One more request: it finds the queues as they are without it. */
static struct mva step(double population, double think, const struct mva_station *s, size_t n,
                       double cv2, double *queue, double *busy) {
    double residence[MVA_STATIONS_MAX];
    struct mva m = {0, 0};
    for (size_t i = 0; i < n; i++) {
        double lanes = s[i].lanes > 1 ? s[i].lanes : 1, each = s[i].demand / s[i].lanes;
        residence[i] = each * (1 + queue[i] - busy[i] * (1 - cv2) / 2);
        m.response += residence[i] + s[i].demand * (1 - 1 / lanes);
    }
    m.throughput = fmin(population / (think + m.response), most(s, n));
    m.response = population / m.throughput - think;
    for (size_t i = 0; i < n; i++) {
        queue[i] = m.throughput * residence[i];
        busy[i] = fmin(1, m.throughput * s[i].demand / s[i].lanes);
    }
    return m;
}

struct mva mva_solve(double population, double think, const struct mva_station *stations, size_t n,
                     double cv2) {
    double queue[MVA_STATIONS_MAX] = {0}, busy[MVA_STATIONS_MAX] = {0};
    struct mva before = {NAN, NAN}, m = {NAN, NAN};
    if (!in_range(population, think, stations, n, cv2))
        return m;
    for (int k = 1; k < population + 1; k++) {
        before = m;
        m = step(k, think, stations, n, cv2, queue, busy);
    }
    if (population > floor(population)) {
        double part = population - floor(population);
        m.throughput = before.throughput + part * (m.throughput - before.throughput);
        m.response = before.response + part * (m.response - before.response);
    }
    return m;
}
