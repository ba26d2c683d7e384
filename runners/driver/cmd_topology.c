/* cmd_topology.c - gilbench topology: what hwloc knows of this machine, and what of it this process
 * may use. */
#include "bind.h"
#include "cmd.h"
#include "pin.h"
#include <stdio.h>
#include <string.h>

static const char help[] = "usage: gilbench topology [--bind POLICY]\n"
                           "\n"
                           "Prints packages, caches, cores and PUs, and the PUs that cells get, in "
                           "their order. POLICY: compact, scatter, "
                           "core, pu or a\nlist of PUs, as for gilbench run.\n"
                           "\n"
                           "example: taskset -c 0 gilbench topology\n";

int cmd_topology(int argc, char **argv) {
    struct machine machine;
    struct err err = {0};
    const char *policy = NULL;
    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
        fputs(help, stdout);
        return GB_OK;
    }
    if (argc == 3 && !strcmp(argv[1], "--bind"))
        policy = argv[2];
    else if (argc > 1) {
        err_set(&err, GB_USAGE, "unknown argument '%s'; see gilbench topology --help", argv[1]);
        return complain(&err);
    }
    if (machine_open(&machine, &err) < 0 || (policy && machine_bind(&machine, policy, &err) < 0))
        return complain(&err);
    machine_print(&machine);
    machine_close(&machine);
    return GB_OK;
}
