/* reference.c - the register of workloads for the driver, and the answers by which every other
 * implementation is judged.
 *
 *   reference list                          name kind about, a line each
 *   reference params WORKLOAD               key standard about, a line each
 *   reference digest WORKLOAD key=value...  digest=HEX16 hit=N miss=N error=N
 *   reference selftest                      answers that are known from elsewhere */
#include "workload.h"
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char result[OP_RESULT_MAX];

static int usage(void) {
    fputs("usage: reference list | params WORKLOAD | digest WORKLOAD key=value... | selftest\n",
          stderr);
    return 2;
}

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

static int list(void) {
    for (const struct workload *const *w = workloads; *w; w++)
        printf("%s %s %s\n", (*w)->name, (*w)->kind, (*w)->about);
    return 0;
}

static void print_params(const struct param *params) {
    for (; params->key; params++)
        printf("%s %s %s\n", params->key, params->standard, params->about);
}

static int print_all_params(const char *name) {
    const struct workload *workload = find_or_complain(name);
    if (!workload)
        return 2;
    print_params(common_params);
    print_params(workload->params);
    return 0;
}

static struct tally run(const struct workload *workload, const struct args *args, int64_t ops) {
    struct tally tally = {0};
    void *state = workload->setup(args);
    size_t size;
    if (!state) {
        fputs("reference: out of memory\n", stderr);
        exit(1);
    }
    for (int64_t id = 0; id < ops; id++) {
        enum op_class class = workload->op(state, (uint64_t)id, result, &size);
        tally_add(&tally, (uint64_t)id, class, result, size);
    }
    free(state);
    return tally;
}

static int digest(const char *name, const struct args *args) {
    const struct workload *workload = find_or_complain(name);
    const char *unknown;
    struct tally tally;
    if (!workload)
        return 2;
    if ((unknown = args_unknown(args, workload, NULL))) {
        fprintf(stderr, "unknown parameter '%s' of %s; `reference params %s` lists them\n", unknown,
                name, name);
        return 2;
    }
    tally = run(workload, args, args_int(args, "ops", 100));
    printf("digest=%016" PRIx64 " hit=%" PRId64 " miss=%" PRId64 " error=%" PRId64 "\n",
           tally.digest, tally.hit, tally.miss, tally.error);
    return 0;
}

static int queens_are_right(void) {
    const struct {
        char word[8];
        unsigned n, total;
    } known[] = {{"n=8", 8, 92}, {"n=9", 9, 352}, {"n=10", 10, 724}};
    for (int k = 0; k < 3; k++) {
        char word[8], *words[] = {strcpy(word, known[k].word)};
        void *state = cpu_queens.setup(&(struct args){words, 1});
        unsigned total = 0;
        size_t size;
        for (unsigned id = 0; id < known[k].n; id++) {
            cpu_queens.op(state, id, result, &size);
            total += result[0] + 256u * result[1];
        }
        free(state);
        if (total != known[k].total)
            return 0;
    }
    return 1;
}

/* The chain of 1000 digests that starts with that of "gilbench". */
static int sha256_is_right(void) {
    char text[65];
    EVP_Digest("gilbench", 8, result, NULL, EVP_sha256(), NULL);
    for (int link = 0; link < 999; link++)
        EVP_Digest(result, 32, result, NULL, EVP_sha256(), NULL);
    for (int i = 0; i < 32; i++)
        sprintf(text + 2 * i, "%02x", result[i]);
    return !strcmp(text, "f61ec23d76b258605d544dab141cfc815bb3d433ee0069afd082a1c257ebbb14");
}

static int lcg_is_right(void) {
    uint32_t x = 42;
    for (int i = 0; i < 10000; i++)
        x = lcg(x);
    return x == 934946010;
}

static int selftest(void) {
    const struct {
        const char *name;
        int right;
    } tests[] = {
        {"queens", queens_are_right()}, {"sha256", sha256_is_right()}, {"lcg", lcg_is_right()}};
    int wrong = 0;
    for (int i = 0; i < 3; i++) {
        printf("%s %s\n", tests[i].name, tests[i].right ? "ok" : "WRONG");
        wrong += !tests[i].right;
    }
    return wrong ? 1 : 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "list"))
        return list();
    if (argc == 2 && !strcmp(argv[1], "selftest"))
        return selftest();
    if (argc == 3 && !strcmp(argv[1], "params"))
        return print_all_params(argv[2]);
    if (argc >= 3 && !strcmp(argv[1], "digest"))
        return digest(argv[2], &(struct args){argv + 3, argc - 3});
    return usage();
}
