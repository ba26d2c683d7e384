/* promise.c - the promise state machine. It knows the loop only as a place to queue jobs.
 *
 * A pending promise keeps its reactions as a circular list and points to the *last* one: appending
 * and handing the whole list over are O(1), and the order of registration is kept without reversing
 * anything. Settling turns each waiting reaction into a queued job in place (see the table in
 * cp.h), so it allocates nothing and cannot fail. */
#include "cp.h"

static void append(struct cp_promise *p, struct cp_reaction *reaction) {
    struct cp_job *last = p->value, *job = &reaction->job;
    if (last) {
        job->next = last->next;
        last->next = job;
    } else {
        job->next = job;
    }
    p->value = job;
    reaction->arg = p;
    job->phase = CP_WAITING;
}

/* The reaction starts its second life: it carries `value` and is queued. */
static void queue_reaction(struct cp_loop *loop, struct cp_reaction *r, enum cp_state state,
                           void *value) {
    r->arg = value;
    r->job.phase = CP_QUEUED;
    if (state == CP_REJECTED)
        r->job.flags |= CP_ARG_REJECTED;
    else
        r->job.flags &= (uint8_t)~CP_ARG_REJECTED;
    cp_enqueue(loop, &r->job);
}

int cp_promise_subscribe(struct cp_promise *p, struct cp_reaction *reaction) {
    p->self.job.flags |= CP_HANDLED;
    if (cp_promise_state(p) == CP_PENDING) {
        append(p, reaction);
        return 0;
    }
    queue_reaction(p->loop, reaction, cp_promise_state(p), p->value);
    return 1;
}

void cp_promise_unsubscribe(struct cp_reaction *reaction) {
    struct cp_promise *p = reaction->arg;
    struct cp_job *last = p->value, *before = last;
    while (before->next != &reaction->job)
        before = before->next;
    before->next = reaction->job.next;
    if (&reaction->job == last)
        p->value = before == last ? NULL : before;
    reaction->job.phase = CP_IDLE;
    reaction->arg = NULL;
}

int cp_promise_settle(struct cp_promise *p, enum cp_state state, void *value) {
    struct cp_job *last = p->value, *job = last ? last->next : NULL;
    int queued = 0;

    p->value = value;
    __atomic_store_n(&p->self.job.state, (uint8_t)state, __ATOMIC_RELEASE);
    while (job) {
        struct cp_job *next = job == last ? NULL : job->next; /* queueing overwrites the link */
        queue_reaction(p->loop, cp_reaction_of(job), state, value);
        queued++;
        job = next;
    }
    if (state == CP_REJECTED && !(p->self.job.flags & CP_HANDLED)) {
        cp_queue_push(&p->loop->unhandled, &p->self.job);
        cp_notify(p->loop);
        return -1;
    }
    return queued;
}

bool cp_promise_has_reactions(const struct cp_promise *p, int count) {
    const struct cp_job *last = p->value;
    return count ? last && last->next == last : !last;
}

void cp_promise_adopt(struct cp_promise *p, struct cp_promise *q) {
    p->self.job.kind = CP_ADOPT;
    p->self.job.phase = CP_QUEUED;
    p->self.arg = q;
    cp_enqueue(p->loop, &p->self.job);
}

struct cp_promise *cp_unhandled_next(struct cp_loop *loop, void (*drop)(struct cp_promise *)) {
    struct cp_job *job;
    while ((job = cp_queue_pop(&loop->unhandled))) {
        struct cp_promise *p = cp_promise_of(job);
        if (!(job->flags & CP_HANDLED)) {
            job->flags |= CP_REPORTED;
            return p;
        }
        drop(p);
    }
    return NULL;
}

void cp_unhandled_sweep(struct cp_loop *loop, void (*drop)(struct cp_promise *)) {
    struct cp_queue all = loop->unhandled;
    struct cp_job *job;
    loop->unhandled.head = NULL;
    while ((job = cp_queue_pop(&all))) {
        if (job->flags & CP_HANDLED)
            drop(cp_promise_of(job));
        else
            cp_queue_push(&loop->unhandled, job);
    }
}

int cp_promise_visit(struct cp_promise *p, int (*visit)(struct cp_job *, void *), void *arg) {
    struct cp_job *last = p->value, *job;
    int stop;
    if (cp_promise_state(p) != CP_PENDING || !last)
        return 0;
    job = last;
    do {
        job = job->next;
        if ((stop = visit(job, arg)))
            return stop;
    } while (job != last);
    return 0;
}

struct cp_job *cp_promise_detach(struct cp_promise *p) {
    struct cp_job *last = p->value, *first;
    if (cp_promise_state(p) != CP_PENDING || !last)
        return NULL;
    first = last->next;
    last->next = NULL;
    p->value = NULL;
    for (struct cp_job *job = first; job; job = job->next) {
        job->phase = CP_DETACHED;
        cp_reaction_of(job)->arg = NULL;
    }
    return first;
}
