/* ab_trace.c - the pairs of a journal without what made them: to decide anew from them, or to count
 * on them. See ab.h. */
#include "ab.h"
#include <stdlib.h>

/* The benchmarks of a trace, without their arms: nothing of it is run. */
static int begin(struct ab_result *trace, void *arg, struct err *err) {
    struct matrix matrix;
    if (matrix_parse(&matrix, trace->run.matrix_name, trace->run.matrix_text, arg, err) < 0)
        return -1;
    trace->benchmarks = calloc((size_t)matrix.ncells + 1, sizeof *trace->benchmarks);
    for (int i = 0; trace->benchmarks && i < matrix.ncells; i++)
        trace->benchmarks[trace->nbenchmarks++].cell = matrix.cells[i];
    matrix_free(&matrix);
    return trace->benchmarks ? 0 : err_set(err, GB_RUNTIME, "out of memory");
}

int ab_trace_read(const char *path, const struct registry *driver, struct ab_result *trace,
                  struct err *err) {
    return ab_journal_read(path, trace, begin, (void *)driver, err);
}
