/* py_combine.c - Promise.all and Promise.race.
 *
 * Each input gets an *element*: a promise that is never settled itself and serves as the reaction
 * on that input, with the shared Combiner in `ok` and its index in job.word. The ticks are
 * ECMAScript's: one reaction per input. */
#include "binding.h"

typedef struct {
    PyObject_HEAD
    PromiseObject *result;
    PyObject *values;     /* list, filled by index; NULL for race */
    Py_ssize_t remaining; /* inputs without a value, and one for the loop over the inputs itself */
} CombinerObject;

static CombinerObject *combiner_new(LoopObject *loop, bool collect) {
    CombinerObject *self = PyObject_GC_New(CombinerObject, loop->state->Combiner);
    if (!self)
        return NULL;
    self->remaining = 1;
    self->result = promise_new(loop);
    self->values = collect ? PyList_New(0) : NULL;
    PyObject_GC_Track(self);
    if (!self->result || (collect && !self->values))
        Py_CLEAR(self);
    return self;
}

static int combiner_traverse(CombinerObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->result);
    Py_VISIT(self->values);
    return 0;
}

static int combiner_clear(CombinerObject *self) {
    Py_CLEAR(self->values);
    return 0;
}

static void combiner_dealloc(CombinerObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->result);
    Py_XDECREF(self->values);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static void one_value_less(CombinerObject *self) {
    if (--self->remaining == 0 && self->values)
        promise_fulfil(self->result, Py_NewRef(self->values));
}

int run_element(PromiseObject *p) {
    CombinerObject *self = p->core.self.ok;
    PyObject *value = p->core.self.arg;
    p->core.self.ok = p->core.self.arg = NULL;
    if (p->core.self.job.flags & CP_ARG_REJECTED) {
        promise_reject(self->result, value);
    } else if (!self->values) {
        promise_fulfil(self->result, value);
    } else {
        PyList_SetItem(self->values, (Py_ssize_t)p->core.self.job.word, value);
        one_value_less(self);
    }
    Py_DECREF(self);
    Py_DECREF(p);
    return 0;
}

static int add_input(CombinerObject *self, LoopObject *loop, PyObject *input, uint32_t index) {
    PromiseObject *source = promise_from(loop, input), *element = source ? promise_new(loop) : NULL;
    int err = -1;
    if (element && (!self->values || PyList_Append(self->values, Py_None) == 0)) {
        element->core.self.job.kind = KIND_ELEMENT;
        element->core.self.job.word = index;
        element->core.self.ok = Py_NewRef(self);
        self->remaining++;
        promise_subscribe(source, element);
        err = 0;
    }
    Py_XDECREF(element);
    Py_XDECREF(source);
    return err;
}

static int add_inputs(CombinerObject *self, LoopObject *loop, PyObject *iterable) {
    PyObject *iterator = PyObject_GetIter(iterable), *input;
    int err = iterator ? 0 : -1;
    for (uint32_t index = 0; !err && (input = PyIter_Next(iterator)); index++) {
        err = add_input(self, loop, input, index);
        Py_DECREF(input);
    }
    Py_XDECREF(iterator);
    return PyErr_Occurred() ? -1 : err;
}

/* An iterable that fails rejects the result, as in ECMAScript: the caller gets a promise in every
 * case. */
static PyObject *combine(PyTypeObject *defining, PyObject *const *args, Py_ssize_t nargs,
                         const char *name, bool collect) {
    LoopObject *loop;
    CombinerObject *self;
    PyObject *result = NULL;
    if (!check_nargs(name, nargs, 1, 1) || !(loop = loop_current(state_of_type(defining))))
        return NULL;
    if ((self = combiner_new(loop, collect))) {
        result = Py_NewRef(self->result);
        if (add_inputs(self, loop, args[0]) == 0)
            one_value_less(self);
        else if (promise_reject_raised(self->result) < 0)
            Py_CLEAR(result);
        Py_DECREF(self);
    }
    Py_DECREF(loop);
    return result;
}

const char promise_all_doc[] =
    "all(iterable, /) -> Promise\n--\n\n"
    "The list of all values, in the order of the inputs; rejects with the first reason.";
PyObject *promise_all(PyObject *Py_UNUSED(cls), PyTypeObject *defining, PyObject *const *args,
                      Py_ssize_t nargs, PyObject *Py_UNUSED(kwnames)) {
    return combine(defining, args, nargs, "all", true);
}

const char promise_race_doc[] =
    "race(iterable, /) -> Promise\n--\n\n"
    "Settles as the first of the inputs does; stays pending when there are none.";
PyObject *promise_race(PyObject *Py_UNUSED(cls), PyTypeObject *defining, PyObject *const *args,
                       Py_ssize_t nargs, PyObject *Py_UNUSED(kwnames)) {
    return combine(defining, args, nargs, "race", false);
}

static PyType_Slot combiner_slots[] = {
    {Py_tp_dealloc, combiner_dealloc},
    {Py_tp_traverse, combiner_traverse},
    {Py_tp_clear, combiner_clear},
    {0, NULL},
};

PyType_Spec combiner_spec = {
    .name = "cpromise.Combiner",
    .basicsize = sizeof(CombinerObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = combiner_slots,
};
