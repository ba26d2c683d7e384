/* gate.c - see gate.h. */
#include "gate.h"
#include "facts.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- The policy */

struct policy gate_standard_policy(const struct ab_options *ab) {
    struct policy p = {.margin = ab->margin,
                       .limit = ab->limit,
                       .alpha = ab->alpha,
                       .budget_s = ab->budget_s,
                       .nlooks = ab->nlooks,
                       .builds = ab->builds,
                       .slices = ab->slices,
                       .slice_ms = ab->slice_ms,
                       .ir = "auto",
                       .control = true,
                       .confirm = true};
    memcpy(p.looks, ab->looks, sizeof p.looks);
    snprintf(p.matrix, sizeof p.matrix, "%s", ab->matrix);
    snprintf(p.store, sizeof p.store, "%s", ab->store);
    return p;
}

void gate_use_policy(struct ab_options *ab, const struct policy *p) {
    ab->only = p->cells;
    ab->matrix = p->matrix;
    ab->store = p->store;
    ab->margin = p->margin;
    ab->limit = p->limit;
    ab->alpha = p->alpha;
    ab->budget_s = ab->budget_s > 0 ? ab->budget_s : p->budget_s;
    memcpy(ab->looks, p->looks, sizeof p->looks);
    ab->nlooks = p->nlooks;
    ab->builds = p->builds;
    ab->slices = p->slices;
    ab->slice_ms = p->slice_ms;
    ab->no_control = !p->control;
    ab->no_confirm = !p->confirm;
    ab->ir = !strcmp(p->ir, "off") ? AB_IR_OFF : !strcmp(p->ir, "only") ? AB_IR_ONLY : AB_IR_AUTO;
}

/* ---- The decision */

int gate_restrict(struct ab_result *result, bool (*covers)(const void *, const char *),
                  const void *arg) {
    int kept = 0;
    memset(result->counts, 0, sizeof result->counts);
    for (int i = 0; i < result->nbenchmarks; i++) {
        struct ab_benchmark *b = &result->benchmarks[i];
        if (!covers(arg, b->cell.id)) {
            free(b->pairs);
            continue;
        }
        result->counts[b->verdict]++;
        result->benchmarks[kept++] = *b;
    }
    result->nbenchmarks = kept;
    result->verdict = verdict_of_all(result->counts);
    return kept;
}

void gate_ratio(char *text, size_t room, const struct ab_stats *stats) {
    if (stats->n == 0 || !isfinite(stats->ratio))
        snprintf(text, room, "-");
    else
        snprintf(text, room, "%.3f [%.3f, %.3f]", stats->ratio, stats->lo95, stats->hi95);
}

/* "origin/main (1a2b3c4d5e6f)" */
static void arm_name(char *text, size_t room, const struct ab_arm *arm) {
    if (*arm->git)
        snprintf(text, room, "%.100s (%.12s)", arm->spec, arm->git);
    else
        snprintf(text, room, "%.160s", arm->spec);
}

/* ---- Markdown */

/* What would end a cell of a table or start markup. */
static void md_text(FILE *out, const char *text) {
    for (; *text; text++) {
        if (strchr("|*_`<\\", *text))
            fputc('\\', out);
        fputc(*text == '\n' ? ' ' : *text, out);
    }
}

static void md_row(FILE *out, const struct ab_benchmark *b) {
    const char *strong = b->verdict == AB_OK ? "" : "**";
    char ratio[64], confirm[64], seen[32] = "-";
    gate_ratio(ratio, sizeof ratio, &b->stats);
    gate_ratio(confirm, sizeof confirm, &b->confirm);
    if (b->stats.n && isfinite(b->stats.mde95))
        snprintf(seen, sizeof seen, "%.1f %%", 100 * b->stats.mde95);
    fputs("| ", out);
    md_text(out, b->cell.id);
    fprintf(out, " | %s%s%s | %s%s | %s | %d | %d | %s | ", strong, verdict_name(b->verdict),
            strong, ratio, b->stats.n && b->stats.measure == AB_CPU_TIME ? " of CPU" : "", confirm,
            b->stats.n, b->stats.dropped, seen);
    md_text(out, b->why);
    fputs(" |\n", out);
}

static void md_terms(FILE *out, const struct gate *gate) {
    const struct ab_plan *plan = &gate->result->plan;
    fprintf(out,
            "Regressed: slower by more than %g %%, with an error of %g %% over all benchmarks "
            "(Holm). OK: shown to be slower by less than %g %%. Looks after",
            100 * plan->margin, 100 * plan->alpha, 100 * plan->limit);
    for (int i = 0; i < plan->nlooks; i++)
        fprintf(out, "%s %d", i ? "," : "", plan->looks[i]);
    fprintf(out,
            " pairs of processes; the last column but one is the slowdown that such a run "
            "would have found 95 times of 100.%s",
            gate->strict ? " Strict: what is inconclusive fails." : "");
    if (*gate->policy)
        fprintf(out, " Policy: %s.", gate->policy);
    fputs("\n\n", out);
}

void gate_markdown(FILE *out, const struct gate *gate) {
    const struct ab_result *r = gate->result;
    char base[200], cand[200], null[64];
    arm_name(base, sizeof base, &r->arms[AB_BASE]);
    arm_name(cand, sizeof cand, &r->arms[AB_CAND]);
    gate_ratio(null, sizeof null, &r->null_control);
    fprintf(out, "## %s: %s\n\n", gate->title, verdict_name(r->verdict));
    md_text(out, cand);
    fputs(" against ", out);
    md_text(out, base);
    fprintf(out, ", run %s, %s on %s.\n\n", r->run.run_id, fact_find(&r->run, "python"),
            fact_find(&r->run, "cpu_model"));
    fputs("| benchmark | verdict | time, candidate / baseline [95 %] | confirmed | pairs | dropped "
          "| could have seen | why |\n|---|---|---|---|---|---|---|---|\n",
          out);
    for (int i = 0; i < r->nbenchmarks; i++)
        md_row(out, &r->benchmarks[i]);
    fprintf(out, "\nNull control (the baseline against a second build of itself): %s.\n\n", null);
    if (*fact_find(&r->run, "selftest"))
        fprintf(out, "Selftest of the machine that measured: %s.\n\n",
                fact_find(&r->run, "selftest"));
    md_terms(out, gate);
    fprintf(out, "To repeat it: `gilbench ab %s %s --matrix %s --seed %llu`\n",
            r->arms[AB_BASE].spec, r->arms[AB_CAND].spec, r->run.matrix_name,
            (unsigned long long)r->plan.seed);
}

/* ---- GitHub */

/* The message of a workflow command; in a property ':' and ',' are escaped too. */
static void github_text(FILE *out, const char *text, bool property) {
    for (; *text; text++)
        if (strchr("%\r\n", *text) || (property && strchr(":,", *text)))
            fprintf(out, "%%%02X", (unsigned char)*text);
        else
            fputc(*text, out);
}

static const char *github_level(enum ab_verdict verdict, bool strict) {
    switch (verdict) {
    case AB_REGRESSED:
    case AB_CONTAMINATED:
    case AB_INVALID:
        return "error";
    case AB_INCONCLUSIVE:
        return strict ? "error" : "warning";
    case AB_IMPROVED:
        return "notice";
    default:
        return NULL;
    }
}

void gate_annotations(FILE *out, const struct gate *gate) {
    for (int i = 0; i < gate->result->nbenchmarks; i++) {
        const struct ab_benchmark *b = &gate->result->benchmarks[i];
        const char *level = github_level(b->verdict, gate->strict);
        char ratio[64];
        if (!level)
            continue;
        gate_ratio(ratio, sizeof ratio, &b->stats);
        fprintf(out, "::%s title=", level);
        github_text(out, verdict_name(b->verdict), true);
        fputs(" - ", out);
        github_text(out, b->cell.id, true);
        fprintf(out, "::time %s of the baseline's%s", ratio, *b->why ? "; " : "");
        github_text(out, b->why, false);
        fputc('\n', out);
    }
}

/* ---- JUnit */

/* XML 1.0 has no control characters but for white space. */
static void xml_text(FILE *out, const char *text) {
    for (; *text; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
        }
    }
}

static const char *junit_element(enum ab_verdict verdict, bool strict) {
    switch (verdict) {
    case AB_REGRESSED:
        return "failure";
    case AB_CONTAMINATED:
    case AB_INVALID:
        return "error";
    case AB_INCONCLUSIVE:
        return strict ? "failure" : "skipped";
    default:
        return NULL;
    }
}

static double seconds_of(const struct ab_benchmark *b) {
    double sum = 0;
    for (int i = 0; i < b->npairs; i++)
        sum += (double)b->pairs[i].duration_ns / 1e9;
    return sum;
}

static void junit_case(FILE *out, const struct ab_benchmark *b, bool strict) {
    const char *element = junit_element(b->verdict, strict);
    char ratio[64];
    gate_ratio(ratio, sizeof ratio, &b->stats);
    fputs("  <testcase classname=\"gilbench.gate\" name=\"", out);
    xml_text(out, b->cell.id);
    fprintf(out, "\" time=\"%.3f\">\n", seconds_of(b));
    if (element) {
        fprintf(out, "    <%s message=\"%s: %s", element, verdict_name(b->verdict), ratio);
        fputs(*b->why ? "; " : "", out);
        xml_text(out, b->why);
        fprintf(out, "\"%s%s/>\n", strcmp(element, "skipped") ? " type=" : "",
                !strcmp(element, "skipped")  ? ""
                : b->verdict == AB_REGRESSED ? "\"regressed\""
                                             : "\"gate\"");
    }
    fprintf(out, "    <system-out>time, candidate / baseline: %s; %d pairs</system-out>\n", ratio,
            b->stats.n);
    fputs("  </testcase>\n", out);
}

static int count_of(const struct gate *gate, const char *element) {
    int count = 0;
    for (int v = 0; v < AB_VERDICTS; v++) {
        const char *is = junit_element((enum ab_verdict)v, gate->strict);
        count += is && !strcmp(is, element) ? gate->result->counts[v] : 0;
    }
    return count;
}

void gate_junit(FILE *out, const struct gate *gate) {
    const struct ab_result *r = gate->result;
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuite name=\"gilbench gate\" tests=\"%d\" failures=\"%d\" errors=\"%d\" "
            "skipped=\"%d\" timestamp=\"%.19s\">\n",
            r->nbenchmarks, count_of(gate, "failure"), count_of(gate, "error"),
            count_of(gate, "skipped"), r->run.created_utc);
    for (int i = 0; i < r->nbenchmarks; i++)
        junit_case(out, &r->benchmarks[i], gate->strict);
    fputs("</testsuite>\n", out);
}
