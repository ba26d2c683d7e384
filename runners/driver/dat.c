/* dat.c - the columns that gnuplot draws. One file a picture, one block a model (two blank lines
 * between), the model's name in quotes on the block's first line; the last block, "VOID", has the x
 * of cells from which no number may be drawn.
 *
 *   speedup-WORKLOAD.dat      workers     speed-up lo hi
 *   load-WORKLOAD.dat         concurrency ops/s lo hi  CPU us/op lo hi  MiB lo hi
 *   latency-WORKLOAD.dat      percentile's number (0 ... 3)  ms lo hi      uncorrected, closed loop,
 *                             at the highest concurrency
 *   rate-WORKLOAD.dat         rate  achieved ops/s lo hi  corrected p50 ms lo hi  corrected p99 ...
 *                             uncorrected p99 ...            open loop
 *
 * Cells that are client_bound are in none of them. */
#include "cmd.h"
#include "latency.h"
#include "matrix.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct picture {
    const char *prefix, *axis;
    bool cpu, open;
    bool (*has)(const struct result *); /* a point for it */
    /* Prints the columns behind x. */
    void (*row)(FILE *, const struct result *, double x);
};

static void columns(FILE *file, const struct estimate *e, double unit) {
    fprintf(file, " %.6g %.6g %.6g", e->value / unit, e->lo / unit, e->hi / unit);
}

static bool has_speedup(const struct result *r) {
    return r->speedup.n > 0;
}

static bool has_rate(const struct result *r) {
    return r->ops_per_s.n > 0;
}

static bool has_latency(const struct result *r) { /* on a logarithmic axis */
    return r->uncorrected.max.value > 0;
}

static void speedup_row(FILE *file, const struct result *r, double x) {
    if (!has_speedup(r))
        return;
    fprintf(file, "%g", x);
    columns(file, &r->speedup, 1);
    fputc('\n', file);
}

static void load_row(FILE *file, const struct result *r, double x) {
    fprintf(file, "%g", x);
    columns(file, &r->ops_per_s, 1);
    columns(file, &r->cpu_ns_per_op, 1e3);
    columns(file, &r->pss_b, 1048576);
    fputc('\n', file);
}

static void latency_row(FILE *file, const struct result *r, double x) {
    const struct estimate *percentiles[] = {&r->uncorrected.p50, &r->uncorrected.p90,
                                            &r->uncorrected.p99, &r->uncorrected.p999};
    (void)x;
    for (int i = 0; i < 4; i++) {
        fprintf(file, "%d", i);
        columns(file, percentiles[i], 1e6);
        fputc('\n', file);
    }
}

static void rate_row(FILE *file, const struct result *r, double x) {
    fprintf(file, "%g", x);
    columns(file, &r->ops_per_s, 1);
    columns(file, &r->corrected.p50, 1e6);
    columns(file, &r->corrected.p99, 1e6);
    columns(file, &r->uncorrected.p99, 1e6);
    fputc('\n', file);
}

static double axis_value(const struct result *r, const char *axis) {
    const char *value = cell_param(&r->cell, axis);
    return value ? atof(value) : 1;
}

static double greatest_x(const struct runset *run, const char *workload, const char *axis) {
    double greatest = 0;
    for (int i = 0; i < run->nresults; i++)
        if (!strcmp(run->results[i].cell.workload, workload) &&
            axis_value(&run->results[i], axis) > greatest)
            greatest = axis_value(&run->results[i], axis);
    return greatest;
}

static bool drawn(const struct result *r, bool open) {
    return result_can_be_ranked(r) && (cell_rate(&r->cell) > 0) == open;
}

static bool first_of_model(const struct runset *run, int index, bool open) {
    const struct cell *cell = &run->results[index].cell;
    for (int i = 0; i < index; i++) {
        const struct cell *other = &run->results[i].cell;
        if (drawn(&run->results[i], open) && !strcmp(other->workload, cell->workload) &&
            cell_same_model(other, cell))
            return false;
    }
    return drawn(&run->results[index], open);
}

static void write_block(FILE *file, const struct runset *run, int first,
                        const struct picture *picture, double only_x) {
    const struct cell *cell = &run->results[first].cell;
    char model[3 * GB_NAME_MAX];
    cell_label(cell, model, sizeof model);
    fprintf(file, "\"%s\"\n", model);
    for (int i = first; i < run->nresults; i++) {
        const struct result *r = &run->results[i];
        double x = axis_value(r, picture->axis);
        if (drawn(r, picture->open) && !strcmp(r->cell.workload, cell->workload) &&
            cell_same_model(&r->cell, cell) && (only_x < 0 || x == only_x))
            picture->row(file, r, x);
    }
    fputs("\n\n", file);
}

static void write_void_block(FILE *file, const struct runset *run, const char *workload,
                             const char *axis) {
    fputs("\"VOID\"\n", file);
    for (int i = 0; i < run->nresults; i++)
        if (!strcmp(run->results[i].cell.workload, workload) && *run->results[i].void_reason)
            fprintf(file, "%g\n", axis_value(&run->results[i], axis));
}

/* Whether there is anything to draw: gnuplot gives up on a picture without a point. */
static bool has_points(const struct runset *run, const char *workload,
                       const struct picture *picture) {
    for (int i = 0; i < run->nresults; i++)
        if (!strcmp(run->results[i].cell.workload, workload) &&
            drawn(&run->results[i], picture->open) && picture->has(&run->results[i]))
            return true;
    return false;
}

static int write_picture(const struct runset *run, const char *folder, const char *workload,
                         const struct picture *picture, struct err *err) {
    bool latency = picture->row == latency_row;
    double only_x = latency ? greatest_x(run, workload, picture->axis) : -1;
    char path[4200];
    FILE *file;
    snprintf(path, sizeof path, "%.4000s/%s-%s.dat", folder, picture->prefix, workload);
    unlink(path); /* one of an earlier version may be there, which had points */
    if (!has_points(run, workload, picture))
        return 0;
    if (!(file = fopen(path, "w")))
        return err_set(err, GB_RUNTIME, "cannot write %s: %s", path, strerror(errno));
    for (int i = 0; i < run->nresults; i++)
        if (!strcmp(run->results[i].cell.workload, workload) &&
            first_of_model(run, i, picture->open))
            write_block(file, run, i, picture, only_x);
    write_void_block(file, run, workload, picture->axis);
    if (fclose(file) == EOF)
        return err_set(err, GB_RUNTIME, "cannot write %s: %s", path, strerror(errno));
    return 0;
}

int dat_write(const struct runset *run, const char *folder, struct err *err) {
    static const struct picture pictures[] = {
        {"speedup", "workers", true, false, has_speedup, speedup_row},
        {"load", "concurrency", false, false, has_rate, load_row},
        {"latency", "concurrency", false, false, has_latency, latency_row},
        {"rate", "rate", false, true, has_rate, rate_row},
    };
    for (int i = 0; i < run->nresults; i++)
        for (size_t p = 0;
             p < sizeof pictures / sizeof *pictures && runset_first_of_workload(run, i); p++)
            if ((run->results[i].cell.kind == GB_CPU) == pictures[p].cpu &&
                write_picture(run, folder, run->results[i].cell.workload, &pictures[p], err) < 0)
                return -1;
    return 0;
}
