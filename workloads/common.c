/* common.c - the register, arguments and the digest. */
#include "workload.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct workload *const workloads[] = {&cpu_queens, &cpu_sha256, &io_employee, &io_echo, NULL};

const struct param common_params[] = {
    {"ops", "100", "ops in a sample"},
    {"seed", "42", "what the data are made from"},
    {"workers", "1", "threads or processes (cpu workloads)"},
    {"concurrency", "1",
     "ops in flight, each on a connection of its own (client and server workloads)"},
    {NULL, NULL, NULL},
};

const struct workload *workload_find(const char *name) {
    for (const struct workload *const *w = workloads; *w; w++)
        if (!strcmp((*w)->name, name))
            return *w;
    return NULL;
}

static int has_key(const struct param *params, const char *word, size_t size) {
    for (; params->key; params++)
        if (strlen(params->key) == size && !memcmp(params->key, word, size))
            return 1;
    return 0;
}

static int in_list(const char *const *keys, const char *word, size_t size) {
    for (; keys && *keys; keys++)
        if (strlen(*keys) == size && !memcmp(*keys, word, size))
            return 1;
    return 0;
}

const char *args_unknown(const struct args *args, const struct workload *workload,
                         const char *const *extra) {
    for (int i = 0; i < args->count; i++) {
        const char *word = args->words[i], *equals = strchr(word, '=');
        size_t size = equals ? (size_t)(equals - word) : 0;
        if (!size || !(has_key(common_params, word, size) ||
                       has_key(workload->params, word, size) || in_list(extra, word, size)))
            return word;
    }
    return NULL;
}

const char *args_text(const struct args *args, const char *key, const char *standard) {
    size_t size = strlen(key);
    for (int i = 0; i < args->count; i++)
        if (!strncmp(args->words[i], key, size) && args->words[i][size] == '=')
            return args->words[i] + size + 1;
    return standard;
}

int64_t args_int(const struct args *args, const char *key, int64_t standard) {
    const char *text = args_text(args, key, NULL);
    char *end;
    int64_t value;
    if (!text)
        return standard;
    value = strtoll(text, &end, 10);
    if (*text && !*end && value >= 0)
        return value;
    fprintf(stderr, "%s=%s: a whole number of 0 or more was expected\n", key, text);
    exit(2);
}

uint64_t fnv1a64(uint64_t hash, const void *bytes, size_t size) {
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3u;
    return hash;
}

void tally_add(struct tally *tally, uint64_t id, enum op_class class, const void *result,
               size_t size) {
    unsigned char number[8];
    for (int i = 0; i < 8; i++)
        number[i] = (unsigned char)(id >> (8 * i));
    tally->digest += fnv1a64(fnv1a64(0xcbf29ce484222325u, number, 8), result, size);
    tally->ops++;
    tally->hit += class == OP_HIT;
    tally->miss += class == OP_MISS;
    tally->error += class == OP_ERROR;
}

void tally_merge(struct tally *into, const struct tally *from) {
    into->digest += from->digest;
    into->ops += from->ops;
    into->hit += from->hit;
    into->miss += from->miss;
    into->error += from->error;
}

uint32_t lcg(uint32_t x) {
    return (1103515245u * x + 12345u) & 0x7fffffffu;
}
