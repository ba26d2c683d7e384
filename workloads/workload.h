/* workload.h - what is done: the register of workloads, their arguments and their digest. No clock,
 * no thread, no socket in this room: how ops are run at the same time is the adapters' business.
 *
 * An op is named by its number. For each workload one function tells what op number `id` must give;
 * cpu workloads compute it, the others know it (which is how a client or a load generator checks
 * its peer). */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stddef.h>
#include <stdint.h>

enum { OP_RESULT_MAX = 1 << 20 };

enum op_class { OP_HIT, OP_MISS, OP_ERROR };

/* What a run of ops amounts to. Free of the order of the ops, not of their number or content. */
struct tally {
    uint64_t digest; /* sum modulo 2^64 of FNV-1a64(id as 8 bytes little endian, result) */
    int64_t ops, hit, miss, error;
};

/* key=value words of a command line; the strings are the caller's. */
struct args {
    char *const *words;
    int count;
};

struct param {
    const char *key, *standard, *about;
};

struct workload {
    const char *name, *kind, *about; /* kind: cpu, client or server */
    const struct param *params; /* ended by a NULL key; without those that all workloads share */
    void *(*setup)(const struct args *args); /* NULL: out of memory. Read-only afterwards, so
                                                threads may share it */
    /* Writes the result of op `id` to result (OP_RESULT_MAX bytes) and its size to *size. */
    enum op_class (*op)(const void *state, uint64_t id, unsigned char *result, size_t *size);
};

extern const struct workload cpu_queens, cpu_sha256, io_employee, io_echo;

/* All of them, ended by NULL. */
extern const struct workload *const workloads[];
const struct workload *workload_find(const char *name); /* NULL: none of that name */

/* Keys that every workload and adapter understands, ended by a NULL key. */
extern const struct param common_params[];

/* The first word that is not key=value with a key that is common, of the workload or in `extra`
 * (NULL-ended, may be NULL); NULL if all are. */
const char *args_unknown(const struct args *args, const struct workload *workload,
                         const char *const *extra);
const char *args_text(const struct args *args, const char *key, const char *standard);
/* A number; what does not parse is reported on stderr and ends the program with 2. */
int64_t args_int(const struct args *args, const char *key, int64_t standard);

uint64_t fnv1a64(uint64_t hash, const void *bytes, size_t size);
void tally_add(struct tally *tally, uint64_t id, enum op_class class, const void *result,
               size_t size);
void tally_merge(struct tally *into, const struct tally *from);

/* The generator of workload data: x -> (1103515245 x + 12345) mod 2^31. */
uint32_t lcg(uint32_t x);

/* ---- io_employee: what the store holds. Employee i of EMPLOYEES is emp<i, six digits>. */
enum { EMPLOYEES = 100000, DANGLING = 1000, RECORD_MAX = 4096 };
int64_t employee_id(int64_t i);
/* JSON, padded with blanks to `size` bytes (at most RECORD_MAX); returns size. */
size_t employee_record(int64_t i, size_t size, char *record);
/* The name that op `id` asks for, and how that ends; *i is the employee's number for OP_HIT. Name:
 * 16 bytes. */
enum op_class employee_pick(uint64_t seed, uint64_t id, char *name, int64_t *i);

/* ---- io_echo: the payload of op `id`: `size` bytes, the first four its length, little endian. */
void echo_payload(uint64_t seed, uint64_t id, unsigned char *payload, size_t size);

#endif
