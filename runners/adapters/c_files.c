/* c_files.c - see c_files.h. */
#include "c_files.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_ROOM = 4096 };

static struct {
    const char *folder;
    bool logs;
    uint64_t files;
    size_t size; /* of a file, or of a record */
} work;

bool files_wanted(const struct workload *workload) {
    return workload == &io_file || workload == &io_log;
}

static int open_numbered(const char *name, uint64_t number, int flags) {
    char path[PATH_ROOM];
    int fd;
    snprintf(path, sizeof path, "%s/%s%llu", work.folder, name, (unsigned long long)number);
    if ((fd = open(path, flags | O_CLOEXEC, 0600)) < 0)
        child_fail("opening %s: %s", path, strerror(errno));
    return fd;
}

static void write_all(int fd, const unsigned char *bytes, size_t size) {
    for (ssize_t n; size; bytes += n, size -= (size_t)n)
        if ((n = write(fd, bytes, size)) < 0)
            child_fail("writing: %s", strerror(errno));
}

static void write_files(unsigned char *bytes) {
    for (uint64_t number = 0; number < work.files; number++) {
        int fd = open_numbered("file", number, O_WRONLY | O_CREAT | O_TRUNC);
        file_bytes(number, work.size, bytes);
        write_all(fd, bytes, work.size);
        close(fd);
    }
}

struct file_slot *files_open(const struct args *args, int64_t count) {
    struct file_slot *slots = calloc((size_t)count, sizeof *slots);
    if (!(work.folder = getenv("GILBENCH_SCRATCH")))
        child_fail("GILBENCH_SCRATCH is not set: the driver names a folder for files by it");
    work.logs = args->workload == &io_log;
    work.files = work.logs ? 0 : (uint64_t)args_int(args, "files");
    work.size = (size_t)args_int(args, "bytes");
    for (int64_t i = 0; i < count; i++) {
        if (!slots || !(slots[i].bytes = malloc(work.size)))
            child_fail("out of memory for %lld ops in flight", (long long)count);
        slots[i].log =
            work.logs ? open_numbered("log", (uint64_t)i, O_RDWR | O_CREAT | O_APPEND) : -1;
    }
    write_files(slots[0].bytes);
    return slots;
}

/* From where the descriptor stands; how many bytes there are, `size` at most. */
static size_t read_all(int fd, unsigned char *bytes, size_t size) {
    size_t used = 0;
    ssize_t n = 1;
    while (used < size && n > 0) {
        if ((n = read(fd, bytes + used, size - used)) < 0)
            child_fail("reading: %s", strerror(errno));
        used += (size_t)n;
    }
    return used;
}

static uint64_t read_file(struct file_slot *slot, uint64_t op) {
    int fd = open_numbered("file", op % work.files, O_RDONLY);
    size_t size = read_all(fd, slot->bytes, work.size);
    close(fd);
    return file_sum(slot->bytes, size);
}

static uint64_t append(struct file_slot *slot, uint64_t op) {
    file_bytes(op, work.size, slot->bytes);
    write_all(slot->log, slot->bytes, work.size);
    if (fsync(slot->log) < 0)
        child_fail("fsync: %s", strerror(errno));
    memset(slot->bytes, 0, work.size);
    if (lseek(slot->log, slot->end, SEEK_SET) < 0)
        child_fail("seeking in a log: %s", strerror(errno));
    slot->end += (off_t)work.size;
    return file_sum(slot->bytes, read_all(slot->log, slot->bytes, work.size));
}

uint64_t files_do(struct file_slot *slot, uint64_t op) {
    return work.logs ? append(slot, op) : read_file(slot, op);
}

void files_close(struct file_slot *slots, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        free(slots[i].bytes);
        if (slots[i].log >= 0)
            close(slots[i].log);
    }
    free(slots);
}
