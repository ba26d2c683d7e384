/* nat_regex.c - all matches of [a-z]+@[a-z]+ in a text: in Python native code that keeps the GIL.
 * Here the expression is written out, since a library's would differ from Python's and node's too.
 */
#include "workload.h"
#include <stdlib.h>
#include <string.h>

struct search {
    uint64_t seed;
    size_t size;
    char text[]; /* twice, so that it can be read from any place in it */
};

static const char letters[33] = "abcdefghijklmnopqrstuvwx.    \n@@";

static const struct param params[] = {
    {"bytes", 2000, 1, 1 << 28, "size of the text that is searched"},
    {NULL, 0, 0, 0, NULL},
};

/* Letter k by bits 16 to 20 of the LCG's step k + 1 from the seed. */
static void *setup(const struct args *args) {
    size_t size = (size_t)args_int(args, "bytes");
    uint32_t x = (uint32_t)args_int(args, "seed");
    struct search *state = malloc(sizeof *state + 2 * size);
    if (!state)
        return NULL;
    state->seed = x;
    state->size = size;
    for (size_t i = 0; i < size; i++)
        state->text[i] = letters[((x = lcg(x)) >> 16) & 31];
    memcpy(state->text + size, state->text, size);
    return state;
}

static size_t skip_word(const char *text, size_t at, size_t size) {
    while (at < size && text[at] >= 'a' && text[at] <= 'z')
        at++;
    return at;
}

/* The text as op `id` reads it starts somewhere else, and goes round. */
static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    const struct search *state = opaque;
    const char *text = state->text + lcg_at(state->seed, id) % state->size;
    uint64_t found = 0, length = 0;
    for (size_t at = 0; at < state->size;) {
        size_t name = skip_word(text, at, state->size), host = name;
        if (name > at && name < state->size && text[name] == '@')
            host = skip_word(text, name + 1, state->size);
        if (host > name + 1) {
            found++;
            length += host - at;
            at = host;
        } else
            at = name > at ? name : at + 1;
    }
    put_le64(result, found);
    put_le64(result + 8, length);
    *size = 16;
    return OP_HIT;
}

const struct workload nat_regex = {
    .name = "nat_regex",
    .kind = "cpu",
    .about = "a regular expression over a text: native code that keeps the GIL",
    .params = params,
    .setup = setup,
    .op = op,
};
