/* py_file_work.c - what a file operation does on a thread of the pool: system calls that may block,
 * no GIL, no Python object. A read leaves its bytes where the loop's thread has made room for them.
 */
#include "py_file.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void fail(struct file_op *op) {
    op->error = -errno;
}

static ssize_t read_some(const struct file_op *op, char *to, size_t room) {
    const FileObject *file = op->file;
    ssize_t n;
    do
        n = file->seekable ? pread(file->fd, to, room, op->offset + (int64_t)op->filled)
                           : read(file->fd, to, room);
    while (n < 0 && errno == EINTR);
    return n;
}

static void fill(struct file_op *op) {
    while (op->filled < op->least) {
        ssize_t n = read_some(op, op->buf + op->filled, op->room - op->filled);
        if (n < 0) {
            fail(op);
            return;
        }
        if (n == 0) {
            op->eof = true;
            return;
        }
        op->filled += (size_t)n;
    }
}

/* The room is full and the file goes on: how much is there by now? */
static void fill_all(struct file_op *op) {
    struct stat about;
    fill(op);
    op->result = !op->error && !op->eof && fstat(op->file->fd, &about) == 0 ? about.st_size : 0;
}

static ssize_t write_some(const struct file_op *op, size_t done) {
    const FileObject *file = op->file;
    ssize_t n;
    do /* at the end of a file that is appended to the kernel knows better where that is */
        n = file->seekable && !(file->flags & O_APPEND)
                ? pwrite(file->fd, op->buf + done, op->room - done, op->offset + (int64_t)done)
                : write(file->fd, op->buf + done, op->room - done);
    while (n < 0 && errno == EINTR);
    return n;
}

/* `offset` becomes the position after it, also when it fails half-way. */
static void write_all(struct file_op *op) {
    size_t done = 0;
    while (done < op->room) {
        ssize_t n = write_some(op, done);
        if (n < 0) {
            fail(op);
            break;
        }
        done += (size_t)n;
    }
    op->offset += (int64_t)done;
    if (op->file->seekable && op->file->flags & O_APPEND)
        op->offset = lseek(op->file->fd, 0, SEEK_CUR);
    op->result = (int64_t)done;
}

static void look_at(struct file_op *op) {
    FileObject *file = op->file;
    struct stat about;
    off_t at;
    if (fstat(file->fd, &about) < 0)
        fail(op);
    else if (S_ISDIR(about.st_mode))
        op->error = -EISDIR;
    if (op->error) {
        if (file->path)
            close(file->fd);
        file->fd = -1;
        return;
    }
    at = lseek(file->fd, 0, file->flags & O_APPEND ? SEEK_END : SEEK_CUR);
    file->seekable = at >= 0;
    file->position = at < 0 ? 0 : at;
    file->size = about.st_size;
}

static void open_it(struct file_op *op) {
    FileObject *file = op->file;
    if (file->path)
        do
            file->fd = open(file->path, file->flags | O_CLOEXEC, 0666);
        while (file->fd < 0 && errno == EINTR);
    if (file->fd < 0)
        fail(op);
    else
        look_at(op);
}

/* The descriptor is gone, whatever close() says. */
static void close_it(struct file_op *op) {
    int fd = op->file->fd;
    op->file->fd = -1;
    if (close(fd) < 0 && errno != EINTR)
        fail(op);
}

void file_work(struct cp_work *work, void *Py_UNUSED(worker)) {
    struct file_op *op = cp_container_of(work, struct file_op, work.core);
    switch (op->call) {
    case FILE_OPEN:
        open_it(op);
        break;
    case FILE_READ_ALL:
        fill_all(op);
        break;
    case FILE_WRITE:
        write_all(op);
        break;
    case FILE_SEEK:
        if ((op->result = lseek(op->file->fd, op->offset, op->whence)) < 0)
            fail(op);
        break;
    case FILE_TRUNCATE:
        if (ftruncate(op->file->fd, op->offset) < 0)
            fail(op);
        break;
    case FILE_SYNC:
        if (fsync(op->file->fd) < 0)
            fail(op);
        break;
    case FILE_CLOSE:
        close_it(op);
        break;
    default:
        fill(op);
    }
}
