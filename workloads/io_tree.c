/* io_tree.c - a tree of tasks, each of which waits for its six children: pyperformance's async_tree
 * with leaves that C and JavaScript can compute as well. An op is a whole tree; its result is the
 * sum of its leaves. */
#include "workload.h"
#include <stdlib.h>

static const struct param params[] = {
    {"depth", 4, 0, 8, "levels below the root: 6^depth leaves"},
    {"wait_us", 0, 0, 60000000, "how long a leaf sleeps, us; 0: not at all"},
    {"cpu_percent", 0, 0, 100, "of the leaves take steps of the LCG instead"},
    {"steps", 1000, 1, 1000000, "of the LCG, in such a leaf"},
    {NULL, 0, 0, 0, NULL},
};

bool tree_computes(const struct tree *tree, uint32_t value) {
    return (uint64_t)lcg(value) * 100 >> 31 < tree->cpu_percent;
}

uint32_t tree_compute(const struct tree *tree, uint32_t value) {
    for (uint64_t i = 0; i < tree->steps; i++)
        value = lcg(value);
    return value;
}

struct tree tree_of(const struct args *args) {
    struct tree tree = {.seed = (uint64_t)args_int(args, "seed"),
                        .steps = (uint64_t)args_int(args, "steps"),
                        .cpu_percent = (uint64_t)args_int(args, "cpu_percent"),
                        .wait_us = args_int(args, "wait_us"),
                        .depth = (int)args_int(args, "depth"),
                        .leaves = 1};
    for (int level = 0; level < tree.depth; level++)
        tree.leaves *= TREE_BRANCHES;
    return tree;
}

static void *setup(const struct args *args) {
    struct tree *tree = malloc(sizeof *tree);
    if (tree)
        *tree = tree_of(args);
    return tree;
}

static enum op_class op(const void *state, uint64_t id, unsigned char *result, size_t *size) {
    const struct tree *tree = state;
    uint64_t sum = 0;
    for (uint64_t k = 0; k < tree->leaves; k++) {
        uint32_t value = (uint32_t)((tree->seed + id + k) & INT32_MAX);
        sum += tree_computes(tree, value) ? tree_compute(tree, value) : value;
    }
    put_le64(result, sum);
    *size = 8;
    return OP_HIT;
}

static int64_t least_ns(const struct args *args) {
    if (args_int(args, "cpu_percent") > 0) /* perhaps of all leaves */
        return 0;
    return least_ns_of_sleeps(args, args_int(args, "wait_us"));
}

const struct workload io_tree = {
    .name = "io_tree",
    .kind = "wait",
    .about = "a tree of tasks that wait for their children: what a scheduler costs",
    .params = params,
    .setup = setup,
    .op = op,
    .least_ns = least_ns,
};
