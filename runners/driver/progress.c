/* progress.c - see progress.h. */
#include "progress.h"
#include "spawn.h"
#include "terminal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BAR = 24, NARROW = 100, PLAIN_EVERY_S = 10 };

static bool wants_plain(void) {
    const char *ci = getenv("CI"), *term = getenv("TERM");
    return !isatty(STDERR_FILENO) || (ci && *ci) || (term && !strcmp(term, "dumb"));
}

void progress_begin(struct progress *p, enum progress_mode mode, int done, int total) {
    *p = (struct progress){.mode = mode,
                           .first = done,
                           .done = done,
                           .total = total,
                           .start_ns = now_ns(),
                           .last_line_ns = now_ns(),
                           .left_s = -1,
                           .unit = "reps"};
    p->bar = mode == PROGRESS_AUTO && !wants_plain();
    p->colours = terminal_colours(STDERR_FILENO);
}

/* From the trials of this call: those that a resumed run found done took no time now. */
static void time_left(const struct progress *p, int first, char *text, size_t room) {
    double each =
        (double)(now_ns() - p->start_ns) / 1e9 / (p->done - first > 0 ? p->done - first : 1);
    int left = (int)((p->left_s < 0 ? each * (p->total - p->done) : p->left_s) + 0.5);
    if (p->done == first)
        snprintf(text, room, "--:--");
    else
        snprintf(text, room, "%d:%02d", left / 60, left % 60);
}

/* One line: what runs now is cut off first. On a narrow terminal the bar is half as long. */
static void draw(struct progress *p, const char *cell) {
    char bar[BAR + 1], eta[16], line[512];
    int width = terminal_width(STDERR_FILENO, 80), size = width < NARROW ? BAR / 2 : BAR;
    int full = p->total ? size * p->done / p->total : size;
    memset(bar, '.', (size_t)size);
    memset(bar, '#', (size_t)full);
    bar[size] = '\0';
    time_left(p, p->first, eta, sizeof eta);
    snprintf(line, sizeof line, " %d/%d  ETA %s  %s%s%s", p->done, p->total, eta, p->seen,
             *p->seen ? "  " : "", cell);
    fprintf(stderr, "\r%s[%.*s%s]%s%-*.*s", p->colours ? "\033[32m" : "", full, bar, bar + full,
            p->colours ? "\033[0m" : "", width - size - 3, width - size - 3, line);
    fflush(stderr);
}

void progress_now(struct progress *p, const char *cell) {
    char eta[16];
    if (p->bar)
        draw(p, cell);
    else if (p->mode != PROGRESS_NONE &&
             now_ns() - p->last_line_ns > PLAIN_EVERY_S * 1000000000LL) {
        time_left(p, p->first, eta, sizeof eta);
        fprintf(stderr, "%d of %d %s, ETA %s, now %s%s%s\n", p->done, p->total, p->unit, eta, cell,
                *p->seen ? ": " : "", p->seen);
        p->last_line_ns = now_ns();
    }
}

void progress_done(struct progress *p, const char *cell, const char *trouble) {
    p->done++;
    if (trouble && p->mode != PROGRESS_NONE)
        fprintf(stderr, "%s%sVOID%s %s: %s\n", p->bar ? "\r\033[K" : "",
                p->colours ? "\033[31m" : "", p->colours ? "\033[0m" : "", cell, trouble);
    if (p->bar)
        draw(p, cell);
}

void progress_end(struct progress *p) {
    if (p->bar)
        fputs("\r\033[K", stderr);
    else if (p->mode != PROGRESS_NONE)
        fprintf(stderr, "%d of %d %s\n", p->done, p->total, p->unit);
}
