/* report_latency.c - the part of report.md that tells of the open loop and of the load generator. */
#include "cmd.h"
#include "latency.h"
#include "matrix.h"
#include <string.h>

static void write_percentiles(FILE *out, const struct latencies *l) {
    const struct estimate *each[] = {&l->p50, &l->p90, &l->p99, &l->p999, &l->p9999, &l->max};
    char text[32];
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        format_value(text, sizeof text, each[i], format_ns);
        fprintf(out, "%s%s", i ? " / " : "", text);
    }
}

static void write_row(FILE *out, const struct result *r) {
    char model[3 * GB_NAME_MAX], offered[32], achieved[96], late[32];
    const char *kind = cell_param(&r->cell, "arrivals");
    cell_label(&r->cell, model, sizeof model);
    format_value(offered, sizeof offered, &r->offered_ops_per_s, format_si);
    format_interval(achieved, sizeof achieved, &r->ops_per_s, format_si);
    format_value(late, sizeof late, &r->client_late_ns, format_ns);
    fprintf(out, "| %s | %s, %s | %s | %s | ", model, cell_param(&r->cell, "rate"),
            kind ? kind : "constant", offered, achieved);
    write_percentiles(out, &r->corrected);
    fputs(" | ", out);
    write_percentiles(out, &r->uncorrected);
    fprintf(out, " | %.0f %% | %s | %.1f %%%s |\n", 100 * r->client_cpu_share.value, late,
            100 * r->waited_share.value, *r->client_bound ? " **client_bound**" : "");
}

static void write_open(FILE *out, const struct runset *run, const char *workload) {
    fprintf(
        out,
        "\n#### %s in open loop: latency against offered load\n\n"
        "Requests are due at instants that no answer moves. Corrected: from the instant at which "
        "a request was due; uncorrected: from its actual send, which does not see how it waited "
        "for a connection. Percentiles: 50 / 90 / 99 / 99.9 / 99.99 / greatest.\n\n"
        "| model | rate asked for | offered/s | achieved/s [95 %%] | latency, corrected | latency, "
        "uncorrected | CPU of the load generator | its own lateness, p99 | found no idle "
        "connection |\n"
        "|---|---|---|---|---|---|---|---|---|\n",
        workload);
    for (int i = 0; i < run->nresults; i++) {
        const struct result *r = &run->results[i];
        if (!strcmp(r->cell.workload, workload) && cell_rate(&r->cell) && result_has_number(r))
            write_row(out, r);
    }
}

static void write_bound(FILE *out, const struct runset *run, const char *workload) {
    const char *head = "\nLeft out of pictures and rankings, since the load generator was the "
                       "bottleneck:\n\n";
    for (int i = 0; i < run->nresults; i++) {
        const struct result *r = &run->results[i];
        if (strcmp(r->cell.workload, workload) || !*r->client_bound)
            continue;
        fprintf(out, "%s- %s: client_bound: %s\n", head, r->cell.id, r->client_bound);
        head = "";
    }
}

void report_latency(FILE *out, const struct runset *run, const char *workload) {
    if (runset_has_loop(run, workload, true))
        write_open(out, run, workload);
    write_bound(out, run, workload);
}
