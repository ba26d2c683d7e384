/* progress.h - what a person sees while it runs: a bar with the time that is left on a terminal,
 * plain lines elsewhere. All of it goes to stderr. */
#ifndef GILBENCH_PROGRESS_H
#define GILBENCH_PROGRESS_H

#include "gilbench.h"

enum progress_mode { PROGRESS_AUTO, PROGRESS_PLAIN, PROGRESS_NONE };

struct progress {
    enum progress_mode mode;
    bool bar, colours;
    int first, done, total; /* first: done before this call */
    int64_t start_ns, last_line_ns;
    double left_s; /* what is still to come, where the caller knows better than from the mean;
                         else below 0 */
    char seen[64]; /* what is known so far of the cell that runs now, or "": "12.3k ops/s +-4 %" */
    const char *unit; /* "reps", until somebody says otherwise */
};

void progress_begin(struct progress *p, enum progress_mode mode, int done, int total);
/* Before a trial. */
void progress_now(struct progress *p, const char *cell);
/* After it; `trouble` NULL or why the rep is void. */
void progress_done(struct progress *p, const char *cell, const char *trouble);
void progress_end(struct progress *p);

#endif
