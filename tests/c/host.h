/* host.h - a host for the core in which values are numbers: for the tests of ext/core, without
 * Python.
 *
 * A promise here is a struct node. Handlers are C functions. Every reference that the core says is
 * owed is counted in `refs`, and every one that comes back is taken off: at the end of a test all
 * counts must be 0, which is the whole contract between core and host. */
#ifndef TEST_HOST_H
#define TEST_HOST_H

#include "../../ext/core/cp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct node;

/* A handler gets the value and settles the node of its reaction itself. */
typedef void (*handler_fn)(struct node *node, intptr_t value);

struct node {
    struct cp_promise core;
    handler_fn rejected; /* self.ok is the other one */
    int refs;
};

extern char trace[4096]; /* what ran, in its order */
extern int value_refs;   /* references to values that are held */
extern int unhandled_seen;
extern int breaths; /* calls of host->breathe */
extern const struct cp_host test_host;

void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define NODE_OF(p) cp_container_of(p, struct node, core)

void host_begin(struct cp_loop *loop);
void host_end(struct cp_loop *loop);
/* Whether that poller cannot be had here; then it says so, as a skipped test. */
bool host_refused(const struct cp_poller *poller);

void node_init(struct node *node, struct cp_loop *loop);
/* then(on_ok, on_rejected); child must be fresh. */
void node_then(struct node *node, struct node *child, handler_fn ok, handler_fn rejected);
void node_fulfil(struct node *node, intptr_t value);
void node_reject(struct node *node, intptr_t reason);
void node_adopt(struct node *node, struct node *other);
/* Gives up a settled node's value. */
void node_drop(struct node *node);

/* Makes the nth allocation of the core from now on fail, and all after it; 0: none. */
void fail_allocation(int nth);

#endif
