/* changes.c - see changes.h. */
#include "changes.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct split {
    size_t at;
    double q;
};

struct search {
    double alpha;
    int draws;
    struct rng rng;
    double *shuffled;
    size_t *at;
    int found;
};

/* Sum of the distances of x[from..to) to v. */
static double distances(const double *x, size_t from, size_t to, double v) {
    double sum = 0;
    for (size_t i = from; i < to; i++)
        sum += fabs(x[i] - v);
    return sum;
}

/* m k / (m + k) times the energy distance of two sides, from the sums over pairs within and
 * between. */
static double energy(double left, double right, double between, double m, double k) {
    double distance = 2 * between / (m * k) - 2 * left / (m * (m - 1)) - 2 * right / (k * (k - 1));
    return m * k / (m + k) * distance;
}

/* The split with the largest q. Each step moves one value to the left, which changes the sums by
 * its own distances alone. */
static struct split best_split(const double *x, size_t n) {
    struct split best = {0, -INFINITY};
    double left = 0, right = 0, between = 0;
    for (size_t i = 0; i < n; i++)
        right += distances(x, 0, i, x[i]);
    for (size_t m = 1; m + CHANGES_LEAST <= n; m++) {
        double before = distances(x, 0, m - 1, x[m - 1]), after = distances(x, m, n, x[m - 1]);
        left += before;
        right -= after;
        between += after - before;
        if (m < CHANGES_LEAST)
            continue;
        double q = energy(left, right, between, (double)m, (double)(n - m));
        if (q > best.q)
            best = (struct split){m, q};
    }
    return best;
}

static void shuffle(struct rng *rng, double *x, size_t n) {
    for (size_t left = n; left > 1; left--) {
        size_t pick = (size_t)rng_below(rng, left);
        double item = x[pick];
        x[pick] = x[left - 1];
        x[left - 1] = item;
    }
}

/* Sums in another order differ in their last bits: equal within 1e-9 counts as reached, which
 * errs towards no change. Ends as soon as alpha is out of reach. */
static bool is_significant(struct search *s, const double *x, size_t n, double q) {
    int reached = 1;
    memcpy(s->shuffled, x, n * sizeof *x);
    for (int i = 0; i < s->draws; i++) {
        shuffle(&s->rng, s->shuffled, n);
        reached += best_split(s->shuffled, n).q >= q - 1e-9 * fabs(q);
        if (reached > s->alpha * (s->draws + 1) * (1 + 1e-12))
            return false;
    }
    return true;
}

/* The left side is divided first, so the changes come out in order. */
static void divide(struct search *s, const double *x, size_t from, size_t to) {
    struct split split;
    if (to - from < 2 * CHANGES_LEAST)
        return;
    split = best_split(x + from, to - from);
    if (!is_significant(s, x + from, to - from, split.q))
        return;
    divide(s, x, from, from + split.at);
    s->at[s->found++] = from + split.at;
    divide(s, x, from + split.at, to);
}

int changes_find(const double *x, size_t n, double alpha, int draws, uint64_t seed, size_t *at) {
    struct search s = {.alpha = alpha, .draws = draws, .rng = {seed}, .at = at};
    if (draws < 1 || !(alpha * (draws + 1.0) * (1 + 1e-12) >= 1))
        return -1;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return -1;
    if (n < 2 * CHANGES_LEAST)
        return 0;
    s.shuffled = malloc(n * sizeof *x);
    if (!s.shuffled)
        return -1;
    divide(&s, x, 0, n);
    free(s.shuffled);
    return s.found;
}
