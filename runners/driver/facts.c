/* facts.c - what a reader must know of the machine, the interpreter and the build to make sense of
 * figures. Facts that cannot be had are left out. No path of anybody's home is among them. */
#include "facts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

extern const char gb_version[], gb_commit[], gb_cflags[], gb_compiler[];

void fact_add(struct runset *run, const char *key, const char *value) {
    struct fact *fact = &run->facts[run->nfacts];
    if (run->nfacts == GB_FACTS_MAX || !value || !*value)
        return;
    snprintf(fact->key, sizeof fact->key, "%s", key);
    snprintf(fact->value, sizeof fact->value, "%s", value);
    run->nfacts++;
}

/* The first line of a file. */
static void add_file(struct runset *run, const char *key, const char *path) {
    char line[400] = "";
    FILE *file = fopen(path, "r");
    if (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        fact_add(run, key, line);
    }
    if (file)
        fclose(file);
}

/* The value behind "mark ... : " in a file. */
static void add_field(struct runset *run, const char *key, const char *path, const char *mark) {
    char line[400], *colon;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, mark, strlen(mark)) || !(colon = strchr(line, ':')))
            continue;
        line[strcspn(line, "\n")] = '\0';
        fact_add(run, key, colon + 1 + strspn(colon + 1, " \t"));
        break;
    }
    if (file)
        fclose(file);
}

static int64_t steal_ticks(void) {
    long long steal = 0;
    FILE *file = fopen("/proc/stat", "r");
    if (file && fscanf(file, "cpu %*d %*d %*d %*d %*d %*d %*d %lld", &steal) != 1)
        steal = 0;
    if (file)
        fclose(file);
    return steal;
}

void facts_of_machine(struct runset *run, const struct machine *machine) {
    struct utsname system;
    char text[256];
    add_field(run, "cpu_model", "/proc/cpuinfo", "model name");
    machine_summary(machine, text, sizeof text);
    fact_add(run, "topology", text);
    if (uname(&system) == 0) {
        snprintf(text, sizeof text, "%.64s %.64s %.64s", system.sysname, system.release,
                 system.machine);
        fact_add(run, "kernel", text);
    }
    add_field(run, "memory", "/proc/meminfo", "MemTotal");
    add_file(run, "clocksource",
             "/sys/devices/system/clocksource/clocksource0/current_clocksource");
    add_file(run, "governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    add_file(run, "cgroup_cpu_max", "/sys/fs/cgroup/cpu.max");
    add_file(run, "load_average_before", "/proc/loadavg");
    snprintf(text, sizeof text, "%lld", (long long)steal_ticks());
    fact_add(run, "steal_ticks_before", text);
}

void facts_of_build(struct runset *run, const struct registry *reg) {
    fact_add(run, "python", reg->python_version);
    fact_add(run, "python_free_threaded_build", reg->free_threaded ? "yes" : "no");
    fact_add(run, "version", gb_version);
    fact_add(run, "commit", gb_commit);
    fact_add(run, "compiler", gb_compiler);
    fact_add(run, "cflags", gb_cflags);
}

void facts_at_end(struct runset *run) {
    char text[64];
    add_file(run, "load_average_after", "/proc/loadavg");
    snprintf(text, sizeof text, "%lld", (long long)steal_ticks());
    fact_add(run, "steal_ticks_after", text);
}

const char *fact_find(const struct runset *run, const char *key) {
    for (int i = 0; i < run->nfacts; i++)
        if (!strcmp(run->facts[i].key, key))
            return run->facts[i].value;
    return "";
}
