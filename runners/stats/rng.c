/* rng.c - see stats.h. */
#include "stats.h"

uint64_t rng_next(struct rng *rng) {
    uint64_t z = rng->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Of the 2^64 numbers, the first 2^64 mod bound would make some results likelier: they are drawn
 * again. */
uint64_t rng_below(struct rng *rng, uint64_t bound) {
    unsigned __int128 product = (unsigned __int128)rng_next(rng) * bound;
    while ((uint64_t)product < bound && (uint64_t)product < (0 - bound) % bound)
        product = (unsigned __int128)rng_next(rng) * bound;
    return (uint64_t)(product >> 64);
}

void rng_shuffle(struct rng *rng, int *items, size_t n) {
    for (size_t left = n; left > 1; left--) {
        size_t pick = (size_t)rng_below(rng, left);
        int item = items[pick];
        items[pick] = items[left - 1];
        items[left - 1] = item;
    }
}
