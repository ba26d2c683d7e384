/* mix_convoy.c - the frames of io_echo, from a server beside which threads do nothing but compute.
 * What they compute is spin(), again and again; nobody waits for it. */
#include "workload.h"
#include <openssl/evp.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

enum { SPIN_PYTHON, SPIN_REGEX, SPIN_SHA256 };
enum { STEPS = 10000, TEXT = 16384, BUFFER = 1 << 20 };

struct convoy {
    uint64_t seed;
    size_t size;
    int spin;
    char text[TEXT + 1]; /* letters and blanks */
    unsigned char buffer[BUFFER];
};

static regex_t pattern; /* as long as the program lives */

static const struct param params[] = {
    {"bytes", 64, FRAME_HEAD, OP_RESULT_MAX, "size of a frame, its length field included"},
    {"spinners", 1, 0, 64, "threads beside the server that compute all the time"},
    {"spin", SPIN_PYTHON, 0, SPIN_SHA256, "what they compute"},
    {"interval_us", 5000, 1, 10000000, "microseconds of sys.setswitchinterval, in Python"},
    {NULL, 0, 0, 0, NULL},
};

static const char *const spins[] = {"python", "regex", "sha256", NULL};
static const struct param_words words[] = {{"spin", spins}, {NULL, NULL}};

static void *setup(const struct args *args) {
    struct convoy *state = malloc(sizeof *state);
    uint32_t x = 42;
    if (!state)
        return NULL;
    state->seed = (uint64_t)args_int(args, "seed");
    state->size = (size_t)args_int(args, "bytes");
    state->spin = (int)args_int(args, "spin");
    for (size_t i = 0; i < TEXT; i++) {
        x = lcg(x);
        state->text[i] = "abcdefghijklmnopqrstuvwxyz "[(x >> 16) % 27];
    }
    state->text[TEXT] = '\0';
    for (size_t i = 0; i < BUFFER; i++)
        state->buffer[i] = (unsigned char)i;
    if (!pattern.re_nsub && regcomp(&pattern, "([a-m]+[n-z])", REG_EXTENDED)) {
        free(state);
        return NULL;
    }
    return state;
}

static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    const struct convoy *state = opaque;
    make_frame(result, state->size, state->seed, id);
    *size = state->size;
    return OP_HIT;
}

static uint64_t count_words(const struct convoy *state) {
    const char *rest = state->text;
    uint64_t count = 0;
    regmatch_t match;
    for (; regexec(&pattern, rest, 1, &match, 0) == 0; count++)
        rest += match.rm_eo;
    return count;
}

/* The first four bytes, little endian. */
static uint64_t digest(const struct convoy *state) {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    EVP_Digest(state->buffer, BUFFER, bytes, NULL, EVP_sha256(), NULL);
    return bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 | (uint64_t)bytes[3] << 24;
}

static uint64_t spin(const void *opaque) {
    const struct convoy *state = opaque;
    uint32_t x = 42;
    if (state->spin == SPIN_REGEX)
        return count_words(state);
    if (state->spin == SPIN_SHA256)
        return digest(state);
    for (int i = 0; i < STEPS; i++)
        x = lcg(x);
    return x;
}

const struct workload mix_convoy = {
    .name = "mix_convoy",
    .kind = "server",
    .about = "TCP echo beside threads that compute: who waits for the GIL, and how long",
    .params = params,
    .words = words,
    .setup = setup,
    .op = op,
    .spin = spin,
};
