/* io_file.c - files: io_file reads one of many, io_log appends to a log that is on the disk when the
 * op ends. Either gives the crc32 of the bytes that it got.
 *
 * The bytes of a file or a record begin with its number, 8 bytes little endian; byte i of the others
 * is (31 i + 7) mod 256. */
#include "workload.h"
#include <stdlib.h>
#include <zlib.h>

enum { HEAD = 8 };

struct files {
    uint64_t files; /* 0: as many as ops */
    size_t size;
    unsigned char body[];
};

static const struct param file_params[] = {
    {"files", 1024, 1, 1000000, "files that are read in turn"},
    {"bytes", 4096, HEAD, 1 << 30, "of a file"},
    {NULL, 0, 0, 0, NULL},
};

static const struct param log_params[] = {
    {"bytes", 256, HEAD, 1 << 20, "of a record"},
    {NULL, 0, 0, 0, NULL},
};

void file_bytes(uint64_t number, size_t size, unsigned char *bytes) {
    put_le64(bytes, number);
    for (size_t i = HEAD; i < size; i++)
        bytes[i] = (unsigned char)(31 * i + 7);
}

uint64_t file_sum(const unsigned char *bytes, size_t size) {
    return crc32_z(crc32_z(0, NULL, 0), bytes, size);
}

static void *make(uint64_t files, size_t size) {
    struct files *state = malloc(sizeof *state + size);
    if (!state)
        return NULL;
    state->files = files;
    state->size = size;
    file_bytes(0, size, state->body);
    return state;
}

static void *setup_files(const struct args *args) {
    return make((uint64_t)args_int(args, "files"), (size_t)args_int(args, "bytes"));
}

static void *setup_log(const struct args *args) {
    return make(0, (size_t)args_int(args, "bytes"));
}

static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    const struct files *state = opaque;
    unsigned char head[HEAD];
    uLong sum;
    put_le64(head, state->files ? id % state->files : id);
    sum = crc32_z(crc32_z(0, NULL, 0), head, HEAD);
    put_le64(result, crc32_z(sum, state->body + HEAD, state->size - HEAD));
    *size = 8;
    return OP_HIT;
}

const struct workload io_file = {
    .name = "io_file",
    .kind = "wait",
    .about = "files read whole from the page cache: loops have none, they hide threads",
    .params = file_params,
    .setup = setup_files,
    .op = op,
};

const struct workload io_log = {
    .name = "io_log",
    .kind = "wait",
    .about = "a log: append a record, fsync, read it back",
    .params = log_params,
    .setup = setup_log,
    .op = op,
};
