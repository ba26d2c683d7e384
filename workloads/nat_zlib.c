/* nat_zlib.c - pack a buffer and unpack it again: native code that gives the GIL away in Python.
 * How small it gets is the library's business; what counts is the CRC and that all comes back. */
#include "workload.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { GZIP = 15 + 16, TRAILER = 8 };

struct packing {
    size_t size;
    unsigned char data[]; /* 8 bytes for the op's number, then the buffer */
};

static const struct param params[] = {
    {"bytes", 1 << 16, 0, 1 << 28, "size of the buffer that is packed"},
    {NULL, 0, 0, 0, NULL},
};

/* Byte k is one of 16 letters, by bits 16 to 19 of the LCG's step k + 1 from the seed. */
static void *setup(const struct args *args) {
    size_t size = (size_t)args_int(args, "bytes");
    uint32_t x = (uint32_t)args_int(args, "seed");
    struct packing *state = calloc(1, sizeof *state + 8 + size);
    if (!state)
        return NULL;
    state->size = 8 + size;
    for (size_t i = 0; i < size; i++)
        state->data[8 + i] = (unsigned char)('a' + (((x = lcg(x)) >> 16) & 15));
    return state;
}

static unsigned char *pack(const unsigned char *data, size_t size, size_t *packed) {
    z_stream z = {0};
    unsigned char *bytes = NULL;
    if (deflateInit2(&z, 6, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return NULL;
    *packed = deflateBound(&z, size);
    if ((bytes = malloc(*packed))) {
        z.next_in = (unsigned char *)data;
        z.avail_in = (uInt)size;
        z.next_out = bytes;
        z.avail_out = (uInt)*packed;
        if (deflate(&z, Z_FINISH) != Z_STREAM_END) {
            free(bytes);
            bytes = NULL;
        }
        *packed = z.total_out;
    }
    deflateEnd(&z);
    return bytes;
}

static int unpack(unsigned char *packed, size_t packed_size, unsigned char *data, size_t size) {
    z_stream z = {.next_in = packed, .avail_in = (uInt)packed_size};
    int status;
    if (inflateInit2(&z, GZIP) != Z_OK)
        return -1;
    z.next_out = data;
    z.avail_out = (uInt)size;
    status = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    return status == Z_STREAM_END && z.total_out == size ? 0 : -1;
}

int gzip_round_trip(const unsigned char *data, size_t size, unsigned char trailer[8]) {
    unsigned char *unpacked = malloc(size + 1), *packed = NULL;
    size_t packed_size = 0;
    int failed = -1;
    if (unpacked && (packed = pack(data, size, &packed_size))) {
        if (unpack(packed, packed_size, unpacked, size) == 0 && !memcmp(unpacked, data, size))
            failed = 0;
        memcpy(trailer, packed + packed_size - TRAILER, TRAILER);
    }
    free(packed);
    free(unpacked);
    return failed;
}

static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    const struct packing *state = opaque;
    unsigned char *data = malloc(state->size);
    int failed = -1;
    if (data) {
        memcpy(data, state->data, state->size);
        put_le64(data, id);
        failed = gzip_round_trip(data, state->size, result);
    }
    free(data);
    *size = failed ? 0 : TRAILER;
    return failed ? OP_ERROR : OP_HIT;
}

const struct workload nat_zlib = {
    .name = "nat_zlib",
    .kind = "cpu",
    .about = "zlib packs and unpacks a buffer: native code that releases the GIL",
    .params = params,
    .setup = setup,
    .op = op,
};
