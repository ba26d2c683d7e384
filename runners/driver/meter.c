/* meter.c - see meter.h. */
#include "meter.h"
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TICKS_THAT_SUFFICE = 20 };

/* ---- The tree */

struct tree {
    pid_t pids[METER_PIDS_MAX];
    int count;
};

static void add_children(struct tree *tree, pid_t pid);

static void add_children_of_thread(struct tree *tree, pid_t pid, const char *thread) {
    char path[300];
    FILE *file;
    int child;
    snprintf(path, sizeof path, "/proc/%d/task/%s/children", (int)pid, thread);
    if (!(file = fopen(path, "r")))
        return;
    while (fscanf(file, "%d", &child) == 1 && tree->count < METER_PIDS_MAX) {
        tree->pids[tree->count++] = child;
        add_children(tree, child);
    }
    fclose(file);
}

static void each_thread(pid_t pid, void (*visit)(void *, pid_t, const char *), void *arg) {
    char path[64];
    struct dirent *entry;
    DIR *dir;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    if (!(dir = opendir(path)))
        return;
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            visit(arg, pid, entry->d_name);
    closedir(dir);
}

static void visit_children(void *tree, pid_t pid, const char *thread) {
    add_children_of_thread(tree, pid, thread);
}

static void add_children(struct tree *tree, pid_t pid) {
    each_thread(pid, visit_children, tree);
}

static void read_tree(struct tree *tree, pid_t root) {
    tree->pids[0] = root;
    tree->count = 1;
    add_children(tree, root);
}

/* ---- One process */

static int64_t cpu_time(pid_t pid) {
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t) < 0)
        return -1;
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Fields 14 to 17 of /proc/PID/stat, counted behind the name, which may contain anything: user and
 * system, the process' own and those of children that it has waited for. */
static void read_ticks(pid_t pid, int64_t ticks[4]) {
    char path[64], text[1024], *name_end;
    size_t size;
    FILE *file;
    memset(ticks, 0, 4 * sizeof *ticks);
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (!(file = fopen(path, "r")))
        return;
    size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    if ((name_end = strrchr(text, ')')))
        sscanf(name_end + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNd64 " %" SCNd64 " %" SCNd64
               " %" SCNd64,
               &ticks[0], &ticks[1], &ticks[2], &ticks[3]);
}

struct switches {
    int64_t voluntary, involuntary;
};

static void add_switches(void *arg, pid_t pid, const char *thread) {
    struct switches *total = arg;
    char path[300], line[128];
    int64_t value;
    FILE *file;
    snprintf(path, sizeof path, "/proc/%d/task/%s/status", (int)pid, thread);
    if (!(file = fopen(path, "r")))
        return;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "voluntary_ctxt_switches: %" SCNd64, &value) == 1)
            total->voluntary += value;
        else if (sscanf(line, "nonvoluntary_ctxt_switches: %" SCNd64, &value) == 1)
            total->involuntary += value;
    }
    fclose(file);
}

void meter_read(struct reading *reading, pid_t root) {
    struct tree tree;
    read_tree(&tree, root);
    reading->count = 0;
    for (int i = 0; i < tree.count; i++) {
        struct switches switches = {0};
        int64_t cpu = cpu_time(tree.pids[i]), ticks[4];
        if (cpu < 0)
            continue;
        read_ticks(tree.pids[i], ticks);
        each_thread(tree.pids[i], add_switches, &switches);
        reading->of[reading->count].pid = tree.pids[i];
        reading->of[reading->count].cpu_ns = cpu;
        reading->of[reading->count].user_ticks = ticks[0];
        reading->of[reading->count].sys_ticks = ticks[1];
        reading->of[reading->count].ended_user_ticks = ticks[2];
        reading->of[reading->count].ended_sys_ticks = ticks[3];
        reading->of[reading->count].nvcsw = switches.voluntary;
        reading->of[reading->count].nivcsw = switches.involuntary;
        reading->count++;
    }
}

static int index_of(const struct reading *reading, pid_t pid) {
    for (int i = 0; i < reading->count; i++)
        if (reading->of[i].pid == pid)
            return i;
    return -1;
}

/* With those of ended children; 0 for no process. */
static int64_t user_ticks(const struct reading *r, int i) {
    return i < 0 ? 0 : r->of[i].user_ticks + r->of[i].ended_user_ticks;
}
static int64_t sys_ticks(const struct reading *r, int i) {
    return i < 0 ? 0 : r->of[i].sys_ticks + r->of[i].ended_sys_ticks;
}

/* CPU time of processes that ended between two readings, and were waited for: what their parents
 * were charged, less what the first reading counted of them already. Never below 0: a tick is
 * coarse. */
static int64_t ended_cpu(const struct reading *before, const struct reading *after) {
    int64_t ticks = 0, counted = 0, used;
    for (int i = 0; i < after->count; i++) {
        int was = index_of(before, after->of[i].pid);
        ticks += after->of[i].ended_user_ticks + after->of[i].ended_sys_ticks;
        if (was >= 0)
            ticks -= before->of[was].ended_user_ticks + before->of[was].ended_sys_ticks;
    }
    for (int i = 0; i < before->count; i++)
        if (index_of(after, before->of[i].pid) < 0)
            counted += before->of[i].cpu_ns;
    used = ticks * (1000000000 / sysconf(_SC_CLK_TCK)) - counted;
    return used > 0 ? used : 0;
}

struct usage meter_between(const struct reading *before, const struct reading *after) {
    struct usage used = {0};
    int64_t user = 0, sys = 0, life_user = 0, life_sys = 0;
    double share;
    for (int i = 0; i < after->count; i++) {
        int was = index_of(before, after->of[i].pid);
        used.cpu_ns += after->of[i].cpu_ns - (was < 0 ? 0 : before->of[was].cpu_ns);
        used.nvcsw += after->of[i].nvcsw - (was < 0 ? 0 : before->of[was].nvcsw);
        used.nivcsw += after->of[i].nivcsw - (was < 0 ? 0 : before->of[was].nivcsw);
        user += user_ticks(after, i) - user_ticks(before, was);
        sys += sys_ticks(after, i) - sys_ticks(before, was);
        life_user += user_ticks(after, i);
        life_sys += sys_ticks(after, i);
    }
    used.cpu_ns += ended_cpu(before, after);
    if (user + sys < TICKS_THAT_SUFFICE) {
        user = life_user;
        sys = life_sys;
    }
    share = user + sys > 0 ? (double)user / (double)(user + sys) : 1;
    used.user_ns = (int64_t)(share * (double)used.cpu_ns);
    used.sys_ns = used.cpu_ns - used.user_ns;
    return used;
}

/* The number behind `mark` in a file of /proc/PID; 0 where there is none. */
static int64_t read_number(pid_t pid, const char *name, const char *mark) {
    int64_t number = 0;
    char path[64], line[128];
    FILE *file;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    if (!(file = fopen(path, "r")))
        return 0;
    while (!number && fgets(line, sizeof line, file))
        if (!strncmp(line, mark, strlen(mark)))
            number = strtoll(line + strlen(mark), NULL, 10);
    fclose(file);
    return number;
}

static int64_t sum_over(const struct tree *tree, const char *name, const char *mark) {
    int64_t total = 0;
    for (int i = 0; i < tree->count; i++)
        total += read_number(tree->pids[i], name, mark);
    return total;
}

int64_t meter_pss(pid_t root) {
    struct tree tree;
    read_tree(&tree, root);
    return 1024 * sum_over(&tree, "smaps_rollup", "Pss:");
}

struct waiting meter_waiting(pid_t root, int64_t tasks) {
    struct tree tree;
    read_tree(&tree, root);
    return (struct waiting){.tasks = tasks,
                            .pss_b = 1024 * sum_over(&tree, "smaps_rollup", "Pss:"),
                            .page_tables_b = 1024 * sum_over(&tree, "status", "VmPTE:"),
                            .threads = sum_over(&tree, "status", "Threads:")};
}

int64_t meter_peak(pid_t root) {
    struct tree tree;
    int64_t greatest = 0;
    read_tree(&tree, root);
    for (int i = 0; i < tree.count; i++) {
        int64_t peak = 1024 * read_number(tree.pids[i], "status", "VmHWM:");
        greatest = peak > greatest ? peak : greatest;
    }
    return greatest;
}

/* ---- Placement */

enum { CPUS_MAX = 1024, LAST_CPU_FIELD = 39 };

/* The field of /proc/PID/task/TID/stat, counted behind the name, which may contain anything. */
static void note_cpu(void *arg, pid_t pid, const char *thread) {
    bool *seen = arg;
    char path[300], line[1024], *field;
    FILE *file;
    snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (int)pid, thread);
    if (!(file = fopen(path, "r")))
        return;
    field = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    for (int i = 2; field && i < LAST_CPU_FIELD; i++)
        field = strchr(field + 1, ' ');
    if (field && atoi(field) >= 0 && atoi(field) < CPUS_MAX)
        seen[atoi(field)] = true;
    fclose(file);
}

void meter_cpus(pid_t root, char *text, size_t room) {
    bool seen[CPUS_MAX + 1] = {false};
    struct tree tree;
    size_t used = 0;
    text[0] = '\0';
    read_tree(&tree, root);
    for (int i = 0; i < tree.count; i++)
        each_thread(tree.pids[i], note_cpu, seen);
    for (int cpu = 0; cpu < CPUS_MAX && used < room; cpu++) {
        int first = cpu;
        if (!seen[cpu])
            continue;
        while (seen[cpu + 1])
            cpu++;
        used += (size_t)snprintf(text + used, room - used, first == cpu ? "%s%d" : "%s%d-%d",
                                 used ? "," : "", first, cpu);
    }
}
