/* py_combine.c - all, all_settled, any, race, all_keyed, all_settled_keyed and map.
 *
 * Each input gets an *element*, the reaction on that input, with the shared Combiner in `ok` and
 * its index in job.word. It is no object: it belongs to the list or queue in which it stands, and
 * the garbage collector sees the Combiner through the input. The ticks are ECMAScript's: one
 * reaction per input.
 *
 *   input -> element -> Combiner -> result       who owns whom; the result points back at the
 *                                                Combiner, and that at its elements, without owning
 *
 * so nothing is a cycle, and yet cancelling the result reaches the inputs. map() is all() that
 * takes its inputs from an iterator when there is room, with a `then` between input and element. */
#include "binding.h"

enum mode { ALL, ALL_SETTLED, ANY, RACE };

typedef struct {
    PyObject_HEAD
    PromiseObject *result;             /* NULL once it has its outcome */
    PyObject *values;                  /* list, filled by index: values, settlements or reasons */
    PyObject *keys;                    /* of a keyed combinator: a list, else NULL */
    PyObject *iterator, *fn, *context; /* of map(): what is to be taken, and what to do with it */
    Py_ssize_t running, concurrency;   /* of map() */
    struct cp_reaction **elements;     /* by index; borrowed; NULL where there is none any more */
    Py_ssize_t room;                   /* of elements */
    Py_ssize_t remaining; /* inputs without an outcome, and one for the taking of inputs itself */
    enum mode mode;
    bool taking; /* inputs, just now */
} CombinerObject;

static CombinerObject *combiner_new(LoopObject *loop, enum mode mode) {
    PyTypeObject *type = loop->state->Combiner;
    CombinerObject *self = (CombinerObject *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    self->mode = mode;
    self->remaining = 1;
    self->concurrency = PY_SSIZE_T_MAX;
    self->values = PyList_New(0);
    if (!self->values || !(self->result = promise_new(loop))) {
        Py_DECREF(self);
        return NULL;
    }
    self->result->core.self.job.kind = KIND_COMBINED;
    self->result->core.self.ok = self;
    return self;
}

/* The result has its outcome, or will never have one by us: it is the caller's. */
static PromiseObject *part_with_result(CombinerObject *self) {
    PromiseObject *result = self->result;
    self->result = NULL;
    if (result) {
        result->core.self.ok = NULL;
        result->core.self.job.kind = CP_PASS;
    }
    return result;
}

/* Steals value. */
static void finish(CombinerObject *self, bool rejected, PyObject *value) {
    PromiseObject *result = part_with_result(self);
    if (!result) {
        Py_DECREF(value);
        return;
    }
    if (rejected)
        promise_reject(result, value);
    else
        promise_fulfil(result, value);
    Py_DECREF(result);
    Py_CLEAR(self->iterator); /* last: it may run any code */
}

/* Nothing will come of it: the result waits for the loop to close. */
static void abandon(CombinerObject *self) {
    PromiseObject *result = part_with_result(self);
    if (result && cp_promise_state(&result->core) == CP_PENDING)
        promise_make_root(result);
    Py_XDECREF(result);
    Py_CLEAR(self->iterator);
}

/* With the raised exception. 0, or -1: it must leave run(). */
static int fail(CombinerObject *self) {
    bool fatal = raised_is_fatal();
    PyObject *raised = take_raised();
    if (!fatal) {
        finish(self, true, raised);
        return 0;
    }
    abandon(self);
    restore_raised(raised);
    return -1;
}

/* ---- Outcomes */

static PyObject *keyed(PyObject *keys, PyObject *values) {
    PyObject *dict = PyDict_New();
    for (Py_ssize_t i = 0; dict && i < PyList_GET_SIZE(keys); i++)
        if (PyDict_SetItem(dict, PyList_GET_ITEM(keys, i), PyList_GET_ITEM(values, i)) < 0)
            Py_CLEAR(dict);
    return dict;
}

/* Every input has had its say. */
static int complete(CombinerObject *self) {
    module_state *state = PROMISE_LOOP(self->result)->state;
    PyObject *value;
    if (self->mode == RACE)
        return 0;
    if (self->mode == ANY)
        value = PyObject_CallOneArg(state->aggregate, self->values);
    else
        value = self->keys ? keyed(self->keys, self->values) : Py_NewRef(self->values);
    if (!value)
        return fail(self);
    finish(self, self->mode == ANY, value);
    return 0;
}

static int one_less(CombinerObject *self) {
    return --self->remaining == 0 && self->result ? complete(self) : 0;
}

static PyObject *settlement(module_state *state, bool rejected, PyObject *value) {
    PyObject *dict = PyDict_New();
    PyObject *status = state->str_states[rejected ? CP_REJECTED : CP_FULFILLED];
    if (dict && PyDict_SetItem(dict, state->str_status, status) == 0 &&
        PyDict_SetItem(dict, rejected ? state->str_reason : state->str_value, value) == 0)
        return dict;
    Py_XDECREF(dict);
    return NULL;
}

/* Steals value. */
static int note(CombinerObject *self, uint32_t index, bool rejected, PyObject *value) {
    if (self->mode == ALL_SETTLED)
        Py_SETREF(value, settlement(PROMISE_LOOP(self->result)->state, rejected, value));
    if (!value || PyList_SetItem(self->values, index, value) < 0)
        return fail(self);
    return one_less(self);
}

static int take_inputs(CombinerObject *self, LoopObject *loop);

/* Steals value. */
static int input_settled(CombinerObject *self, LoopObject *loop, uint32_t index, bool rejected,
                         PyObject *value) {
    int err = 0;
    self->running--;
    if (!self->result)
        Py_DECREF(value);
    else if (self->mode == RACE || (self->mode == ALL && rejected) ||
             (self->mode == ANY && !rejected))
        finish(self, rejected, value);
    else if ((err = note(self, index, rejected, value)) == 0 && self->iterator)
        err = take_inputs(self, loop);
    return err;
}

int run_element(LoopObject *loop, struct cp_job *job) {
    struct cp_reaction *element = cp_reaction_of(job);
    CombinerObject *self = element->ok;
    const uint32_t index = job->word;
    const bool rejected = job->flags & CP_ARG_REJECTED;
    PyObject *value = element->arg;
    int err;
    self->elements[index] = NULL;
    PyObject_Free(element);
    err = input_settled(self, loop, index, rejected, value);
    Py_DECREF(self);
    return err;
}

void element_drop(struct cp_job *job) {
    struct cp_reaction *element = cp_reaction_of(job);
    CombinerObject *self = element->ok;
    if (job->phase == CP_QUEUED)
        Py_DECREF((PyObject *)element->arg);
    self->elements[job->word] = NULL;
    PyObject_Free(element);
    Py_DECREF(self);
}

/* ---- Inputs */

static int make_room(CombinerObject *self, Py_ssize_t index) {
    Py_ssize_t room = self->room ? 2 * self->room : 8;
    struct cp_reaction **elements;
    if (index < self->room)
        return 0;
    if (!(elements = PyMem_Realloc(self->elements, (size_t)room * sizeof *elements))) {
        PyErr_NoMemory();
        return -1;
    }
    self->elements = elements;
    self->room = room;
    return 0;
}

/* source.then(fn), in the context of the call of map(). Steals source. */
static PromiseObject *mapped(CombinerObject *self, PromiseObject *source) {
    PromiseObject *child = source ? promise_new(PROMISE_LOOP(source)) : NULL;
    if (child) {
        child->core.self.job.kind = KIND_THEN;
        child->core.self.ok = Py_NewRef(self->fn);
        child->context = Py_NewRef(self->context);
        promise_subscribe(source, child);
    }
    Py_XDECREF(source);
    return child;
}

static struct cp_reaction *element_new(CombinerObject *self, Py_ssize_t index) {
    struct cp_reaction *element;
    if (make_room(self, index) < 0 || PyList_Append(self->values, Py_None) < 0)
        return NULL;
    if (!(element = PyObject_Malloc(sizeof *element))) {
        PyErr_NoMemory();
        return NULL;
    }
    *element = (struct cp_reaction){.job = {.kind = KIND_ELEMENT, .word = (uint32_t)index},
                                    .ok = Py_NewRef(self)};
    self->elements[index] = element;
    return element;
}

static int add_input(CombinerObject *self, LoopObject *loop, PyObject *input) {
    PromiseObject *source = promise_from(loop, input);
    struct cp_reaction *element;
    if (source && self->fn)
        source = mapped(self, source);
    if (!source || !(element = element_new(self, PyList_GET_SIZE(self->values)))) {
        Py_XDECREF(source);
        return -1;
    }
    self->remaining++;
    self->running++;
    promise_subscribe_reaction(source, element);
    Py_DECREF(source);
    return 0;
}

enum { BREATH = 1024 }; /* inputs between two looks for signals: an iterator may have no end */

/* Takes inputs while there is room for them. An iterator that fails rejects the result, as in
 * ECMAScript. */
static int take_inputs(CombinerObject *self, LoopObject *loop) {
    PyObject *iterator, *input;
    bool exhausted = false;
    int err = 0;
    if (self->taking) /* the iterator itself makes promises settle: whoever takes now goes on */
        return 0;
    self->taking = true;
    iterator = Py_NewRef(self->iterator);
    while (!err && !exhausted && self->iterator && self->running < self->concurrency) {
        if ((exhausted = !(input = PyIter_Next(iterator))))
            break;
        err = add_input(self, loop, input);
        Py_DECREF(input);
        if (!err && PyList_GET_SIZE(self->values) % BREATH == 0)
            err = loop_breathe(loop);
    }
    self->taking = false;
    Py_DECREF(iterator);
    if (PyErr_Occurred())
        return fail(self);
    if (exhausted && self->iterator) {
        Py_CLEAR(self->iterator);
        return one_less(self);
    }
    return 0;
}

/* ---- Making one */

/* Steals iterator, which is NULL with an exception set when there is none: then the result rejects.
 * Steals self. The result, or NULL when an exception must leave at once. */
static PyObject *begin(CombinerObject *self, LoopObject *loop, PyObject *iterator) {
    PyObject *result = Py_NewRef(self->result);
    int err;
    self->iterator = iterator;
    err = iterator ? take_inputs(self, loop) : fail(self);
    Py_DECREF(self);
    if (err < 0)
        Py_CLEAR(result);
    return result;
}

static PyObject *combine(PyTypeObject *defining, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames, const char *name, enum mode mode) {
    LoopObject *loop;
    CombinerObject *self;
    PyObject *result = NULL;
    if (!check_no_keywords(name, kwnames) || !check_nargs(name, nargs, 1, 1) ||
        !(loop = loop_current(state_of_type(defining))))
        return NULL;
    if ((self = combiner_new(loop, mode)))
        result = begin(self, loop, PyObject_GetIter(args[0]));
    Py_DECREF(loop);
    return result;
}

const char promise_all_doc[] =
    "all(iterable, /) -> Promise\n--\n\n"
    "The list of all values, in the order of the inputs; rejects with the first reason.";
PyObject *promise_all(STATIC_PARAMETERS) {
    return combine(defining, args, nargs, kwnames, "all", ALL);
}

const char promise_all_settled_doc[] =
    "all_settled(iterable, /) -> Promise\n--\n\n"
    "The list of all outcomes: {'status': 'fulfilled', 'value': v} or {'status': 'rejected',\n"
    "'reason': r}.";
PyObject *promise_all_settled(STATIC_PARAMETERS) {
    return combine(defining, args, nargs, kwnames, "all_settled", ALL_SETTLED);
}

const char promise_any_doc[] =
    "any(iterable, /) -> Promise\n--\n\n"
    "The first value; rejects with AggregateError when every input was rejected.";
PyObject *promise_any(STATIC_PARAMETERS) {
    return combine(defining, args, nargs, kwnames, "any", ANY);
}

const char promise_race_doc[] =
    "race(iterable, /) -> Promise\n--\n\n"
    "Settles as the first of the inputs does; stays pending when there are none.";
PyObject *promise_race(STATIC_PARAMETERS) {
    return combine(defining, args, nargs, kwnames, "race", RACE);
}

/* The keys go to self->keys. An iterator over the values, or NULL with an exception. */
static PyObject *split(CombinerObject *self, PyObject *mapping) {
    PyObject *keys = PyMapping_Check(mapping) && !PyList_Check(mapping) && !PyTuple_Check(mapping)
                         ? PyMapping_Keys(mapping)
                         : NULL;
    PyObject *values = keys ? PyList_New(0) : NULL, *iterator, *value;
    if (!keys && !PyErr_Occurred())
        PyErr_Format(PyExc_TypeError, "a mapping is needed, not %.200s", Py_TYPE(mapping)->tp_name);
    for (Py_ssize_t i = 0; values && i < PyList_GET_SIZE(keys); i++) {
        value = PyObject_GetItem(mapping, PyList_GET_ITEM(keys, i));
        if (!value || PyList_Append(values, value) < 0)
            Py_CLEAR(values);
        Py_XDECREF(value);
    }
    self->keys = keys;
    iterator = values ? PyObject_GetIter(values) : NULL;
    Py_XDECREF(values);
    return iterator;
}

static PyObject *combine_keyed(PyObject *module, PyObject *mapping, enum mode mode) {
    LoopObject *loop = loop_current(state_of_module(module));
    CombinerObject *self;
    PyObject *result = NULL;
    if (!loop)
        return NULL;
    if ((self = combiner_new(loop, mode)))
        result = begin(self, loop, split(self, mapping));
    Py_DECREF(loop);
    return result;
}

const char cp_all_keyed_doc[] =
    "all_keyed(mapping, /) -> Promise\n--\n\n"
    "As Promise.all for the values of a mapping: a dict of the same keys, in their order.";
PyObject *cp_all_keyed(PyObject *module, PyObject *mapping) {
    return combine_keyed(module, mapping, ALL);
}

const char cp_all_settled_keyed_doc[] =
    "all_settled_keyed(mapping, /) -> Promise\n--\n\n"
    "As Promise.all_settled for the values of a mapping: a dict of the same keys, in their order.";
PyObject *cp_all_settled_keyed(PyObject *module, PyObject *mapping) {
    return combine_keyed(module, mapping, ALL_SETTLED);
}

/* ---- map */

static int parse_concurrency(PyObject *value, Py_ssize_t *concurrency) {
    *concurrency = PY_SSIZE_T_MAX;
    if (value == Py_None)
        return 0;
    *concurrency = PyNumber_AsSsize_t(value, PyExc_OverflowError);
    if (*concurrency >= 1 || PyErr_Occurred())
        return PyErr_Occurred() ? -1 : 0;
    PyErr_Format(PyExc_ValueError, "map(iterable, fn, concurrency): at least 1 or None, not %zd",
                 *concurrency);
    return -1;
}

static PyObject *begin_map(LoopObject *loop, PyObject *iterable, PyObject *fn, Py_ssize_t most) {
    CombinerObject *self = combiner_new(loop, ALL);
    if (!self)
        return NULL;
    self->fn = Py_NewRef(fn);
    self->concurrency = most;
    if (!(self->context = context_capture(loop))) {
        Py_DECREF(self);
        return NULL;
    }
    return begin(self, loop, PyObject_GetIter(iterable));
}

const char cp_map_doc[] =
    "map(iterable, fn, /, concurrency=None) -> Promise\n--\n\n"
    "The list of fn(value) for each value, in the order of the inputs, which may be promises, as "
    "may\n"
    "what fn returns. At most `concurrency` of them are under way at a time, and the iterable is\n"
    "asked for its next item only then. The first rejection is the result's, and ends the asking.";
PyObject *cp_map(PyObject *module, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"", "", "concurrency", NULL};
    PyObject *iterable, *fn, *limit = Py_None, *result;
    LoopObject *loop;
    Py_ssize_t most;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|O:map", keywords, &iterable, &fn, &limit) ||
        parse_concurrency(limit, &most) < 0)
        return NULL;
    if (!PyCallable_Check(fn))
        return PyErr_Format(PyExc_TypeError, "map(iterable, fn): fn must be callable, not %.200s",
                            Py_TYPE(fn)->tp_name);
    if (!(loop = loop_current(state_of_module(module))))
        return NULL;
    result = begin_map(loop, iterable, fn, most);
    Py_DECREF(loop);
    return result;
}

/* ---- Cancelling, and the type */

/* The inputs that nobody else waits for go on `list`, to be cancelled. */
static int leave_inputs(CombinerObject *self, PyObject *list) {
    PromiseObject *source;
    int err = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(self->values) && !err; i++) {
        source = self->elements[i] ? reaction_leave(self->elements[i]) : NULL;
        if (source)
            err = PyList_Append(list, (PyObject *)source);
        Py_XDECREF(source);
    }
    return err;
}

static void cancel_all(LoopObject *loop, PyObject *list) {
    PyObject *source;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) { /* it grows meanwhile */
        source = Py_NewRef(PyList_GET_ITEM(list, i));
        if (promise_cancel((PromiseObject *)source, NULL) < 0)
            loop_report(loop, source);
        Py_DECREF(source);
    }
}

/* Inputs may be results of others, to any depth: whoever is first does it for all, without
 * recursion. */
static void cancel_inputs(CombinerObject *self, LoopObject *loop) {
    bool first = !loop->to_cancel;
    if (first && !(loop->to_cancel = PyList_New(0))) {
        loop_report(loop, (PyObject *)loop);
        return;
    }
    if (leave_inputs(self, loop->to_cancel) < 0)
        loop_report(loop, (PyObject *)loop);
    if (first) {
        cancel_all(loop, loop->to_cancel);
        Py_CLEAR(loop->to_cancel);
    }
}

void combiner_cancel(PyObject *combiner) {
    CombinerObject *self = (CombinerObject *)Py_NewRef(combiner);
    PromiseObject *result = part_with_result(self);
    if (result)
        cancel_inputs(self, PROMISE_LOOP(result));
    Py_XDECREF(result);
    Py_CLEAR(self->iterator);
    Py_DECREF(self);
}

static int combiner_traverse(CombinerObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->result);
    Py_VISIT(self->values);
    Py_VISIT(self->keys);
    Py_VISIT(self->iterator);
    Py_VISIT(self->fn);
    Py_VISIT(self->context);
    return 0;
}

static int combiner_clear(CombinerObject *self) {
    abandon(self);
    Py_CLEAR(self->values);
    Py_CLEAR(self->keys);
    Py_CLEAR(self->fn);
    Py_CLEAR(self->context);
    return 0;
}

static void combiner_dealloc(CombinerObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    combiner_clear(self);
    PyMem_Free(self->elements);
    PyObject_GC_Del(self);
    Py_DECREF(type);
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
