/* reference.c - the register of workloads for the driver, and the answers by which every other
 * implementation is judged.
 *
 *   reference list                          name kind about, a line each
 *   reference params WORKLOAD               key standard about, a line each
 *   reference digest WORKLOAD key=value...  digest=HEX16 hit=N miss=N error=N least_ns=N
 *   reference selftest                      compares itself with answers known from elsewhere */
#include "workload.h"
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char result[OP_RESULT_MAX];

static const char usage[] = "usage: reference list\n"
                            "       reference params WORKLOAD\n"
                            "       reference digest WORKLOAD [key=value...]\n"
                            "       reference selftest\n";

static const struct workload *find_or_complain(const char *name) {
    const struct workload *found = workload_find(name);
    if (found)
        return found;
    fprintf(stderr, "unknown workload '%s'; there are:", name);
    for (const struct workload *const *w = workloads; *w; w++)
        fprintf(stderr, " %s", (*w)->name);
    fputs("\n", stderr);
    return NULL;
}

static void *setup_or_exit(const struct args *args) {
    void *state = args->workload->setup(args);
    if (state)
        return state;
    fputs("reference: out of memory\n", stderr);
    exit(1);
}

/* ---- The register */

static int list(void) {
    for (const struct workload *const *w = workloads; *w; w++)
        printf("%s %s %s\n", (*w)->name, (*w)->kind, (*w)->about);
    return 0;
}

static void print_params(const struct workload *workload, const struct param *params) {
    for (; params->key; params++) {
        const char *const *words = param_words(workload, params->key);
        if (words)
            printf("%s %s %s\n", params->key, words[params->standard], params->about);
        else
            printf("%s %" PRId64 " %s\n", params->key, params->standard, params->about);
    }
}

static int print_all_params(const char *name) {
    const struct workload *workload = find_or_complain(name);
    if (!workload)
        return 2;
    print_params(workload, common_params);
    print_params(workload, workload->params);
    return 0;
}

/* ---- The digest */

static int digest(const char *name, char **words, int count) {
    struct args args = {find_or_complain(name), NULL, words, count};
    struct tally tally;
    char message[400];
    void *state;
    if (!args.workload)
        return 2;
    if (args_check(&args, message, sizeof message) < 0) {
        fprintf(stderr, "%s\n", message);
        return 2;
    }
    state = setup_or_exit(&args);
    tally = tally_run(args.workload, state, args_int(&args, "ops"), result);
    free(state);
    printf("digest=%016" PRIx64 " hit=%" PRId64 " miss=%" PRId64 " error=%" PRId64
           " least_ns=%" PRId64 "\n",
           tally.digest, tally.hit, tally.miss, tally.error,
           args.workload->least_ns ? args.workload->least_ns(&args) : 0);
    return 0;
}

/* ---- The self-test: known answers, got from the workloads themselves */

static unsigned count_queens(char *n) {
    struct args args = {&cpu_queens, NULL, (char *[]){n}, 1};
    void *state = setup_or_exit(&args);
    unsigned total = 0;
    size_t size;
    for (uint64_t id = 0; id < (uint64_t)args_int(&args, "n"); id++) {
        cpu_queens.op(state, id, result, &size);
        total += result[0] + 256u * result[1];
    }
    free(state);
    return total;
}

static bool queens_are_right(void) {
    return count_queens((char[]){"n=8"}) == 92 && count_queens((char[]){"n=9"}) == 352 &&
           count_queens((char[]){"n=10"}) == 724;
}

/* Without a buffer, the op whose number reads "gilbench" is the chain of 1000 digests that starts
 * with SHA-256("gilbench"). */
static bool sha256_is_right(void) {
    struct args args = {&cpu_sha256, NULL, (char *[]){"bytes=0", "links=1000"}, 2};
    void *state = setup_or_exit(&args);
    char text[65];
    size_t size;
    cpu_sha256.op(state, 0x68636e65626c6967u, result, &size);
    free(state);
    for (int i = 0; i < 32; i++)
        snprintf(text + 2 * i, 3, "%02x", result[i]);
    return size == 32 &&
           !strcmp(text, "f61ec23d76b258605d544dab141cfc815bb3d433ee0069afd082a1c257ebbb14");
}

/* Bytes 8 at to 8 at + 7 of the result of an op, as a number. */
static uint64_t answer(const struct workload *workload, char **words, int count, uint64_t id,
                       int at) {
    struct args args = {workload, NULL, words, count};
    void *state = setup_or_exit(&args);
    uint64_t value = 0;
    size_t size;
    workload->op(state, id, result, &size);
    for (int i = 0; i < 8; i++)
        value |= (uint64_t)result[8 * at + i] << (8 * i);
    free(state);
    return value;
}

static bool fib_is_right(void) {
    return answer(&cpu_fib, (char *[]){"n=27"}, 1, 0, 0) == 196418 &&
           answer(&cpu_fib, (char *[]){"n=30"}, 1, 1, 0) == 832040 &&
           answer(&cpu_fib, (char *[]){"n=32"}, 1, 2, 0) == 2178309;
}

static bool primes_are_right(void) {
    return answer(&cpu_primes, (char *[]){"limit=20000"}, 1, 0, 0) == 2262 &&
           answer(&cpu_primes, (char *[]){"limit=200000"}, 1, 0, 0) == 17984;
}

static bool mandel_is_right(void) {
    uint64_t sum = 0;
    for (uint64_t row = 0; row < 32; row++)
        sum += answer(&cpu_mandel, (char *[]){"size=32", "iterations=50"}, 2, row, 0);
    return sum == 17888;
}

static double energy(int at) {
    uint64_t bits = answer(&cpu_nbody, (char *[]){"steps=1000", "seed=643"}, 2, 0, at);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Seed 643 gives op 0 no push. */
static bool nbody_is_right(void) {
    return fabs(energy(0) + 0.169075164) < 5e-10 && fabs(energy(1) + 0.169087605) < 5e-10;
}

static bool zlib_is_right(void) {
    unsigned char data[4096], trailer[8];
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(31 * i + 7);
    return gzip_round_trip(data, sizeof data, trailer) == 0 &&
           !memcmp(trailer, "\xe3\x4e\x1c\x5d\x00\x10\x00\x00", 8);
}

static bool lcg_is_right(void) {
    uint32_t x = 42;
    for (int i = 0; i < 10000; i++)
        x = lcg(x);
    return x == 934946010;
}

/* The test vectors of FNV's authors for the empty string and for "foobar". */
static bool fnv_is_right(void) {
    return fnv1a64(FNV_START, "", 0) == 0xcbf29ce484222325u &&
           fnv1a64(FNV_START, "foobar", 6) == 0x85944171f73967e8u;
}

/* The crc32 of 4096 bytes (31 i + 7) mod 256, as every library computes it. */
static bool crc_is_right(void) {
    file_bytes(0, 4096, result);
    for (int i = 0; i < 8; i++)
        result[i] = (unsigned char)(31 * i + 7);
    return file_sum(result, 4096) == 0x5d1c4ee3;
}

static int selftest(void) {
    const struct {
        const char *name;
        bool right;
    } tests[] = {{"queens", queens_are_right()}, {"sha256", sha256_is_right()},
                 {"fib", fib_is_right()},        {"primes", primes_are_right()},
                 {"mandel", mandel_is_right()},  {"nbody", nbody_is_right()},
                 {"zlib", zlib_is_right()},      {"lcg", lcg_is_right()},
                 {"fnv", fnv_is_right()},        {"crc", crc_is_right()}};
    int wrong = 0;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        printf("%s %s\n", tests[i].name, tests[i].right ? "ok" : "WRONG");
        wrong |= !tests[i].right;
    }
    return wrong;
}

int main(int argc, char **argv) {
    const char *verb = argc > 1 ? argv[1] : "";
    if (argc == 2 && !strcmp(verb, "list"))
        return list();
    if (argc == 2 && !strcmp(verb, "selftest"))
        return selftest();
    if (argc == 3 && !strcmp(verb, "params"))
        return print_all_params(argv[2]);
    if (argc >= 3 && !strcmp(verb, "digest"))
        return digest(argv[2], argv + 3, argc - 3);
    fputs(usage, stderr);
    return 2;
}
