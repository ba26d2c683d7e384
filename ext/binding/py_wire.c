/* py_wire.c - values as bytes, for another interpreter or process: None, bool, int of 64 bits, float,
 * bytes, str and tuples of them as they are; a value in which there is anything else is pickled as a
 * whole, so that what it holds twice is one object there, too.
 *
 * A value is a tag and what follows it, numbers in the machine's order: both ends are one program.
 *
 *   N T F                 None, True, False
 *   i f                   8 bytes: int64_t, double
 *   b s p                 8 bytes: the size; then bytes, UTF-8 (surrogates kept), a pickle
 *   t                     8 bytes: the count; then the items */
#include "binding.h"
#include <stdatomic.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { FIRST_ROOM = 512, DEEPEST = 100 };

struct out {
    char *bytes; /* PyMem */
    size_t size, room;
};

struct in {
    const char *at, *end;
};

/* What can happen to a value: it is written, it is not a simple one, an exception is set. */
enum { WRITTEN = 0, NOT_SIMPLE = 1 };

static int put(struct out *out, const void *bytes, size_t size) {
    if (out->room - out->size < size) {
        size_t room = out->room ? out->room : FIRST_ROOM;
        char *grown;
        while (room - out->size < size)
            room *= 2;
        if (!(grown = PyMem_Realloc(out->bytes, room))) {
            PyErr_NoMemory();
            return -1;
        }
        out->bytes = grown;
        out->room = room;
    }
    memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
    return WRITTEN;
}

static int put_word(struct out *out, char tag, const void *word) {
    char bytes[9];
    bytes[0] = tag;
    memcpy(bytes + 1, word, 8);
    return put(out, bytes, sizeof bytes);
}

static int put_sized(struct out *out, char tag, const void *bytes, Py_ssize_t size) {
    int64_t word = size;
    return put_word(out, tag, &word) < 0 ? -1 : put(out, bytes, (size_t)size);
}

static int put_int(struct out *out, PyObject *value) {
    int overflow;
    int64_t word = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow)
        return NOT_SIMPLE;
    return put_word(out, 'i', &word);
}

static int put_float(struct out *out, PyObject *value) {
    double word = PyFloat_AS_DOUBLE(value);
    return put_word(out, 'f', &word);
}

static int put_str(struct out *out, PyObject *value) {
    PyObject *bytes;
    int err;
    if (PyUnicode_IS_ASCII(value))
        return put_sized(out, 's', PyUnicode_DATA(value), PyUnicode_GET_LENGTH(value));
    if (!(bytes = PyUnicode_AsEncodedString(value, "utf-8", "surrogatepass")))
        return -1;
    err = put_sized(out, 's', PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
    Py_DECREF(bytes);
    return err;
}

static int put_simple(struct out *out, PyObject *value, int depth);

static int put_tuple(struct out *out, PyObject *value, int depth) {
    int64_t count = PyTuple_GET_SIZE(value);
    int err = depth < DEEPEST ? put_word(out, 't', &count) : NOT_SIMPLE;
    for (Py_ssize_t i = 0; i < count && err == WRITTEN; i++)
        err = put_simple(out, PyTuple_GET_ITEM(value, i), depth + 1);
    return err;
}

static int put_simple(struct out *out, PyObject *value, int depth) {
    if (value == Py_None)
        return put(out, "N", 1);
    if (PyBool_Check(value))
        return put(out, value == Py_True ? "T" : "F", 1);
    if (PyLong_CheckExact(value))
        return put_int(out, value);
    if (PyFloat_CheckExact(value))
        return put_float(out, value);
    if (PyBytes_CheckExact(value))
        return put_sized(out, 'b', PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value));
    if (PyUnicode_CheckExact(value))
        return put_str(out, value);
    return PyTuple_CheckExact(value) ? put_tuple(out, value, depth) : NOT_SIMPLE;
}

/* pickle.<name>(*args). New reference. */
static PyObject *pickle(const char *name, PyObject *first, int protocol) {
    PyObject *module = PyImport_ImportModule("pickle"), *result = NULL;
    if (module)
        result = protocol ? PyObject_CallMethod(module, name, "Oi", first, protocol)
                          : PyObject_CallMethod(module, name, "O", first);
    Py_XDECREF(module);
    return result;
}

static int put_pickled(struct out *out, PyObject *value) {
    PyObject *bytes = pickle("dumps", value, 5);
    int err = -1;
    out->size = 0;
    if (bytes)
        err = put_sized(out, 'p', PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
    Py_XDECREF(bytes);
    return err;
}

PyObject *cp_pack(PyObject *Py_UNUSED(module), PyObject *value) {
    struct out out = {0};
    PyObject *packed = NULL;
    int err = put_simple(&out, value, 0);
    if (err == NOT_SIMPLE)
        err = put_pickled(&out, value);
    if (err == WRITTEN)
        packed = PyBytes_FromStringAndSize(out.bytes, (Py_ssize_t)out.size);
    PyMem_Free(out.bytes);
    return packed;
}

/* ---- Back */

static PyObject *cut_short(void) {
    PyErr_SetString(PyExc_ValueError, "these bytes are no packed value");
    return NULL;
}

static bool take(struct in *in, void *to, size_t size) {
    if ((size_t)(in->end - in->at) < size)
        return false;
    memcpy(to, in->at, size);
    in->at += size;
    return true;
}

/* The bytes after a size; *size is how many. NULL: there are fewer. */
static const char *take_sized(struct in *in, Py_ssize_t *size) {
    const char *bytes;
    int64_t word;
    if (!take(in, &word, sizeof word) || word < 0 || word > in->end - in->at)
        return NULL;
    bytes = in->at;
    in->at += word;
    *size = (Py_ssize_t)word;
    return bytes;
}

static PyObject *get_pickled(const char *bytes, Py_ssize_t size) {
    PyObject *view = PyMemoryView_FromMemory((char *)bytes, size, PyBUF_READ), *value = NULL;
    if (view)
        value = pickle("loads", view, 0);
    Py_XDECREF(view);
    return value;
}

static PyObject *get_sized(struct in *in, char tag) {
    Py_ssize_t size;
    const char *bytes = take_sized(in, &size);
    if (!bytes)
        return cut_short();
    if (tag == 'b')
        return PyBytes_FromStringAndSize(bytes, size);
    return tag == 's' ? PyUnicode_DecodeUTF8(bytes, size, "surrogatepass")
                      : get_pickled(bytes, size);
}

static PyObject *get(struct in *in, int depth);

static PyObject *get_tuple(struct in *in, int depth) {
    PyObject *tuple, *item;
    int64_t count;
    if (!take(in, &count, sizeof count) || count < 0 || count > in->end - in->at || depth > DEEPEST)
        return cut_short();
    tuple = PyTuple_New((Py_ssize_t)count);
    for (Py_ssize_t i = 0; tuple && i < count; i++) {
        if ((item = get(in, depth + 1)))
            PyTuple_SET_ITEM(tuple, i, item);
        else
            Py_CLEAR(tuple);
    }
    return tuple;
}

static PyObject *get_number(struct in *in, char tag) {
    union {
        int64_t whole;
        double real;
    } word;
    if (!take(in, &word, sizeof word))
        return cut_short();
    return tag == 'i' ? PyLong_FromLongLong(word.whole) : PyFloat_FromDouble(word.real);
}

static PyObject *get(struct in *in, int depth) {
    char tag;
    if (!take(in, &tag, 1))
        return cut_short();
    switch (tag) {
    case 'N':
        return Py_NewRef(Py_None);
    case 'T':
    case 'F':
        return PyBool_FromLong(tag == 'T');
    case 'i':
    case 'f':
        return get_number(in, tag);
    case 'b':
    case 's':
    case 'p':
        return get_sized(in, tag);
    case 't':
        return get_tuple(in, depth);
    default:
        return cut_short();
    }
}

PyObject *cp_unpack(PyObject *Py_UNUSED(module), PyObject *bytes) {
    Py_buffer view;
    PyObject *value;
    struct in in;
    if (PyObject_GetBuffer(bytes, &view, PyBUF_SIMPLE) < 0)
        return NULL;
    in = (struct in){.at = view.buf, .end = (char *)view.buf + view.len};
    value = get(&in, 0);
    if (value && in.at != in.end) {
        Py_CLEAR(value);
        cut_short();
    }
    PyBuffer_Release(&view);
    return value;
}

/* ---- For worker processes */

/* Memory that two processes share: whoever puts its mark into an empty byte first has it. */
PyObject *cp_claim(PyObject *Py_UNUSED(module), PyObject *args) {
    unsigned char expected = 0, mark;
    Py_ssize_t index;
    Py_buffer view;
    bool ours;
    if (!PyArg_ParseTuple(args, "w*nb:_claim", &view, &index, &mark))
        return NULL;
    if (index < 0 || index >= view.len) {
        PyBuffer_Release(&view);
        PyErr_SetString(PyExc_IndexError, "_claim(): there is no such byte");
        return NULL;
    }
    ours =
        atomic_compare_exchange_strong((_Atomic unsigned char *)view.buf + index, &expected, mark);
    PyBuffer_Release(&view);
    return PyBool_FromLong(ours);
}

/* The parent may have died before; then this process ends now. */
PyObject *cp_die_with(PyObject *Py_UNUSED(module), PyObject *args) {
    int parent, signal_number;
    if (!PyArg_ParseTuple(args, "ii:_die_with", &parent, &signal_number))
        return NULL;
    if (prctl(PR_SET_PDEATHSIG, signal_number) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    return PyBool_FromLong(getppid() == (pid_t)parent);
}
