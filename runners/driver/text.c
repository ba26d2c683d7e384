/* text.c - figures for people, and the table that a run ends with. */
#include "cmd.h"
#include "latency.h"
#include "matrix.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Three significant digits and a unit. */
static void scaled(char *text, size_t room, double value, double step, const char *const *units,
                   int last) {
    int unit = 0;
    double size = fabs(value);
    while (unit < last && size >= step * 0.9995) {
        size /= step;
        value /= step;
        unit++;
    }
    snprintf(text, room, "%.*f%s", size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2, value, units[unit]);
}

void format_si(char *text, size_t room, double value) {
    static const char *const units[] = {"", "k", "M", "G"};
    scaled(text, room, value, 1000, units, 3);
}

void format_ns(char *text, size_t room, double ns) {
    static const char *const units[] = {" ns", " us", " ms", " s"};
    scaled(text, room, ns, 1000, units, 3);
}

void format_bytes(char *text, size_t room, double bytes) {
    static const char *const units[] = {" B", " KiB", " MiB", " GiB"};
    scaled(text, room, bytes, 1024, units, 3);
}

void format_ratio(char *text, size_t room, double ratio) {
    snprintf(text, room, "%.2fx", ratio);
}

void format_interval(char *text, size_t room, const struct estimate *estimate,
                     void (*format)(char *, size_t, double)) {
    char value[24], lo[24], hi[24];
    if (!estimate->n) {
        snprintf(text, room, "-");
        return;
    }
    format(value, sizeof value, estimate->value);
    format(lo, sizeof lo, estimate->lo);
    format(hi, sizeof hi, estimate->hi);
    snprintf(text, room, "%s [%s, %s]", value, lo, hi);
}

void format_value(char *text, size_t room, const struct estimate *estimate,
                  void (*format)(char *, size_t, double)) {
    if (estimate->n)
        format(text, room, estimate->value);
    else
        snprintf(text, room, "-");
}

void format_params(char *text, size_t room, const struct cell *cell) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < cell->nparams && used < room; i++)
        if (strcmp(cell->params[i].key, "ops"))
            used += (size_t)snprintf(text + used, room - used, "%s%s=%s", used ? " " : "",
                                     cell->params[i].key, cell->params[i].value);
    if (cell_is_confined(cell) && used < room)
        snprintf(text + used, room - used, "%scores=%d", used ? " " : "", cell->cores);
}

static void print_row(const struct result *r) {
    char model[3 * GB_NAME_MAX], params[256], rate[96], speedup[96], cpu[32], p50[32], p99[32];
    const struct latencies *latencies;
    const char *label;
    cell_label(&r->cell, model, sizeof model);
    format_params(params, sizeof params, &r->cell);
    printf("%-12s %-23s %-28s ", r->cell.workload, model, params);
    if (*r->cell.not_run) {
        printf("NOT RUN: %s\n", r->cell.not_run);
    } else if (*r->void_reason) {
        printf("VOID: %s\n", r->void_reason);
    } else if (!r->ops_per_s.n) {
        printf("no rep was finished\n");
    } else {
        format_interval(rate, sizeof rate, &r->ops_per_s, format_si);
        format_interval(speedup, sizeof speedup, &r->speedup, format_ratio);
        format_value(cpu, sizeof cpu, &r->cpu_ns_per_op, format_ns);
        latencies = result_latencies(r, &label);
        format_value(p50, sizeof p50, &latencies->p50, format_ns);
        format_value(p99, sizeof p99, &latencies->p99, format_ns);
        printf("%-22s %-21s %9s %9s %9s %s%s\n", rate, speedup, cpu, p50, p99, label,
               *r->client_bound ? ", client_bound" : "");
    }
}

void print_table(const struct runset *run) {
    printf("%-12s %-23s %-28s %-22s %-21s %9s %9s %9s %s\n", "workload", "model", "parameters",
           "ops/s [95 %]", "speed-up [95 %]", "CPU/op", "p50", "p99", "latency is");
    for (int i = 0; i < run->nresults; i++)
        print_row(&run->results[i]);
    for (int i = 0; i < run->nresults; i++)
        if (*run->results[i].client_bound)
            printf("client_bound: %s: %s\n", run->results[i].cell.id, run->results[i].client_bound);
}
