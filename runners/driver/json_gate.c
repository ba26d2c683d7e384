/* json_gate.c - the line of a gate's run in the history; see gate.h. Figures are ratios to a
 * baseline that was measured in the same pairs, so that lines of different days and machines can
 * stand in one series. */
#include "facts.h"
#include "gate.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *figure(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *stats_json(const struct ab_stats *s) {
    return s->n ? json_pack("{si so s[oo]}", "n", s->n, "ratio", figure(s->ratio), "ci95",
                            figure(s->lo95), figure(s->hi95))
                : json_null();
}

static json_t *arm_json(const struct ab_arm *arm) {
    return json_pack("{ss ss}", "spec", arm->spec, "git", arm->git);
}

static json_t *line_json(const struct ab_result *r) {
    json_t *benchmarks = json_array();
    for (int i = 0; i < r->nbenchmarks; i++) {
        const struct ab_benchmark *b = &r->benchmarks[i];
        json_array_append_new(benchmarks,
                              json_pack("{ss ss so so}", "id", b->cell.id, "verdict",
                                        verdict_name(b->verdict), "stats", stats_json(&b->stats),
                                        "null_control", stats_json(&b->null)));
    }
    return json_pack("{ss ss ss ss ss so so s{ss ss ss} ss so so}", "type", "gate", "schema",
                     "gilbench/history", "schema_version", "1.0", "run_id", r->run.run_id,
                     "created_utc", r->run.created_utc, "base", arm_json(&r->arms[AB_BASE]), "cand",
                     arm_json(&r->arms[AB_CAND]), "machine", "cpu_model",
                     fact_find(&r->run, "cpu_model"), "topology", fact_find(&r->run, "topology"),
                     "python", fact_find(&r->run, "python"), "verdict", verdict_name(r->verdict),
                     "null_control", stats_json(&r->null_control), "benchmarks", benchmarks);
}

int gate_history(const char *path, const struct ab_result *result, struct err *err) {
    json_t *line = line_json(result);
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    size_t size = text ? strlen(text) : 0;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    bool written;
    json_decref(line);
    if (text)
        text[size] = '\n';
    written = text && fd >= 0 && write(fd, text, size + 1) == (ssize_t)(size + 1) &&
              (fsync(fd) == 0 || errno == EINVAL);
    if (!written)
        err_set(err, GB_RUNTIME, "cannot append to %s: %s", path, strerror(errno));
    free(text);
    if (fd >= 0)
        close(fd);
    return written ? 0 : -1;
}
