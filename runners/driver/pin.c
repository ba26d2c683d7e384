/* pin.c - see pin.h. */
#include "pin.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The nth allowed PU of every core that has one. */
static int collect_pus(struct machine *machine, unsigned nth) {
    int ncores = hwloc_get_nbobjs_by_type(machine->topology, HWLOC_OBJ_CORE), found = 0;
    hwloc_const_cpuset_t allowed = hwloc_topology_get_allowed_cpuset(machine->topology);
    for (int i = 0; i < ncores; i++) {
        hwloc_obj_t core = hwloc_get_obj_by_type(machine->topology, HWLOC_OBJ_CORE, (unsigned)i);
        unsigned seen = 0;
        int pu;
        hwloc_bitmap_foreach_begin(pu,
                                   core->cpuset) if (hwloc_bitmap_isset(allowed, (unsigned)pu) &&
                                                     seen++ == nth && machine->npus < 1024) {
            machine->pus[machine->npus++] = pu;
            found++;
        }
        hwloc_bitmap_foreach_end();
    }
    return found;
}

/* What a cgroup or taskset left to this process is allowed; the rest of the machine is not looked
 * at. */
static void restrict_to_ours(hwloc_topology_t topology) {
    hwloc_cpuset_t ours = hwloc_bitmap_alloc();
    if (hwloc_get_cpubind(topology, ours, HWLOC_CPUBIND_PROCESS) == 0)
        hwloc_topology_restrict(topology, ours, 0);
    hwloc_bitmap_free(ours);
}

int machine_open(struct machine *machine, struct err *err) {
    *machine = (struct machine){0};
    if (hwloc_topology_init(&machine->topology) < 0 || hwloc_topology_load(machine->topology) < 0)
        return err_set(err, GB_RUNTIME, "hwloc cannot read the topology of this machine");
    restrict_to_ours(machine->topology);
    for (unsigned nth = 0; collect_pus(machine, nth) > 0; nth++)
        if (nth == 0)
            machine->ncores = machine->npus;
    if (machine->npus == 0)
        return err_set(err, GB_RUNTIME, "hwloc finds no core on which this process may run");
    return 0;
}

void machine_close(struct machine *machine) {
    hwloc_topology_destroy(machine->topology);
}

static int wrap(const struct machine *machine, int index) {
    return machine->pus[index % machine->npus];
}

static void take(const struct machine *machine, hwloc_cpuset_t set, char *list, size_t room,
                 int from, int count) {
    for (int i = 0; i < count; i++)
        hwloc_bitmap_set(set, (unsigned)wrap(machine, from + i));
    hwloc_bitmap_list_snprintf(list, room, set);
}

int place_make(struct place *place, const struct machine *machine, int first, int cores,
               int peer_cores, struct err *err) {
    *place = (struct place){.subject = hwloc_bitmap_alloc(), .peer = hwloc_bitmap_alloc()};
    if (!place->subject || !place->peer)
        return err_set(err, GB_RUNTIME, "out of memory");
    place->shared = cores + peer_cores > machine->npus;
    take(machine, place->subject, place->subject_list, sizeof place->subject_list, first, cores);
    take(machine, place->peer, place->peer_list, sizeof place->peer_list, first + cores,
         peer_cores);
    return 0;
}

void place_free(struct place *place) {
    hwloc_bitmap_free(place->subject);
    hwloc_bitmap_free(place->peer);
}

int place_bind(const struct machine *machine, hwloc_cpuset_t set) {
    return hwloc_set_cpubind(machine->topology, set, HWLOC_CPUBIND_PROCESS);
}

static int count(const struct machine *machine, hwloc_obj_type_t type) {
    return hwloc_get_nbobjs_by_type(machine->topology, type);
}

void machine_summary(const struct machine *machine, char *text, size_t room) {
    snprintf(text, room, "%d core%s, %d PU%s, %d package%s", machine->ncores,
             machine->ncores == 1 ? "" : "s", machine->npus, machine->npus == 1 ? "" : "s",
             count(machine, HWLOC_OBJ_PACKAGE), count(machine, HWLOC_OBJ_PACKAGE) == 1 ? "" : "s");
}

/* One line an object, indented by its depth in the tree of those that matter here. */
static void print_object(const struct machine *machine, hwloc_obj_t obj, int depth) {
    char type[64], attributes[256];
    bool shown = obj->type == HWLOC_OBJ_MACHINE || obj->type == HWLOC_OBJ_PACKAGE ||
                 obj->type == HWLOC_OBJ_CORE || obj->type == HWLOC_OBJ_PU ||
                 hwloc_obj_type_is_dcache(obj->type);
    if (shown) {
        hwloc_obj_type_snprintf(type, sizeof type, obj, 0);
        hwloc_obj_attr_snprintf(attributes, sizeof attributes, obj, " ", 0);
        printf("%*s%s", 2 * depth, "", type);
        if (obj->type == HWLOC_OBJ_PU || obj->type == HWLOC_OBJ_CORE)
            printf(" %u", obj->os_index);
        if (obj->type != HWLOC_OBJ_PU && *attributes)
            printf(" (%s)", attributes);
        if (obj->type == HWLOC_OBJ_PU &&
            !hwloc_bitmap_isset(hwloc_topology_get_allowed_cpuset(machine->topology),
                                obj->os_index))
            printf(" not allowed");
        printf("\n");
    }
    for (unsigned i = 0; i < obj->arity; i++)
        print_object(machine, obj->children[i], depth + shown);
}

void machine_print(const struct machine *machine) {
    char summary[128];
    machine_summary(machine, summary, sizeof summary);
    print_object(machine, hwloc_get_root_obj(machine->topology), 0);
    printf("allowed to this process: %s; PUs in the order in which cells get them:", summary);
    for (int i = 0; i < machine->npus; i++)
        printf(" %d", machine->pus[i]);
    printf("\n");
}
