/* schedule.c - see schedule.h. */
#include "schedule.h"
#include "../stats/stats.h"
#include "spawn.h"

enum { PAD_STEP = 16, PAIRS_LEAST = 7 };

static struct rng rng_for(const struct ab_plan *plan, int stage, int benchmark, int index) {
    struct rng rng = {plan->seed};
    rng.state ^= rng_next(&rng) + (uint64_t)stage;
    rng.state ^= rng_next(&rng) + (uint64_t)benchmark;
    rng.state ^= rng_next(&rng) + (uint64_t)index;
    rng_next(&rng);
    return rng;
}

static void make_order(char *order, int arms, int slices, struct rng *rng) {
    int block[AB_ARMS], used = 0;
    for (int b = 0; b < slices / 2; b++) {
        for (int i = 0; i < arms; i++)
            block[i] = i;
        rng_shuffle(rng, block, (size_t)arms);
        for (int i = 0; i < 2 * arms; i++)
            order[used++] = (char)('A' + block[i < arms ? i : 2 * arms - 1 - i]);
    }
    order[used] = '\0';
}

/* Every build of an arm comes as often as any other, and meets every build of the other arms. */
static void choose_builds(struct ab_pair *pair, const int builds[AB_ARMS], struct rng start) {
    int round = pair->index;
    for (int arm = 0; arm < AB_ARMS; arm++) {
        int n = builds[arm] > 0 ? builds[arm] : 1, offset = (int)rng_below(&start, (uint64_t)n);
        pair->builds[arm] = (pair->index + (arm ? arm * (round / n) : 0) + offset) % n;
    }
}

void schedule_pair(struct ab_pair *pair, const struct ab_plan *plan, const int builds[AB_ARMS],
                   int cores, int benchmark) {
    struct rng rng = rng_for(plan, pair->stage, benchmark, pair->index);
    struct rng start = rng_for(plan, pair->stage, benchmark, -1);
    choose_builds(pair, builds, start);
    pair->first_core = (int)((rng_next(&start) + (uint64_t)pair->index) % (uint64_t)cores);
    pair->hash_seed = 1 + rng_below(&rng, 4294967295u);
    pair->pad_b = (unsigned)(PAD_STEP * (1 + rng_below(&rng, GB_PAD_MAX / PAD_STEP)));
    make_order(pair->order, plan->arms, plan->slices, &rng);
}

void schedule_benchmarks(int *order, int n, const struct ab_plan *plan, int stage, int index) {
    struct rng rng = rng_for(plan, stage, -1, index);
    for (int i = 0; i < n; i++)
        order[i] = i;
    rng_shuffle(&rng, order, (size_t)n);
}

int schedule_pairs_needed(double alpha, int looks, int benchmarks) {
    double share = alpha / looks / (benchmarks > 0 ? benchmarks : 1), p = 1;
    int n = 0;
    while (p > share && n < 64) {
        p /= 2;
        n++;
    }
    return n > PAIRS_LEAST ? n : PAIRS_LEAST;
}
