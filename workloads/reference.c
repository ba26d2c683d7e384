/* reference.c - the register of workloads for the driver, and the answers by which every other
 * implementation is judged.
 *
 *   reference list                          name kind about, a line each
 *   reference params WORKLOAD               key standard about, a line each
 *   reference digest WORKLOAD key=value...  digest=HEX16 hit=N miss=N error=N least_ns=N
 *   reference selftest                      compares itself with answers known from elsewhere */
#include "workload.h"
#include <inttypes.h>
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
    struct tally tally = {0};
    char message[400];
    void *state;
    size_t size;
    if (!args.workload)
        return 2;
    if (args_check(&args, message, sizeof message) < 0) {
        fprintf(stderr, "%s\n", message);
        return 2;
    }
    state = setup_or_exit(&args);
    for (uint64_t id = 0; id < (uint64_t)args_int(&args, "ops"); id++) {
        enum op_class class = args.workload->op(state, id, result, &size);
        tally_add(&tally, id, class, result, size);
    }
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
    } tests[] = {{"queens", queens_are_right()},
                 {"sha256", sha256_is_right()},
                 {"lcg", lcg_is_right()},
                 {"fnv", fnv_is_right()},
                 {"crc", crc_is_right()}};
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
