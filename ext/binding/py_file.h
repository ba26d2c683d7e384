/* py_file.h - files: what py_file.c (the type), py_file_ops.c (the operations) and py_file_work.c
 * (system calls on the pool) share. */
#ifndef CP_PY_FILE_H
#define CP_PY_FILE_H

#include "binding.h"

enum file_call {
    FILE_OPEN,
    FILE_READ,
    FILE_READ_ALL,
    FILE_READINTO,
    FILE_LINE, /* readline() */
    FILE_NEXT, /* the same for `async for`, which ends at the end of the file */
    FILE_WRITE,
    FILE_SEEK,
    FILE_TELL,
    FILE_TRUNCATE,
    FILE_FLUSH,
    FILE_SYNC,
    FILE_CLOSE,
};

struct file_op;

typedef struct {
    PyObject_HEAD
    LoopObject *loop;
    PyObject *name; /* as it was given to open_file() */
    char *path;     /* of a file that is yet to be opened, else NULL */
    char mode[4];
    int flags;     /* of open(2) */
    int fd;        /* -1: not open yet, or closed */
    bool given;    /* somebody has got this object: it must be closed */
    bool closing;  /* close() was called */
    bool seekable; /* else its position counts the bytes, and reads and writes go through read(2) */
    int64_t position; /* where the next operation begins, in bytes */
    int64_t size;     /* in bytes, as last seen: a hint for read() of all */
    /* bytes that were read ahead: ahead[start .. start + length) are those from `position` on */
    char *ahead;
    size_t start, length, room, buffering;
    struct file_op *first, *last; /* operations in order; the first is on the pool, the rest wait */
} FileObject;

/* One operation, from the call until its promise has settled. Owned by the queue of its file. */
struct file_op {
    struct native_work work;
    struct file_op *next;
    FileObject *file;       /* a reference */
    PromiseObject *promise; /* a reference */
    uint8_t call;           /* enum file_call */
    int whence;             /* SEEK */
    int64_t offset;         /* SEEK, TRUNCATE: as given. READ and WRITE on the pool: where */
    PyObject *bytes;        /* READ: the answer in the making. WRITE: the data. Or NULL */
    Py_buffer view;         /* READINTO: held as long as the operation lives; obj NULL for none */
    Py_ssize_t wanted;      /* READ: bytes that the caller asked for */
    /* what the worker sees: reads into buf[filled .. room) until `least` are there */
    char *buf;
    size_t room, filled, least;
    bool eof;
    int64_t result; /* of what is not a read */
    int error;      /* negative errno, 0 for none */
};

/* Gives op to its file's queue, which starts it when its turn comes. Returns its promise (new
 * reference); steals op, NULL passes the exception on. */
PyObject *file_queue(struct file_op *op);
/* An operation of file, not queued yet. NULL with an exception. */
struct file_op *file_op_new(FileObject *file, enum file_call call);
void file_op_free(struct file_op *op);
/* Runs on the pool, without the GIL: touches only op and the descriptor. py_file_work.c */
void file_work(struct cp_work *work, void *worker);

#endif
