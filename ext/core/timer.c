/* timer.c - timers in a 4-ary min-heap of pointers.
 *
 * Order: the earlier deadline first; of equal deadlines the one that was started first. Four
 * children a node make the heap half as deep as a binary one, and the four lie in one or two cache
 * lines. Each timer knows its slot, so stopping one costs what starting it does, and nothing dead
 * is left behind. */
#include "cp.h"
#include <errno.h>
#include <time.h>

enum { ARITY = 4, FIRST_ROOM = 64 };

cp_ns cp_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (cp_ns)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool before(const struct cp_timer *a, const struct cp_timer *b) {
    return a->when < b->when || (a->when == b->when && a->seq < b->seq);
}

static void place(struct cp_heap *heap, size_t index, struct cp_timer *timer) {
    heap->timers[index] = timer;
    timer->slot = index + 1;
}

static void sift_up(struct cp_heap *heap, size_t index, struct cp_timer *timer) {
    while (index > 0) {
        size_t parent = (index - 1) / ARITY;
        if (!before(timer, heap->timers[parent]))
            break;
        place(heap, index, heap->timers[parent]);
        index = parent;
    }
    place(heap, index, timer);
}

static size_t least_child(const struct cp_heap *heap, size_t index) {
    size_t first = ARITY * index + 1, least = first;
    for (size_t c = first + 1; c < first + ARITY && c < heap->count; c++)
        if (before(heap->timers[c], heap->timers[least]))
            least = c;
    return least;
}

static void sift_down(struct cp_heap *heap, size_t index, struct cp_timer *timer) {
    while (ARITY * index + 1 < heap->count) {
        size_t child = least_child(heap, index);
        if (!before(heap->timers[child], timer))
            break;
        place(heap, index, heap->timers[child]);
        index = child;
    }
    place(heap, index, timer);
}

static int make_room(struct cp_heap *heap) {
    size_t room = heap->room ? 2 * heap->room : FIRST_ROOM;
    struct cp_timer **timers;
    if (heap->count < heap->room)
        return 0;
    if (!(timers = cp_mem.resize(heap->timers, room * sizeof *timers)))
        return -ENOMEM;
    heap->timers = timers;
    heap->room = room;
    return 0;
}

int cp_timer_start(struct cp_loop *loop, struct cp_timer *timer, cp_ns when) {
    struct cp_heap *heap = &loop->heap;
    if (make_room(heap) < 0)
        return -ENOMEM;
    timer->when = when;
    timer->seq = heap->seq++;
    sift_up(heap, heap->count++, timer);
    cp_notify(loop);
    return 0;
}

bool cp_timer_stop(struct cp_loop *loop, struct cp_timer *timer) {
    struct cp_heap *heap = &loop->heap;
    size_t index = timer->slot - 1;
    struct cp_timer *moved;
    if (!timer->slot)
        return false;
    timer->slot = 0;
    moved = heap->timers[--heap->count];
    if (moved == timer)
        return true;
    if (index > 0 && before(moved, heap->timers[(index - 1) / ARITY]))
        sift_up(heap, index, moved);
    else
        sift_down(heap, index, moved);
    return true;
}

struct cp_timer *cp_loop_take_timer(struct cp_loop *loop) {
    struct cp_timer *timer = loop->heap.count ? loop->heap.timers[0] : NULL;
    if (timer)
        cp_timer_stop(loop, timer);
    return timer;
}
