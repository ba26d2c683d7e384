/* common.c - the register of workloads, their parameters on a command line, and the digest. */
#include "workload.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each group on lines of its own */
/* clang-format off */
const struct workload *const workloads[] = {
    &cpu_fib,     &cpu_mandel, &cpu_nbody, &cpu_primes,  &cpu_queens, &cpu_sha256, &cpu_grain,
    &ovh_payload, &sty_chain, &nat_zlib,   &nat_regex, &ft_micro,    &shr_counter, &shr_set,   &shr_shard,
    &loop_steps,  &io_employee, &io_fanout,
    &io_echo,    &io_http,    &mix_cross, &mix_convoy, &mix_fibsrv,  &mix_block,
    &io_timer,   &io_tree,    &mem_wait,  &io_file,    &io_log,      NULL,
};
/* clang-format on */

const struct param common_params[] = {
    {"ops", 100, 1, 1000000000, "ops in a sample"},
    {"seed", 42, 0, INT32_MAX, "what the data are made from"},
    {"workers", 1, 1, 1024, "threads or processes (cpu workloads, and pools of servers)"},
    {"concurrency", 1, 1, 100000,
     "ops in flight, of clients and servers each on a connection of its own (not of cpu "
     "workloads)"},
    {NULL, 0, 0, 0, NULL},
};

const struct workload *workload_find(const char *name) {
    for (const struct workload *const *w = workloads; *w; w++)
        if (!strcmp((*w)->name, name))
            return *w;
    return NULL;
}

/* ---- Parameters */

static const struct param *find_in(const struct param *list, const char *key, size_t size) {
    for (; list && list->key; list++)
        if (strlen(list->key) == size && !memcmp(list->key, key, size))
            return list;
    return NULL;
}

static const struct param *find(const struct args *args, const char *key, size_t size) {
    const struct param *found = find_in(common_params, key, size);
    if (!found)
        found = find_in(args->workload->params, key, size);
    return found ? found : find_in(args->own, key, size);
}

static size_t add_keys(char *text, size_t used, size_t room, const struct param *list) {
    for (; list && list->key && used < room; list++)
        used += (size_t)snprintf(text + used, room - used, " %s", list->key);
    return used;
}

static int unknown(const struct args *args, const char *word, char *message, size_t room) {
    size_t used = (size_t)snprintf(
        message, room, "unknown parameter '%.60s' of %s; there are:", word, args->workload->name);
    used = add_keys(message, used, room, common_params);
    used = add_keys(message, used, room, args->workload->params);
    add_keys(message, used, room, args->own);
    return -1;
}

const char *const *param_words(const struct workload *workload, const char *key) {
    for (const struct param_words *w = workload->words; w && w->key; w++)
        if (!strcmp(w->key, key))
            return w->words;
    return NULL;
}

/* The place of the word, -1 for none of them. */
static int64_t place_of(const char *const *words, const char *word) {
    for (int64_t i = 0; words[i]; i++)
        if (!strcmp(words[i], word))
            return i;
    return -1;
}

static int check_choice(const char *const *words, const char *word, const char *value,
                        char *message, size_t room) {
    size_t used;
    if (place_of(words, value) >= 0)
        return 0;
    used = (size_t)snprintf(message, room, "%.60s: one of these was expected:", word);
    for (; *words && used < room; words++)
        used += (size_t)snprintf(message + used, room - used, " %s", *words);
    return -1;
}

static int check_word(const struct args *args, const char *word, char *message, size_t room) {
    const char *equals = strchr(word, '=');
    const struct param *param = equals ? find(args, word, (size_t)(equals - word)) : NULL;
    const char *const *words;
    long long value;
    char *end;
    if (!param)
        return unknown(args, word, message, room);
    if ((words = param_words(args->workload, param->key)))
        return check_choice(words, word, equals + 1, message, room);
    value = strtoll(equals + 1, &end, 10);
    if (end > equals + 1 && !*end && value >= param->least && value <= param->most)
        return 0;
    snprintf(message, room, "%.60s: a whole number from %lld to %lld was expected", word,
             (long long)param->least, (long long)param->most);
    return -1;
}

int args_check(const struct args *args, char *message, size_t room) {
    for (int i = 0; i < args->count; i++)
        if (check_word(args, args->words[i], message, room) < 0)
            return -1;
    return 0;
}

int64_t args_int(const struct args *args, const char *key) {
    size_t size = strlen(key);
    const struct param *param = find(args, key, size);
    const char *const *words = param_words(args->workload, key);
    if (!param)
        abort();
    for (int i = 0; i < args->count; i++)
        if (!strncmp(args->words[i], key, size) && args->words[i][size] == '=')
            return words ? place_of(words, args->words[i] + size + 1)
                         : strtoll(args->words[i] + size + 1, NULL, 10);
    return param->standard;
}

int64_t least_ns_of_sleeps(const struct args *args, int64_t sleep_us) {
    int64_t ops = args_int(args, "ops"), in_flight = args_int(args, "concurrency");
    int64_t rounds = (ops + in_flight - 1) / in_flight;
    return sleep_us > 1000 ? rounds * (sleep_us - 1000) * 1000 : 0;
}

/* ---- The digest */

uint64_t fnv1a64(uint64_t hash, const void *bytes, size_t size) {
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3u;
    return hash;
}

uint64_t op_digest(uint64_t id, const void *result, size_t size) {
    unsigned char number[8];
    uint64_t hash;
    put_le64(number, id);
    hash = fnv1a64(fnv1a64(FNV_START, number, 8), result, size);
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
    return hash ^ hash >> 33;
}

void tally_add(struct tally *tally, uint64_t id, enum op_class class, const void *result,
               size_t size) {
    tally->digest += op_digest(id, result, size);
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
    into->lost += from->lost;
}

void tally_settle(struct tally *tally, const struct workload *workload, void *state, int64_t ops,
                  unsigned char *result) {
    size_t size;
    if (!workload->settle)
        return;
    tally->lost += workload->settle(state, result, &size);
    tally->digest += op_digest((uint64_t)ops, result, size);
}

struct tally tally_run(const struct workload *workload, void *state, int64_t ops,
                       unsigned char *result) {
    struct tally tally = {0};
    size_t size;
    if (workload->reset)
        workload->reset(state);
    for (uint64_t id = 0; id < (uint64_t)ops; id++) {
        enum op_class class = workload->op(state, id, result, &size);
        tally_add(&tally, id, class, result, size);
    }
    tally_settle(&tally, workload, state, ops, result);
    return tally;
}

uint32_t lcg(uint32_t x) {
    return (1103515245u * x + 12345u) & 0x7fffffffu;
}

uint32_t lcg_at(uint64_t seed, uint64_t id) {
    return lcg((uint32_t)((seed + id) & 0x7fffffffu));
}
