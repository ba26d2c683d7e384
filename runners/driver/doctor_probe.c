/* doctor_probe.c - see doctor.h. What cannot be read is said to be unknown, never guessed. */
#include "doctor.h"
#include "noise.h"
#include "spawn.h"
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *doctor_mark_name(enum doctor_mark mark) {
    return mark == DOCTOR_GOOD ? "good" : mark == DOCTOR_LIMITED ? "limited" : "missing";
}

static struct doctor_finding *add(struct doctor *doctor, const char *name, enum doctor_mark mark,
                                  const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static struct doctor_finding *add(struct doctor *doctor, const char *name, enum doctor_mark mark,
                                  const char *fmt, ...) {
    struct doctor_finding *finding = &doctor->findings[doctor->nfindings++];
    va_list args;
    *finding = (struct doctor_finding){.name = name, .mark = mark};
    va_start(args, fmt);
    vsnprintf(finding->value, sizeof finding->value, fmt, args);
    va_end(args);
    return finding;
}

static void advise(struct doctor_finding *finding, const char *advice) {
    if (finding->mark != DOCTOR_GOOD)
        snprintf(finding->advice, sizeof finding->advice, "%s", advice);
}

/* The first line of a file; false when there is none. */
static bool first_line(const char *path, char *text, size_t room) {
    FILE *file = fopen(path, "r");
    bool read = file && fgets(text, (int)room, file);
    if (file)
        fclose(file);
    if (read)
        text[strcspn(text, "\n")] = '\0';
    return read;
}

/* ---- Counters */

static bool perf_opens(uint32_t type, uint64_t config) {
    struct perf_event_attr attr = {
        .type = type, .size = sizeof attr, .config = config, .disabled = 1, .exclude_kernel = 1};
    long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
    if (fd >= 0)
        close((int)fd);
    return fd >= 0;
}

static void probe_perf(struct doctor *doctor) {
    bool hardware = perf_opens(PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS),
         software = perf_opens(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK);
    char paranoid[32] = "unknown";
    first_line("/proc/sys/kernel/perf_event_paranoid", paranoid, sizeof paranoid);
    advise(add(doctor, "perf_event",
               hardware   ? DOCTOR_GOOD
               : software ? DOCTOR_LIMITED
                          : DOCTOR_MISSING,
               "%s (perf_event_paranoid %s)",
               hardware   ? "hardware counters open"
               : software ? "software counters only: no PMU is passed to this machine"
                          : "does not open",
               paranoid),
           "counts of instructions come from callgrind instead; a PMU needs a bare machine or a "
           "guest that is given one");
}

static bool on_path(const char *program, char *where, size_t room) {
    const char *list = getenv("PATH");
    while (list && *list) {
        const char *end = strchrnul(list, ':');
        snprintf(where, room, "%.*s/%s", (int)(end - list), list, program);
        if (access(where, X_OK) == 0)
            return true;
        list = *end ? end + 1 : end;
    }
    return false;
}

static void probe_callgrind(struct doctor *doctor) {
    char where[600];
    bool there = on_path("valgrind", where, sizeof where);
    advise(add(doctor, "callgrind", there ? DOCTOR_GOOD : DOCTOR_MISSING, "%s",
               there ? "valgrind is there" : "valgrind is not on PATH"),
           "install valgrind: counts of instructions explain what times cannot");
}

static void probe_noise(struct doctor *doctor) {
    struct noise noise;
    int64_t worst = 0, sum = 0, gap;
    noise_read(&noise, getpid());
    advise(add(doctor, "pressure", noise.pressure_us < 0 ? DOCTOR_MISSING : DOCTOR_GOOD, "%s",
               noise.pressure_us < 0 ? "/proc/pressure/cpu cannot be read"
                                     : "/proc/pressure/cpu is there"),
           "boot with psi=1: waiting for a core is then seen");
    advise(
        add(doctor, "migrations", noise.migrations < 0 ? DOCTOR_LIMITED : DOCTOR_GOOD, "%s",
            noise.migrations < 0 ? "/proc/PID/sched cannot be read" : "/proc/PID/sched is there"),
        "a kernel with CONFIG_SCHED_DEBUG tells of migrations");
    for (int i = 0; i < 100; i++) {
        gap = noise_gap();
        worst = gap > worst ? gap : worst;
        sum += gap;
    }
    advise(add(doctor, "gaps", worst > 1000000 ? DOCTOR_LIMITED : DOCTOR_GOOD,
               "a spin of 200 us was away from its core for up to %.1f us, %.1f us on average",
               (double)worst / 1e3, (double)sum / 1e5),
           "somebody else runs on this core, in this guest or below it");
}

/* ---- The machine */

static bool cpuinfo_has(const char *word) {
    char line[8192];
    FILE *file = fopen("/proc/cpuinfo", "r");
    bool found = false;
    while (file && !found && fgets(line, sizeof line, file))
        found = !strncmp(line, "flags", 5) && strstr(line, word);
    if (file)
        fclose(file);
    return found;
}

static void probe_virtual(struct doctor *doctor) {
    char product[100] = "";
    struct noise noise;
    bool guest = cpuinfo_has(" hypervisor");
    noise_read(&noise, getpid());
    first_line("/sys/class/dmi/id/product_name", product, sizeof product);
    advise(add(doctor, "virtualisation", guest ? DOCTOR_LIMITED : DOCTOR_GOOD, "%s%s%s",
               guest ? "a guest of a hypervisor" : "none is seen", *product ? ", " : "", product),
           "cores of its own (dedicated, pinned) for this guest, or a bare machine");
    if (noise.steal_ns < 0)
        add(doctor, "steal", DOCTOR_MISSING, "/proc/stat does not say");
    else if (guest && noise.steal_ns == 0)
        advise(add(doctor, "steal", DOCTOR_LIMITED,
                   "0 since boot: nothing was stolen, or the hypervisor does not say"),
               "gaps between time stamps are what tells of stolen time here");
    else
        add(doctor, "steal", DOCTOR_GOOD, "accounted in ticks of 10 ms, %.2f s since boot",
            (double)noise.steal_ns / 1e9);
}

static void probe_cores(struct doctor *doctor, const struct machine *machine) {
    char text[200];
    machine_summary(machine, text, sizeof text);
    advise(add(doctor, "cores", machine->ncores > 1 ? DOCTOR_GOOD : DOCTOR_LIMITED,
               "%s; %d may be used", text, machine->npus),
           "a second core: a server and its load generator share one here");
    advise(add(doctor, "smt", machine->npus > machine->ncores ? DOCTOR_LIMITED : DOCTOR_GOOD, "%s",
               machine->npus > machine->ncores ? "cores have siblings (hwloc)"
                                               : "no siblings are seen (hwloc)"),
           "switch SMT off (echo off > /sys/devices/system/cpu/smt/control), or leave siblings "
           "idle: cells get one of each core first");
}

static void probe_frequency(struct doctor *doctor) {
    char text[64];
    bool governor =
        first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", text, sizeof text);
    bool steady = governor && !strcmp(text, "performance");
    advise(add(doctor, "governor", steady ? DOCTOR_GOOD : DOCTOR_LIMITED, "%s",
               governor ? text : "not visible here"),
           governor
               ? "cpupower frequency-set -g performance"
               : "frequencies are the host's affair: pairs, not single times, are what counts");
    if (first_line("/sys/devices/system/cpu/intel_pstate/no_turbo", text, sizeof text))
        steady = *text == '1';
    else if (first_line("/sys/devices/system/cpu/cpufreq/boost", text, sizeof text))
        steady = *text == '0';
    else {
        add(doctor, "turbo", DOCTOR_LIMITED, "not visible here");
        return;
    }
    advise(add(doctor, "turbo", steady ? DOCTOR_GOOD : DOCTOR_LIMITED, "%s", steady ? "off" : "on"),
           "switch it off: echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo, or 0 > "
           "/sys/devices/system/cpu/cpufreq/boost");
}

static void probe_clock(struct doctor *doctor) {
    char source[64] = "unknown";
    int64_t start = now_ns(), end = start;
    bool good;
    for (int i = 0; i < 100000; i++)
        end = now_ns();
    first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", source,
               sizeof source);
    good = (end - start) / 100000 < 200;
    advise(add(doctor, "clock", good ? DOCTOR_GOOD : DOCTOR_LIMITED, "%s, %.0f ns a time stamp",
               source, (double)(end - start) / 1e5),
           "a time stamp is a system call here: choose the clock source tsc or kvm-clock");
}

/* ---- What is left of it for us */

static void probe_limits(struct doctor *doctor) {
    char text[128] = "";
    struct rlimit files = {0, 0};
    bool quota = first_line("/sys/fs/cgroup/cpu.max", text, sizeof text) && strncmp(text, "max", 3);
    advise(add(doctor, "cgroup_quota", quota ? DOCTOR_LIMITED : DOCTOR_GOOD, "%s",
               quota ? text : "none"),
           "a quota stops processes in the middle of a slice: lift cpu.max");
    getrlimit(RLIMIT_NOFILE, &files);
    advise(add(doctor, "open_files", files.rlim_cur < 4096 ? DOCTOR_LIMITED : DOCTOR_GOOD,
               "%llu, at most %llu", (unsigned long long)files.rlim_cur,
               (unsigned long long)files.rlim_max),
           "ulimit -n 65536: connections of a load generator are files");
    first_line("/proc/sys/kernel/randomize_va_space", text, sizeof text);
    advise(add(doctor, "aslr", *text == '2' ? DOCTOR_GOOD : DOCTOR_LIMITED, "%s", text),
           "leave it on (2): addresses then differ from process to process, and are averaged over");
}

static void probe_others(struct doctor *doctor, const struct machine *machine) {
    char line[128] = "";
    double load = 0;
    long long kib = -1;
    FILE *file = fopen("/proc/meminfo", "r");
    while (file && kib < 0 && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %lld", &kib) != 1)
            kib = -1;
    if (file)
        fclose(file);
    advise(add(doctor, "memory", kib < 1 << 20 ? DOCTOR_LIMITED : DOCTOR_GOOD, "%.1f GiB available",
               (double)kib / 1048576),
           "less than 1 GiB is left: what swaps measures the disk");
    if (first_line("/proc/loadavg", line, sizeof line))
        load = atof(line);
    advise(add(doctor, "load", load > 0.3 * machine->npus ? DOCTOR_LIMITED : DOCTOR_GOOD,
               "%.2f on average over the last minute, %d cores", load, machine->npus),
           "others compete for the cores: stop them, or measure at another time");
}

void doctor_probe(struct doctor *doctor, const struct machine *machine) {
    probe_perf(doctor);
    probe_callgrind(doctor);
    probe_noise(doctor);
    probe_virtual(doctor);
    probe_cores(doctor, machine);
    probe_frequency(doctor);
    probe_clock(doctor);
    probe_limits(doctor);
    probe_others(doctor, machine);
}
