/* c_loop_waits.c - what waits, as promises of the core: sleepers, trees, files, and waiters whose
 * memory is read. */
#include "c_files.h"
#include "c_loop.h"
#include <stdlib.h>
#include <string.h>

static struct {
    int64_t ops, taken, done;
    struct tally tally;
    struct hist latency;
} sample;

static void record(uint64_t op, uint64_t value, int64_t ns) {
    unsigned char result[8];
    put_le64(result, value);
    hist_add(&sample.latency, ns > 0 ? (uint64_t)ns : 0);
    tally_add(&sample.tally, op, OP_HIT, result, sizeof result);
    sample.done++;
}

static void set_alarm(struct alarm *alarm, int64_t us, void (*ring)(struct alarm *)) {
    *alarm = (struct alarm){.ring = ring};
    if (cp_timer_start(&loop, &alarm->timer, cp_now() + 1000 * us) < 0)
        child_fail("out of memory for %lld timers", (long long)sample.taken);
}

/* ---- io_timer: a promise that a timer fulfils, and its reaction */

struct sleeper {
    struct cp_promise promise, reaction;
    struct alarm alarm;
    int64_t start_ns, delay_us;
    uint64_t op;
};

static void sleep_next(struct sleeper *sleeper);

static void on_awake(struct cp_promise *reaction) {
    struct sleeper *sleeper = cp_container_of(reaction, struct sleeper, reaction);
    record(sleeper->op, sleeper->op, now_ns() - sleeper->start_ns - 1000 * sleeper->delay_us);
    sleep_next(sleeper);
}

static void wake(struct alarm *alarm) {
    struct sleeper *sleeper = cp_container_of(alarm, struct sleeper, alarm);
    cp_promise_settle(&sleeper->promise, CP_FULFILLED, NULL);
}

static void sleep_next(struct sleeper *sleeper) {
    if (sample.taken == sample.ops)
        return;
    sleeper->op = (uint64_t)sample.taken++;
    sleeper->start_ns = now_ns();
    loop_then(&sleeper->promise, &sleeper->reaction, on_awake);
    set_alarm(&sleeper->alarm, sleeper->delay_us, wake);
}

/* ---- io_tree: a promise a node, whose reaction adds its value to the node above */

struct node {
    struct cp_promise promise, reaction;
    struct alarm alarm;
    struct node *above;
    struct grove *grove;
    uint64_t value;
    int left; /* children that are not there yet */
};

struct grove { /* of one op in flight */
    struct tree tree;
    struct node *nodes;
    size_t used;
    uint64_t op;
    int64_t start_ns;
};

static void grow_next(struct grove *grove);

static void on_value(struct cp_promise *reaction) {
    struct node *node = cp_container_of(reaction, struct node, reaction), *above = node->above;
    if (above) {
        above->value += node->value;
        if (--above->left == 0)
            cp_promise_settle(&above->promise, CP_FULFILLED, NULL);
        return;
    }
    record(node->grove->op, node->value, now_ns() - node->grove->start_ns);
    grow_next(node->grove);
}

static void wake_leaf(struct alarm *alarm) {
    struct node *node = cp_container_of(alarm, struct node, alarm);
    cp_promise_settle(&node->promise, CP_FULFILLED, NULL);
}

static void begin_leaf(struct node *node, uint64_t number) {
    const struct tree *tree = &node->grove->tree;
    uint32_t value = (uint32_t)((tree->seed + node->grove->op + number) & INT32_MAX);
    bool computes = tree_computes(tree, value);
    node->value = computes ? tree_compute(tree, value) : value;
    if (!computes && tree->wait_us)
        set_alarm(&node->alarm, tree->wait_us, wake_leaf);
    else
        cp_promise_settle(&node->promise, CP_FULFILLED, NULL);
}

static void begin_node(struct grove *grove, struct node *above, int depth, uint64_t first,
                       uint64_t leaves) {
    struct node *node = &grove->nodes[grove->used++];
    *node = (struct node){.above = above, .grove = grove, .left = TREE_BRANCHES};
    loop_then(&node->promise, &node->reaction, on_value);
    if (!depth) {
        begin_leaf(node, first);
        return;
    }
    leaves /= TREE_BRANCHES;
    for (uint64_t k = 0; k < TREE_BRANCHES; k++)
        begin_node(grove, node, depth - 1, first + k * leaves, leaves);
}

static void grow_next(struct grove *grove) {
    if (sample.taken == sample.ops)
        return;
    grove->op = (uint64_t)sample.taken++;
    grove->start_ns = now_ns();
    grove->used = 0;
    begin_node(grove, NULL, grove->tree.depth, 0, grove->tree.leaves);
}

/* ---- io_file, io_log: a promise that a thread of the pool fulfils, since loops have no files */

struct clerk {
    struct cp_promise promise, reaction;
    struct errand errand;
    struct file_slot *slot;
    uint64_t op, value;
    int64_t start_ns;
};

static void file_next(struct clerk *clerk);

static void on_filed(struct cp_promise *reaction) {
    struct clerk *clerk = cp_container_of(reaction, struct clerk, reaction);
    record(clerk->op, clerk->value, now_ns() - clerk->start_ns);
    file_next(clerk);
}

static void do_file(struct cp_work *work, void *worker) {
    struct clerk *clerk = cp_container_of(work, struct clerk, errand.work);
    (void)worker;
    clerk->value = files_do(clerk->slot, clerk->op);
}

static void bring_home(struct errand *errand) {
    struct clerk *clerk = cp_container_of(errand, struct clerk, errand);
    cp_promise_settle(&clerk->promise, CP_FULFILLED, NULL);
}

static void file_next(struct clerk *clerk) {
    int failed;
    if (sample.taken == sample.ops)
        return;
    clerk->op = (uint64_t)sample.taken++;
    clerk->start_ns = now_ns();
    clerk->errand = (struct errand){.work = {.run = do_file}, .home = bring_home};
    loop_then(&clerk->promise, &clerk->reaction, on_filed);
    if ((failed = cp_work_submit(&loop, &clerk->errand.work)) < 0)
        child_fail("no thread for a file: %s", strerror(-failed));
}

/* ---- mem_wait: reactions on one promise */

struct waiter {
    struct cp_promise reaction;
    uint64_t op;
    int64_t start_ns;
};

static void on_gate(struct cp_promise *reaction) {
    struct waiter *waiter = cp_container_of(reaction, struct waiter, reaction);
    record(waiter->op, waiter->op, now_ns() - waiter->start_ns);
    free(waiter);
}

static void hold(int64_t count) {
    struct cp_promise gate;
    cp_promise_init(&gate, &loop);
    for (int64_t i = 0; i < count; i++) {
        struct waiter *waiter = malloc(sizeof *waiter);
        if (!waiter)
            child_fail("out of memory for waiter %lld", (long long)i);
        *waiter = (struct waiter){.op = (uint64_t)sample.taken++, .start_ns = now_ns()};
        loop_react(&gate, &waiter->reaction, on_gate);
    }
    child_look(count);
    cp_promise_settle(&gate, CP_FULFILLED, NULL);
    cp_drain(&loop);
}

/* ---- A sample */

union flight {
    struct sleeper *sleepers;
    struct grove *groves;
    struct clerk *clerks;
};

static void make_groves(struct grove *groves, const struct args *args, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        groves[i].tree = tree_of(args);
        groves[i].nodes = loop_many((int64_t)groves[i].tree.leaves * TREE_BRANCHES / 5 + 1,
                                    sizeof *groves[i].nodes);
    }
}

static void run_sample(const struct workload *workload, union flight flight, int64_t count) {
    int64_t start = now_ns();
    sample.taken = sample.done = 0;
    sample.tally = (struct tally){0};
    memset(&sample.latency, 0, sizeof sample.latency);
    for (int64_t i = 0; i < count && workload == &io_timer; i++)
        sleep_next(&flight.sleepers[i]);
    for (int64_t i = 0; i < count && workload == &io_tree; i++)
        grow_next(&flight.groves[i]);
    for (int64_t i = 0; i < count && files_wanted(workload); i++)
        file_next(&flight.clerks[i]);
    while (workload == &mem_wait && sample.taken < sample.ops)
        hold(sample.ops - sample.taken < count ? sample.ops - sample.taken : count);
    cp_drain(&loop);
    while (sample.done < sample.ops)
        loop_step();
    child_sample(now_ns() - start, &sample.tally);
    child_latency(&sample.latency);
}

void loop_wait(const struct args *args) {
    int64_t count = args_int(args, "concurrency");
    union flight flight = {NULL};
    struct file_slot *slots = NULL;
    sample.ops = args_int(args, "ops");
    if (args->workload == &io_timer) {
        flight.sleepers = loop_many(count, sizeof *flight.sleepers);
        for (int64_t i = 0; i < count; i++)
            flight.sleepers[i].delay_us = args_int(args, "delay_us");
    } else if (args->workload == &io_tree) {
        flight.groves = loop_many(count, sizeof *flight.groves);
        make_groves(flight.groves, args, count);
    } else if (files_wanted(args->workload)) {
        flight.clerks = loop_many(count, sizeof *flight.clerks);
        slots = files_open(args, count);
        for (int64_t i = 0; i < count; i++)
            flight.clerks[i].slot = &slots[i];
    }
    child_attest();
    child_ready(0);
    while (child_wait() == CHILD_GO)
        run_sample(args->workload, flight, count);
    child_end();
    for (int64_t i = 0; i < count && args->workload == &io_tree; i++)
        free(flight.groves[i].nodes);
    if (slots)
        files_close(slots, count);
    free(flight.sleepers);
}
