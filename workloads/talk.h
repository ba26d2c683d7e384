/* talk.h - how a server workload talks where an answer is not simply the request again: requests
 * and answers as bytes. The load generator asks and hears; servers in C take and answer.
 * No function here waits or keeps anything; any thread may call it. */
#ifndef TALK_H
#define TALK_H

#include "workload.h"
#include <stdbool.h>

/* Room for a request or an answer: the largest result and a head. */
enum { TALK_MAX = OP_RESULT_MAX + 1024 };

/* A request, as a server understood it. */
struct request {
    int64_t wait_us; /* to be waited for before it is answered */
    bool last;       /* the connection ends after the answer */
    /* The workload's own: */
    int what;
    int64_t number;
    const unsigned char *body; /* within the bytes that were taken */
    size_t body_size;
};

/* The op whose request is the heavy one that other clients ask for (see background). */
#define HEAVY_ID  UINT64_MAX
#define NO_ANSWER SIZE_MAX

struct talk {
    /* Server: the size of the first request in bytes; 0: more must come. What makes no sense is a
     * request, too: its answer is a complaint, and the connection ends. */
    size_t (*take)(const void *state, const unsigned char *bytes, size_t size,
                   struct request *request);
    /* Server: writes the answer (TALK_MAX bytes at most), which may take its time; its size. */
    size_t (*answer)(const void *state, const struct request *request, unsigned char *bytes);
    /* Client: writes the request of op `id` (TALK_MAX bytes at most); its size. */
    size_t (*ask)(const void *state, uint64_t id, unsigned char *bytes);
    /* Client: the size of the first answer in bytes, and where in it the result is; 0: more must
     * come; NO_ANSWER: these bytes are none, or one that says that something is wrong. */
    size_t (*hear)(const unsigned char *bytes, size_t size, const unsigned char **result,
                   size_t *result_size);
    /* Whether the latency of op `id` is kept apart; NULL: of none. */
    bool (*is_heavy)(const void *state, uint64_t id);
    /* How many more clients ask for HEAVY_ID for as long as a sample lasts; NULL: none. */
    int (*background)(const void *state);
};

/* ---- Talk in lines, for workloads of numbers: a request and an answer are a number and a newline.
 * -1 stands for a line that is none, or longer than any. */
size_t line_take(const unsigned char *bytes, size_t size, int64_t *number);
size_t line_put(unsigned char *bytes, uint64_t number);
size_t line_complain(unsigned char *bytes);
size_t line_hear(const unsigned char *bytes, size_t size, const unsigned char **result,
                 size_t *result_size);
/* `number` as the result of an op: its digits, without the newline. */
size_t line_result(unsigned char *result, uint64_t number);

/* `steps` steps of the LCG from `x`: a fixed amount of computing whose result is known. */
uint32_t lcg_steps(uint32_t x, int64_t steps);
/* Naive on purpose: about fib(n) calls. */
uint64_t fib(int64_t n);

#endif
