/* workload.h - what is done: the register of workloads, their parameters and their digest. No
 * clock, no thread, no socket in this room: how ops are run at the same time is the adapters'
 * business.
 *
 * An op is named by its number. For each workload one function tells what op number `id` must
 * give: cpu workloads compute it, the others know it, which is how a client or a load generator
 * checks its peer. */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { OP_RESULT_MAX = 1 << 20 };

enum op_class { OP_HIT, OP_MISS, OP_ERROR };

/* What a run of ops amounts to. Free of the order of the ops, not of their number or content. */
struct tally {
    uint64_t digest; /* sum modulo 2^64 of op_digest() */
    int64_t ops, hit, miss, error;
    int64_t lost; /* updates of what the workers share that are not there at the end */
};

/* A parameter: a whole number with its standard value and the range in which it makes sense. Lists
 * of them end with a NULL key. */
struct param {
    const char *key;
    int64_t standard, least, most;
    const char *about;
};

/* The key=value words of a command line, and who may be meant by them. All is the caller's. */
struct args {
    const struct workload *workload;
    const struct param *own; /* of the program that is run, or NULL */
    char *const *words;
    int count;
};

/* A parameter whose values are words: number i stands for the word at i. */
struct param_words {
    const char *key, *const *words; /* ended by NULL */
};

struct talk;

struct workload {
    const char *name, *kind, *about; /* kind: cpu, client, server or wait */
    const struct param *params;      /* beside those that all workloads share */
    const struct param_words *words; /* of some of them, ended by a NULL key; or NULL */
    /* State that ops only read, so threads may share it; free() ends it. NULL: out of memory. */
    void *(*setup)(const struct args *args);
    /* Writes the result of op `id` to result (OP_RESULT_MAX bytes) and its size to *size. Any
     * thread. */
    enum op_class (*op)(const void *state, uint64_t id, unsigned char *result, size_t *size);
    /* server: how requests and answers look; NULL: an answer is the request again, and is op's. */
    const struct talk *talk;
    /* server: what the threads beside it do again and again, or NULL. The number is what came out.
     */
    uint64_t (*spin)(const void *state);
    /* NULL, or the time that a sample takes at least, ns: who is faster has not waited. */
    int64_t (*least_ns)(const struct args *args);
    /* Where workers share something; else NULL. Before a sample: makes it as it is at its start.
     * After it: what has become of it, which enters the digest as if it were the result of an op
     * number `ops`; returns how many updates were lost. One thread. */
    void (*reset)(void *state);
    int64_t (*settle)(void *state, unsigned char *result, size_t *size);
};

extern const struct workload cpu_fib, cpu_mandel, cpu_nbody, cpu_primes, cpu_queens, cpu_sha256;
extern const struct workload cpu_grain, nat_zlib, nat_regex, ft_micro, shr_counter, shr_set;
extern const struct workload shr_shard, ovh_payload, sty_chain, loop_steps, io_employee, io_echo;
extern const struct workload io_http, mix_cross, mix_convoy, mix_fibsrv, mix_block;
extern const struct workload io_fanout, io_timer, io_tree, mem_wait, io_file, io_log;

/* All of them, ended by NULL. */
extern const struct workload *const workloads[];
const struct workload *workload_find(const char *name); /* NULL: none of that name */

/* What every workload and adapter understands: ops, seed, workers, concurrency. */
extern const struct param common_params[];

/* 0 if each word is key=value with a known key and a number in its range; else -1, with one line
 * for a person in message. */
int args_check(const struct args *args, char *message, size_t room);
/* The number given for `key` (of a word: its place), or its standard. Only after args_check; a key that is in no list is a
 * mistake of the program, and aborts it. */
int64_t args_int(const struct args *args, const char *key);
/* The words that the parameter's values are; NULL where they are numbers. */
const char *const *param_words(const struct workload *workload, const char *key);

/* FNV-1a, with the constants of its authors, over `size` more bytes; the first call is given
 * FNV_START. */
#define FNV_START 0xcbf29ce484222325u
uint64_t fnv1a64(uint64_t hash, const void *bytes, size_t size);

/* `value` as 8 bytes, little endian: how ids and counts enter results and digests. */
static inline void put_le64(unsigned char bytes[8], uint64_t value) {
    value = htole64(value);
    memcpy(bytes, &value, sizeof value);
}

/* FNV-1a64(id as 8 bytes little endian, result), stirred: FNV alone is so nearly linear in its last
 * bytes that results which changed places could add up to the same. */
uint64_t op_digest(uint64_t id, const void *result, size_t size);

void tally_add(struct tally *tally, uint64_t id, enum op_class class, const void *result,
               size_t size);
void tally_merge(struct tally *into, const struct tally *from);
/* What is left to add when all `ops` ops of a sample are done; result: OP_RESULT_MAX bytes. */
void tally_settle(struct tally *tally, const struct workload *workload, void *state, int64_t ops,
                  unsigned char *result);
/* A whole sample, op after op: what everybody else is judged by. */
struct tally tally_run(const struct workload *workload, void *state, int64_t ops,
                       unsigned char *result);

/* The generator of workload data: x -> (1103515245 x + 12345) mod 2^31. */
uint32_t lcg(uint32_t x);
/* Its value for (seed + id) mod 2^31: where an op's data start, or the stamp of a result that would
 * else be the same for every seed and op. */
uint32_t lcg_at(uint64_t seed, uint64_t id);

/* ---- nat_zlib: packs (gzip, level 6) and unpacks. 0, and the trailer of what was packed: CRC-32 and
 * size of the data; -1: it did not come back, or memory ran out. */
int gzip_round_trip(const unsigned char *data, size_t size, unsigned char trailer[8]);

/* ---- io_echo and others: bytes that differ from op to op, and a frame of them: its size (four
 * bytes, little endian), then bytes. */
enum { FRAME_HEAD = 4 };
void fill_payload(unsigned char *payload, size_t size, uint64_t seed, uint64_t id);
void make_frame(unsigned char *frame, size_t size, uint64_t seed, uint64_t id);

/* ---- sty_chain: the value from which op `id` starts, what step number `step` (from 1) makes of a
 * value, and the step at which the op fails, 0 for none. */
uint32_t chain_first(uint64_t seed, uint64_t id);
uint32_t chain_step(uint32_t value, uint64_t step);
uint64_t chain_fails(uint64_t id, uint64_t steps, uint64_t fail_every);

/* ---- io_employee: what the store holds. Employee i is emp<i, six digits>; a leaver is gone<i>,
 * whose id still stands in the store, but leads nowhere. */
enum { LEAVERS = 1000, RECORD_MAX = 4096, NAME_ROOM = 16 };
int64_t employee_id(int64_t i);
int64_t leaver_id(int64_t i);
/* The number of a person that `id` stands for: three steps of the LCG, spread over the employees. */
int64_t employee_number(uint64_t seed, uint64_t id, int64_t employees);
/* JSON, padded with blanks to `size` bytes, 128 to RECORD_MAX, and no 0 byte after them. */
void employee_record(int64_t i, size_t size, char *record);
/* The name that op `id` asks for when there are `employees` people, how that ends, and in *i the
 * number of the person that is found (OP_HIT only). */
enum op_class employee_pick(uint64_t seed, uint64_t id, int64_t employees, char name[NAME_ROOM],
                            int64_t *i);

/* ---- What waits */

/* ops, as many in flight as `concurrency` says, which each sleep so long: ns. Timers of a
 * millisecond may be early by as much. */
int64_t least_ns_of_sleeps(const struct args *args, int64_t sleep_us);

/* io_tree: leaf k of op `id` has the value (seed + id + k) mod 2^31. */
enum { TREE_BRANCHES = 6 };
struct tree {
    uint64_t seed, steps, cpu_percent, leaves;
    int64_t wait_us;
    int depth;
};
struct tree tree_of(const struct args *args);
/* Whether a leaf computes, and what its value is then; otherwise it waits, and its value stands. */
bool tree_computes(const struct tree *tree, uint32_t value);
uint32_t tree_compute(const struct tree *tree, uint32_t value);

/* io_file, io_log: what is in file or record `number`, and the crc32 of what was found there. */
void file_bytes(uint64_t number, size_t size, unsigned char *bytes);
uint64_t file_sum(const unsigned char *bytes, size_t size);

#endif
