/* fake.c - an adapter that does no work and says what it is told to: for the tests of the driver.
 *
 * Its behaviour is the variant: `good`, or one of the ways to be wrong that the table names. The
 * digest is the reference's, and the `ns` of a sample a fixed function of the sample's number, so
 * that whatever the driver makes of them can be predicted. Variant `spin` is the exception: it works,
 * on a core, for as long as its ops take, and what else it does is written in a file fake.conf beside
 * the program, so that one build can be made slower or worse than another:
 *
 *   pad=50 how=bad_digest stall_ms=3     5 % more work; a behaviour of the table; idle 3 ms a sample
 */
#include "../load/child.h"
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SPIN_STEPS = 10000 };

/* Past the wire's own functions, which say only what is right. */
static void say_raw(const char *text) {
    ssize_t n = write(atoi(getenv("GILBENCH_OUT")), text, strlen(text));
    (void)n;
}

static void hang(void) {
    for (;;)
        pause();
}

static void crash(void) {
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
}

static void leave(void) {
    exit(3);
}

static void be_slow(void) {
    usleep(200000);
}

static void say_garbage(void) {
    say_raw("sample ns=oops \x01\xff\n");
}

/* A line longer than the wire allows, and no end of it. */
static void say_too_much(void) {
    for (int i = 0; i < 10000; i++)
        say_raw("0123456789");
}

static void say_bye(void) {
    say_raw("bye\n");
}

static void fail(void) {
    child_fail("the fake was asked to fail");
}

/* Leaves the cores it was given; where the machine has no other, there is nowhere to go. */
static void unpin(void) {
    cpu_set_t all;
    memset(&all, 0xff, sizeof all);
    sched_setaffinity(0, sizeof all, &all);
}

/* Goes to a core that it was not given, where there is one. */
static void go_elsewhere(void) {
    cpu_set_t given, other;
    sched_getaffinity(0, sizeof given, &given);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        CPU_ZERO(&other);
        CPU_SET(cpu, &other);
        if (!CPU_ISSET(cpu, &given) && sched_setaffinity(0, sizeof other, &other) == 0)
            return;
    }
}

/* Until so much memory is resident in all, as the kernel counts it. */
static void fill_to(long bytes) {
    long page = sysconf(_SC_PAGESIZE), pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    char *memory;
    if (!file || fscanf(file, "%*d %ld", &pages) != 1)
        child_fail("/proc/self/statm cannot be read");
    fclose(file);
    memory = malloc((size_t)(bytes - pages * page));
    if (!memory)
        child_fail("out of memory");
    memset(memory, 1, (size_t)(bytes - pages * page));
    __asm__ volatile("" : : "r"(memory) : "memory");
    free(memory);
}

static void be_big(void) {
    fill_to(200L << 20);
}

static void be_small(void) {
    fill_to(20L << 20);
}

static void spoil_digest(struct tally *tally) {
    tally->digest ^= 1;
}

static void drop_op(struct tally *tally) {
    tally->ops--;
    tally->hit--;
}

#define ATTEST(gil, loop)                                                                          \
    "attest gil=" gil " runtime=c loop=" loop " interp=0 affinity=0 build=none start_method=none " \
    "pid=1\n"

/* Ways to say that all ops were done which were not: the right number, the wrong ones. */
enum cheat { HONEST, OTHER_SEED, LEAVES_OUT, REPEATS, OTHER_OPS, RENUMBERS };

/* NULL: as a good adapter does. */
struct behaviour {
    const char *name;
    enum cheat cheat;
    void (*before_ready)(void);
    const char *attest;
    void (*before_sample)(void);
    void (*spoil)(struct tally *tally);
};

static const struct behaviour behaviours[] = {
    {.name = "good"},
    {.name = "spin"},
    {.name = "slow", .before_sample = be_slow},
    {.name = "bad_digest", .spoil = spoil_digest},
    {.name = "short", .spoil = drop_op},
    {.name = "crash", .before_sample = crash},
    {.name = "exit", .before_sample = leave},
    {.name = "hang", .before_sample = hang},
    {.name = "hang_early", .before_ready = hang},
    {.name = "garbage", .before_sample = say_garbage},
    {.name = "overlong", .before_sample = say_too_much},
    {.name = "no_sample", .before_sample = say_bye},
    {.name = "fail", .before_sample = fail},
    {.name = "unpinned", .before_ready = unpin},
    {.name = "wrong_cpu", .before_ready = go_elsewhere},
    {.name = "big", .before_ready = be_big},
    {.name = "small", .before_ready = be_small},
    {.name = "wrong_loop", .attest = ATTEST("none", "some.OtherLoop")},
    {.name = "other_seed", .cheat = OTHER_SEED},
    {.name = "leaves_out", .cheat = LEAVES_OUT},
    {.name = "repeats", .cheat = REPEATS},
    {.name = "other_ops", .cheat = OTHER_OPS},
    {.name = "renumbers", .cheat = RENUMBERS},
    {.name = "wrong_gil", .attest = ATTEST("off", "none")},
};

static const struct behaviour *find_behaviour(const char *model) {
    const char *colon = strchr(model, ':'), *name = colon ? colon + 1 : "good";
    for (size_t i = 0; i < sizeof behaviours / sizeof *behaviours; i++)
        if (!strcmp(behaviours[i].name, name))
            return &behaviours[i];
    fprintf(stderr, "the fake knows no behaviour '%s'\n", name);
    exit(2);
}

/* ---- spin */

struct conf {
    const struct behaviour *how;
    long pad, stall_ms; /* pad: thousandths of the work more */
};

static struct conf read_conf(const char *program) {
    struct conf conf = {.how = &behaviours[0]};
    char path[4096], word[64];
    const char *slash = strrchr(program, '/');
    FILE *file;
    snprintf(path, sizeof path, "%.*s/fake.conf", slash ? (int)(slash - program) : 1,
             slash ? program : ".");
    if (!(file = fopen(path, "r")))
        return conf;
    while (fscanf(file, "%63s", word) == 1) {
        if (!strncmp(word, "pad=", 4))
            conf.pad = strtol(word + 4, NULL, 10);
        else if (!strncmp(word, "stall_ms=", 9))
            conf.stall_ms = strtol(word + 9, NULL, 10);
        else if (!strncmp(word, "how=", 4)) {
            word[3] = ':';
            conf.how = find_behaviour(word);
        }
    }
    fclose(file);
    return conf;
}

/* Kept out of line and free of memory, so that its cost is its instructions. */
static __attribute__((noinline)) uint32_t spin(int64_t steps) {
    uint32_t x = 1;
    for (int64_t i = 0; i < steps; i++)
        x = lcg(x);
    return x;
}

static void spin_sample(const struct conf *conf, struct tally tally, int64_t ops) {
    struct hist latency = {{0}};
    int64_t start = now_ns(), ns;
    if (conf->how->before_sample)
        conf->how->before_sample();
    __asm__ volatile("" : : "r"(spin(ops * SPIN_STEPS + ops * SPIN_STEPS / 1000 * conf->pad)));
    if (conf->stall_ms)
        usleep((unsigned)(1000 * conf->stall_ms));
    ns = now_ns() - start;
    if (conf->how->spoil)
        conf->how->spoil(&tally);
    for (int64_t i = 0; i < tally.ops; i++)
        hist_add(&latency, (uint64_t)(ns / tally.ops));
    child_sample(ns, &tally);
    child_latency(&latency);
}

/* ---- Cheating: what an adapter would say that did its ops, but not those that it was given */

/* The op that is done where op `id` should be, of `ops`. */
static uint64_t in_its_place(enum cheat cheat, uint64_t id, uint64_t ops) {
    switch (cheat) {
    case REPEATS:
        return id + 1 == ops ? 0 : id;
    case OTHER_OPS:
        return id + ops;
    case RENUMBERS:
        return (id + 1) % ops;
    default:
        return id;
    }
}

/* The command line with the seed after the one that was given. */
static struct args of_another_seed(struct args args) {
    static char seed[32], *words[64];
    int count = args.count < 63 ? args.count : 63;
    snprintf(seed, sizeof seed, "seed=%lld", (long long)args_int(&args, "seed") + 1);
    words[0] = seed; /* the first counts */
    memcpy(words + 1, args.words, (size_t)count * sizeof *words);
    args.words = words;
    args.count = count + 1;
    return args;
}

static struct tally expected(struct args args, enum cheat cheat) {
    static unsigned char result[OP_RESULT_MAX];
    const struct workload *workload = args.workload;
    int64_t ops = args_int(&args, "ops");
    struct tally tally = {0};
    size_t size;
    void *state;
    if (cheat == OTHER_SEED)
        args = of_another_seed(args);
    if (!(state = workload->setup(&args)))
        child_fail("out of memory for the workload");
    if (workload->reset)
        workload->reset(state);
    for (uint64_t id = cheat == LEAVES_OUT; id < (uint64_t)ops; id++) {
        uint64_t done = in_its_place(cheat, id, (uint64_t)ops);
        enum op_class class = workload->op(state, done, result, &size);
        tally_add(&tally, cheat == RENUMBERS ? id : done, class, result, size);
    }
    tally_settle(&tally, workload, state, ops, result);
    free(state);
    if (cheat != HONEST) { /* and is not so foolish as to count them right */
        tally.hit += ops - tally.ops;
        tally.ops = ops;
        tally.lost = 0;
    }
    return tally;
}

/* A sample takes 1 ms, and 10 us more each time; its ops 1 to 10 us. */
static void sample(const struct behaviour *how, struct tally tally, int number) {
    struct hist latency = {{0}};
    if (how->before_sample)
        how->before_sample();
    if (how->spoil)
        how->spoil(&tally);
    for (int64_t i = 0; i < tally.ops; i++)
        hist_add(&latency, 1000 + (uint64_t)(i % 10) * 1000);
    child_sample(1000000 + 10000 * number, &tally);
    child_latency(&latency);
}

static const struct param own[] = {
    {"store_port", 0, 0, 65535, "of a store that it does not ask"},
    {NULL, 0, 0, 0, NULL},
};

int main(int argc, char **argv) {
    struct child_args cmd = child_args(argc, argv, own);
    const struct behaviour *how = find_behaviour(cmd.model);
    struct tally tally = expected(cmd.args, how->cheat);
    bool spins = !strcmp(how->name, "spin");
    struct conf conf = read_conf(argv[0]);
    int64_t ops = tally.ops;
    if (spins)
        how = conf.how;
    child_begin();
    if (how->before_ready)
        how->before_ready();
    if (how->attest)
        say_raw(how->attest);
    else
        child_attest();
    child_ready(0);
    for (int number = 0; child_wait() == CHILD_GO; number++)
        if (spins)
            spin_sample(&conf, tally, ops);
        else
            sample(how, tally, number);
    child_end();
    return 0;
}
