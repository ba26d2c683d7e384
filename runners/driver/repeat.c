/* repeat.c - see repeat.h. */
#include "repeat.h"
#include "facts.h"
#include <string.h>

/* As one word for a shell. */
static void quoted(FILE *out, const char *text) {
    if (text[strspn(text,
                    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./,:@=-")] ==
            '\0' &&
        *text) {
        fputs(text, out);
        return;
    }
    fputc('\'', out);
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", out);
        else
            fputc(*text, out);
    fputc('\'', out);
}

static void option(FILE *out, const char *name, const char *value) {
    if (!*value)
        return;
    fprintf(out, " --%s ", name);
    quoted(out, value);
}

void write_command(FILE *out, const struct runset *run, const char *only) {
    const char *store = fact_find(run, "store");
    fputs("gilbench run ", out);
    quoted(out, run->matrix_name);
    fprintf(out, " --seed %llu --reps %d", (unsigned long long)run->seed, run->reps);
    option(out, "only", only ? only : fact_find(run, "only"));
    option(out, "sections", fact_find(run, "sections"));
    option(out, "store", strcmp(store, "embedded") ? store : "");
    option(out, "bind", fact_find(run, "bind"));
    option(out, "workload", fact_find(run, "workload"));
    option(out, "pythons", fact_find(run, "pythons"));
}
