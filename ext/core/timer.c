/* timer.c - timers in a 4-ary min-heap.
 *
 * Order: the earlier deadline first; of equal deadlines the one that was started first. Four
 * children a node make the heap half as deep as a binary one, and the four lie in one or two cache
 * lines, deadlines included: among a million timers a look at each timer itself would be a cache
 * miss. Each timer knows its slot, so stopping one costs what starting it does, and nothing dead is
 * left behind. */
#include "cp.h"
#include <errno.h>
#include <time.h>

enum { ARITY = 4, FIRST_ROOM = 64 };

cp_ns cp_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (cp_ns)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool before(struct cp_entry a, struct cp_entry b) {
    return a.when < b.when || (a.when == b.when && a.timer->seq < b.timer->seq);
}

static void place(struct cp_heap *heap, size_t index, struct cp_entry entry) {
    heap->entries[index] = entry;
    entry.timer->slot = index + 1;
}

static void sift_up(struct cp_heap *heap, size_t index, struct cp_entry entry) {
    while (index > 0) {
        size_t parent = (index - 1) / ARITY;
        if (!before(entry, heap->entries[parent]))
            break;
        place(heap, index, heap->entries[parent]);
        index = parent;
    }
    place(heap, index, entry);
}

static size_t least_child(const struct cp_heap *heap, size_t index) {
    size_t first = ARITY * index + 1, least = first;
    for (size_t c = first + 1; c < first + ARITY && c < heap->count; c++)
        if (before(heap->entries[c], heap->entries[least]))
            least = c;
    return least;
}

static void sift_down(struct cp_heap *heap, size_t index, struct cp_entry entry) {
    while (ARITY * index + 1 < heap->count) {
        size_t child = least_child(heap, index);
        if (!before(heap->entries[child], entry))
            break;
        place(heap, index, heap->entries[child]);
        index = child;
    }
    place(heap, index, entry);
}

static int make_room(struct cp_heap *heap) {
    size_t room = heap->room ? 2 * heap->room : FIRST_ROOM;
    struct cp_entry *entries;
    if (heap->count < heap->room)
        return 0;
    if (!(entries = cp_mem.resize(heap->entries, room * sizeof *entries)))
        return -ENOMEM;
    heap->entries = entries;
    heap->room = room;
    return 0;
}

int cp_timer_start(struct cp_loop *loop, struct cp_timer *timer, cp_ns when) {
    struct cp_heap *heap = &loop->heap;
    if (make_room(heap) < 0)
        return -ENOMEM;
    timer->when = when;
    timer->seq = heap->seq++;
    sift_up(heap, heap->count++, (struct cp_entry){when, timer});
    cp_notify(loop);
    return 0;
}

bool cp_timer_stop(struct cp_loop *loop, struct cp_timer *timer) {
    struct cp_heap *heap = &loop->heap;
    size_t index = timer->slot - 1;
    struct cp_entry moved;
    if (!timer->slot)
        return false;
    timer->slot = 0;
    moved = heap->entries[--heap->count];
    if (moved.timer == timer)
        return true;
    if (index > 0 && before(moved, heap->entries[(index - 1) / ARITY]))
        sift_up(heap, index, moved);
    else
        sift_down(heap, index, moved);
    return true;
}

struct cp_timer *cp_loop_take_timer(struct cp_loop *loop) {
    struct cp_timer *timer = loop->heap.count ? loop->heap.entries[0].timer : NULL;
    if (timer)
        cp_timer_stop(loop, timer);
    return timer;
}
