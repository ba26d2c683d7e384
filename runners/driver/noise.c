/* noise.c - see noise.h. */
#include "noise.h"
#include "spawn.h"
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SPIN_NS = 200000 };

static int64_t read_steal(void) {
    FILE *file = fopen("/proc/stat", "r");
    int64_t ticks = -1;
    if (!file)
        return -1;
    if (fscanf(file, "cpu %*d %*d %*d %*d %*d %*d %*d %" SCNd64, &ticks) != 1)
        ticks = -1;
    fclose(file);
    return ticks < 0 ? -1 : ticks * (1000000000 / sysconf(_SC_CLK_TCK));
}

static int64_t read_pressure(void) {
    FILE *file = fopen("/proc/pressure/cpu", "r");
    int64_t us = -1;
    if (!file)
        return -1;
    if (fscanf(file, "some avg10=%*f avg60=%*f avg300=%*f total=%" SCNd64, &us) != 1)
        us = -1;
    fclose(file);
    return us;
}

static int64_t migrations_of(const char *path) {
    FILE *file = fopen(path, "r");
    int64_t value = -1;
    char line[128];
    if (!file)
        return -1;
    while (value < 0 && fgets(line, sizeof line, file))
        if (sscanf(line, "se.nr_migrations : %" SCNd64, &value) != 1)
            value = -1;
    fclose(file);
    return value;
}

static int64_t read_migrations(pid_t pid) {
    char path[300];
    int64_t total = -1, one;
    struct dirent *entry;
    DIR *dir;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    if (!(dir = opendir(path)))
        return -1;
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/sched", (int)pid, entry->d_name);
        if ((one = migrations_of(path)) >= 0)
            total = one + (total < 0 ? 0 : total);
    }
    closedir(dir);
    return total;
}

static int64_t clock_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void noise_read(struct noise *noise, pid_t pid) {
    noise->steal_ns = read_steal();
    noise->pressure_us = read_pressure();
    noise->migrations = read_migrations(pid);
    noise->clock_offset_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
}

int64_t noise_gap(void) {
    int64_t start = now_ns(), before = start, longest = 0, now;
    while ((now = now_ns()) - start < SPIN_NS) {
        longest = now - before > longest ? now - before : longest;
        before = now;
    }
    return now - before > longest ? now - before : longest;
}

int noise_core(pid_t pid) {
    char path[64], text[1024], *rest;
    FILE *file;
    size_t size;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (!(file = fopen(path, "r")))
        return -1;
    size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    if (!(rest = strrchr(text, ')')))
        return -1;
    for (int field = 2; field < 39 && rest; field++)
        rest = strchr(rest + 1, ' ');
    return rest ? (int)strtol(rest + 1, NULL, 10) : -1;
}
