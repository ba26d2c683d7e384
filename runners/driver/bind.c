/* bind.c - see bind.h. A policy is an order of sorting: each PU gets a key of five numbers. */
#include "bind.h"
#include "ini.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PUS_MAX = 1024, KEYS = 5 };

/* Where a PU is: the logical number of what it belongs to, 0 where the machine has no such thing. */
struct spot {
    int os, pu, core, cache, node, package;
    int site;      /* a node, or the part of one in a package */
    int sibling;   /* how many PUs of its core come before it */
    int key[KEYS]; /* by the policy */
};

/* ---- Where PUs are */

static int ancestor(const struct machine *machine, hwloc_obj_t pu, hwloc_obj_type_t type) {
    hwloc_obj_t found = hwloc_get_ancestor_obj_by_type(machine->topology, type, pu);
    return found ? (int)found->logical_index : 0;
}

static int collect(const struct machine *machine, struct spot *spots) {
    int count = 0;
    for (int i = 0; i < machine->npus && count < PUS_MAX; i++) {
        hwloc_obj_t pu = hwloc_get_pu_obj_by_os_index(machine->topology, (unsigned)machine->pus[i]);
        if (!pu)
            continue;
        spots[count++] = (struct spot){.os = machine->pus[i],
                                       .pu = (int)pu->logical_index,
                                       .core = ancestor(machine, pu, HWLOC_OBJ_CORE),
                                       .cache = ancestor(machine, pu, HWLOC_OBJ_L3CACHE),
                                       .node = hwloc_bitmap_first(pu->nodeset),
                                       .package = ancestor(machine, pu, HWLOC_OBJ_PACKAGE)};
        spots[count - 1].site = spots[count - 1].package * PUS_MAX + spots[count - 1].node;
    }
    for (int i = 0; i < count; i++)
        for (int k = 0; k < count; k++)
            spots[i].sibling += spots[k].core == spots[i].core && spots[k].pu < spots[i].pu;
    return count;
}

/* How many different things `of` (a core, a cache ...) of the same whole come before that of `spot`.
 */
static int rank(const struct spot *spots, int count, const struct spot *spot, size_t of,
                size_t whole) {
#define AT(s, offset) (*(const int *)((const char *)(s) + (offset)))
    int before = 0, last = -1;
    for (;;) {
        int next = AT(spot, of);
        for (int i = 0; i < count; i++)
            if (AT(&spots[i], whole) == AT(spot, whole) && AT(&spots[i], of) > last &&
                AT(&spots[i], of) < next)
                next = AT(&spots[i], of);
        if (next == AT(spot, of))
            return before;
        last = next;
        before++;
    }
#undef AT
}

/* ---- Policies */

static void make_key(const struct spot *spots, int count, struct spot *s, const char *policy) {
    const int compact[KEYS] = {s->package, s->node, s->cache, s->sibling, s->core};
    const int by_pu[KEYS] = {s->pu};
    const int by_core[KEYS] = {s->sibling, s->core};
    const int scatter[KEYS] = {
        s->sibling,
        rank(spots, count, s, offsetof(struct spot, core), offsetof(struct spot, cache)),
        rank(spots, count, s, offsetof(struct spot, cache), offsetof(struct spot, site)),
        rank(spots, count, s, offsetof(struct spot, node), offsetof(struct spot, package)),
        s->package};
    memcpy(s->key,
           !strcmp(policy, "compact")   ? compact
           : !strcmp(policy, "scatter") ? scatter
           : !strcmp(policy, "pu")      ? by_pu
                                        : by_core,
           sizeof s->key);
}

static int compare(const void *a, const void *b) {
    const struct spot *x = a, *y = b;
    for (int i = 0; i < KEYS; i++)
        if (x->key[i] != y->key[i])
            return x->key[i] < y->key[i] ? -1 : 1;
    return x->pu - y->pu;
}

static int order(struct machine *machine, const char *policy, struct err *err) {
    struct spot *spots = calloc(PUS_MAX, sizeof *spots);
    int count;
    if (!spots)
        return err_set(err, GB_RUNTIME, "out of memory");
    count = collect(machine, spots);
    for (int i = 0; i < count; i++)
        make_key(spots, count, &spots[i], policy);
    qsort(spots, (size_t)count, sizeof *spots, compare);
    machine->npus = 0;
    for (int i = 0; i < count; i++)
        if (strcmp(policy, "core") || spots[i].sibling == 0)
            machine->pus[machine->npus++] = spots[i].os;
    free(spots);
    return 0;
}

/* ---- Lists */

static bool has(const int *pus, int count, long pu) {
    for (int i = 0; i < count; i++)
        if (pus[i] == pu)
            return true;
    return false;
}

/* One of "3" and "4-7"; *end is behind it. */
static int read_range(const char *text, char **end, long *first, long *last) {
    *first = *last = strtol(text, end, 10);
    if (*end == text || *first < 0)
        return -1;
    if (**end != '-')
        return 0;
    text = *end + 1;
    *last = strtol(text, end, 10);
    return *end == text || *last < *first ? -1 : 0;
}

static int take_list(struct machine *machine, const char *list, struct err *err) {
    int taken[PUS_MAX], count = 0;
    char *end = (char *)list;
    for (const char *at = list; *at; at = *end == ',' ? end + 1 : end) {
        long first, last;
        if (read_range(at, &end, &first, &last) < 0 || (*end && *end != ','))
            return err_set(err, GB_USAGE,
                           "--bind: compact, scatter, core, pu or a list as 0,2,4-7 expected, not "
                           "'%s'",
                           list);
        for (long pu = first; pu <= last; pu++) {
            if (!has(machine->pus, machine->npus, pu) || has(taken, count, pu))
                return err_set(err, GB_USAGE,
                               "--bind: PU %ld %s; `gilbench topology` lists those that there are",
                               pu,
                               has(taken, count, pu) ? "is named twice"
                                                     : "is not there, or not for this process");
            taken[count++] = (int)pu;
        }
    }
    if (!count)
        return err_set(err, GB_USAGE, "--bind: a policy or a list of PUs expected, not ''");
    memcpy(machine->pus, taken, (size_t)count * sizeof *taken);
    machine->npus = count;
    return 0;
}

int machine_bind(struct machine *machine, const char *policy, struct err *err) {
    if (has_word("compact scatter core pu", policy))
        return order(machine, policy, err);
    return take_list(machine, policy, err);
}
