/* cmd_doctor.c - gilbench doctor: what the kernel says, A/A measurements of each kind of cell, and
 * what follows from them. */
#include "../stats/stats.h"
#include "ab.h"
#include "cmd.h"
#include "doctor.h"
#include "scratch.h"
#include "spawn.h"
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: gilbench doctor [options]\n"
    "\n"
    "Says what this machine can and cannot measure, compares a loop in C, a loop in Python and an "
    "echo with themselves\n"
    "(A/A: what differs is noise), recommends a mode and a length of slices, and names what would "
    "make it quieter.\n"
    "Takes one or two minutes; --quick measures nothing and takes no time.\n"
    "\n"
    "      --quick         only what the kernel says\n"
    "      --pairs N       pairs of processes of each kind, 7 to 48 (default: 8)\n"
    "      --python EXE    interpreter of the loop and the echo (default: $PYTHON or python3)\n"
    "      --json          for machines, schema gilbench/doctor 1.0\n"
    "\n"
    "example: gilbench doctor --json > doctor.json\n"
    "\n"
    "exit: 0 done, whatever was found; 1 run-time error, 2 usage, 130 interrupted\n";

struct options {
    bool quick, json;
    int pairs;
    const char *python;
};

/* ---- Options */

static const struct option known[] = {{"quick", 0, 0, 'q'},
                                      {"json", 0, 0, 'j'},
                                      {"pairs", 1, 0, 'n'},
                                      {"python", 1, 0, 'p'},
                                      {0, 0, 0, 0}};

static int parse_options(struct options *o, int argc, char **argv, struct err *err) {
    int option;
    char *end;
    *o = (struct options){.pairs = 8, .python = default_python()};
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'q')
            o->quick = true;
        else if (option == 'j')
            o->json = true;
        else if (option == 'p')
            o->python = optarg;
        else if (option == 'n')
            o->pairs = (int)strtol(optarg, &end, 10);
        else
            return err_set(err, GB_USAGE, "see gilbench doctor --help");
        if (option == 'n' && (*end || o->pairs < 7 || o->pairs > DOCTOR_PAIRS_MAX))
            return err_set(err, GB_USAGE, "--pairs: a number from 7 to 48 expected, not '%s'",
                           optarg);
    }
    return optind < argc
               ? err_set(err, GB_USAGE, "unknown argument '%s'; see gilbench doctor --help",
                         argv[optind])
               : 0;
}

/* ---- A/A of each kind of cell, by the paired engine */

static const char *kind_of(const struct cell *cell) {
    return cell->kind == GB_SERVER            ? "echo"
           : !strcmp(cell->model, "pthreads") ? "loop in C"
                                              : "loop in Python";
}

/* Of all pairs that have slices: what was dropped is noise as well, and its size is asked for. */
static double sd_of_all(const struct ab_benchmark *b) {
    double d[AB_PAIRS_MAX];
    size_t n = 0;
    for (int i = 0; i < b->npairs; i++) {
        d[n] = ab_difference(&b->pairs[i], AB_CAND, AB_WALL);
        n += !isnan(d[n]);
    }
    return n > 1 ? stats_sd(d, n) : NAN;
}

static void keep_spreads(struct doctor *doctor, const struct ab_result *result) {
    for (int i = 0; i < result->nbenchmarks && doctor->nspreads < DOCTOR_KINDS; i++) {
        const struct ab_benchmark *b = &result->benchmarks[i];
        struct doctor_spread *s = &doctor->spreads[doctor->nspreads];
        double d[AB_PAIRS_MAX];
        int builds[AB_PAIRS_MAX], n;
        n = ab_differences(b, 1, b->npairs, AB_CAND, AB_WALL, d, builds, &s->dropped);
        s->n = n;
        s->sd = n > 1 ? stats_sd(d, (size_t)n) : NAN;
        s->sd_all = sd_of_all(b);
        s->mde95 = n > 1 && b->stats.measure == AB_WALL ? b->stats.mde95 : NAN;
        snprintf(s->kind, sizeof s->kind, "%s", kind_of(&b->cell));
        snprintf(s->id, sizeof s->id, "%s", b->cell.id);
        doctor->nspreads++;
    }
}

static int measure_kinds(struct doctor *doctor, const struct options *o, struct err *err) {
    char folder[SCRATCH_MAX] = "", output[sizeof folder + 8];
    struct ab_options options = ab_standard_options();
    struct ab_result *result = calloc(1, sizeof *result);
    struct registry *reg = calloc(1, sizeof *reg);
    int failed = -1;
    if (!result || !reg) {
        err_set(err, GB_RUNTIME, "out of memory");
    } else if (scratch_make(folder, err) == 0) {
        snprintf(output, sizeof output, "%s/out", folder);
        options.matrix = "doctor";
        options.output = output;
        options.python = options.base_python = options.cand_python = o->python;
        options.looks[0] = o->pairs;
        options.nlooks = 1;
        options.alpha = 0.5; /* nothing is decided: any number of pairs will do */
        options.no_control = options.no_confirm = true;
        options.ir = AB_IR_OFF;
        options.progress = PROGRESS_NONE;
        failed = registry_places(reg, err);
        options.base = options.cand = reg->build;
        if (!failed && !(failed = ab_run(&options, result, err)))
            keep_spreads(doctor, result);
        ab_result_free(result);
        scratch_remove(folder);
    }
    free(result);
    free(reg);
    return failed;
}

/* ---- For people */

static void print_findings(const struct doctor *doctor) {
    for (int i = 0; i < doctor->nfindings; i++) {
        const struct doctor_finding *f = &doctor->findings[i];
        printf("%-15s %-8s %s\n", f->name, doctor_mark_name(f->mark), f->value);
    }
}

static void print_modes(const struct doctor *doctor) {
    printf("\nA/A: the same code twice; standard deviation of ln(b/a) over %d pairs\n",
           doctor->pairs);
    for (int i = 0; i < doctor->nspreads; i++) {
        const struct doctor_spread *s = &doctor->spreads[i];
        printf("  %-15s ", s->kind);
        if (isfinite(s->sd))
            printf("%.1f %% over %d undisturbed pairs", 100 * s->sd, s->n);
        else
            printf("no two pairs were undisturbed");
        if (s->dropped && isfinite(s->sd_all))
            printf("; %.1f %% with the %d disturbed ones", 100 * s->sd_all, s->dropped);
        if (isfinite(s->mde95))
            printf("; such a run would find %.0f %%", 100 * s->mde95);
        putchar('\n');
    }
    for (int i = 0; i < DOCTOR_LENGTHS && doctor->lengths_ms[i]; i++) {
        printf("  slices of %3d ms, in turn on one core %.1f %%", doctor->lengths_ms[i],
               100 * doctor->interleave[i]);
        if (doctor->duet[i] > 0)
            printf(", at once on two %.1f %%", 100 * doctor->duet[i]);
        putchar('\n');
    }
    if (doctor->together > 0)
        printf("  with a loop on another core, a loop runs at %.0f %% of its speed%s\n",
               100 * doctor->together,
               doctor->together < 0.75 ? ": the two look like siblings of one core" : "");
    printf("\nrecommended: %s, slices of %d ms%s\n", doctor->mode, doctor->slice_ms,
           strcmp(doctor->mode, "duet")
               ? ""
               : " (for work on one core; interleave for servers, processes and threads)");
}

static void print_advice(const struct doctor *doctor) {
    const char *head = "\nwhat would make it quieter, or show more:\n";
    for (int i = 0; i < doctor->nfindings; i++) {
        const struct doctor_finding *f = &doctor->findings[i];
        if (!*f->advice)
            continue;
        printf("%s  %s: %s\n", head, f->name, f->advice);
        head = "";
    }
}

static int print(const struct doctor *doctor, const struct options *o, struct err *err) {
    if (!o->json) {
        print_findings(doctor);
        if (!o->quick)
            print_modes(doctor);
        print_advice(doctor);
    } else if (doctor_json(doctor, stdout) < 0) {
        return err_set(err, GB_RUNTIME, "cannot write the JSON");
    }
    return fflush(stdout) == EOF ? err_set(err, GB_RUNTIME, "cannot write to stdout") : 0;
}

static int run(const struct options *o, struct err *err) {
    struct doctor *doctor = calloc(1, sizeof *doctor);
    struct machine machine;
    int failed;
    if (!doctor)
        return err_set(err, GB_RUNTIME, "out of memory");
    if ((failed = machine_open(&machine, err)) == 0) {
        watch_interrupts();
        doctor_probe(doctor, &machine);
        if (!o->quick)
            failed = doctor_modes(doctor, &machine, o->pairs, err) < 0 ||
                             measure_kinds(doctor, o, err) < 0
                         ? -1
                         : 0;
        if (!failed)
            failed = print(doctor, o, err);
        machine_close(&machine);
    }
    free(doctor);
    return failed;
}

static int cmd_doctor(int argc, char **argv) {
    struct options options;
    struct err err = {0};
    return parse_options(&options, argc, argv, &err) < 0 || run(&options, &err) < 0 ? complain(&err)
                                                                                    : GB_OK;
}

const struct verb verb_doctor = {
    "doctor",   "what this machine can measure, how quiet it is, and what would help",
    cmd_doctor, help,
    known,      ""};
