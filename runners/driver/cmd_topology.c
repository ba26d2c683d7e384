/* cmd_topology.c - gilbench topology: what hwloc knows of this machine, and what of it this process
 * may use. */
#include "bind.h"
#include "cmd.h"
#include "pin.h"
#include <stdio.h>

static const char help[] =
    "usage: gilbench topology [options]\n"
    "\n"
    "Prints packages, caches, cores and PUs, and the PUs that cells get, in their order.\n"
    "\n"
    "  --bind compact|scatter|core|pu|LIST  the order, as for gilbench run\n"
    "\n"
    "example: taskset -c 0 gilbench topology\n";
static const struct option known[] = {{"bind", 1, 0, 'b'}, {0, 0, 0, 0}};

static int cmd_topology(int argc, char **argv) {
    struct machine machine;
    struct err err = {0};
    const char *policy = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option != 'b')
            return complain_usage("topology");
        policy = optarg;
    }
    if (optind < argc) {
        err_set(&err, GB_USAGE, "unknown argument '%s'; see gilbench topology --help",
                argv[optind]);
        return complain(&err);
    }
    if (machine_open(&machine, &err) < 0 || (policy && machine_bind(&machine, policy, &err) < 0))
        return complain(&err);
    machine_print(&machine);
    machine_close(&machine);
    return GB_OK;
}

const struct verb verb_topology = {
    "topology", "cores, caches and what is allowed, as text", cmd_topology, help, known, ""};
