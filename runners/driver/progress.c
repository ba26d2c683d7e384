/* progress.c - see progress.h. */
#include "progress.h"
#include "spawn.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BAR = 24, PLAIN_EVERY_S = 10 };

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

static int width(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

static void draw(struct progress *p, const char *cell) {
    char bar[BAR + 1], eta[16], line[512];
    int full = p->total ? BAR * p->done / p->total : BAR;
    memset(bar, '.', BAR);
    memset(bar, '#', (size_t)full);
    bar[BAR] = '\0';
    time_left(p, p->first, eta, sizeof eta);
    snprintf(line, sizeof line, "[%s] %d/%d  ETA %s  %s", bar, p->done, p->total, eta, cell);
    fprintf(stderr, "\r%-*.*s", width() - 1, width() - 1, line);
    fflush(stderr);
}

void progress_now(struct progress *p, const char *cell) {
    char eta[16];
    if (p->bar)
        draw(p, cell);
    else if (p->mode != PROGRESS_NONE &&
             now_ns() - p->last_line_ns > PLAIN_EVERY_S * 1000000000LL) {
        time_left(p, p->first, eta, sizeof eta);
        fprintf(stderr, "%d of %d %s, ETA %s, now %s\n", p->done, p->total, p->unit, eta, cell);
        p->last_line_ns = now_ns();
    }
}

void progress_done(struct progress *p, const char *cell, const char *trouble) {
    p->done++;
    if (trouble && p->mode != PROGRESS_NONE)
        fprintf(stderr, "%sVOID %s: %s\n", p->bar ? "\r\033[K" : "", cell, trouble);
    if (p->bar)
        draw(p, cell);
}

void progress_end(struct progress *p) {
    if (p->bar)
        fputs("\r\033[K", stderr);
    else if (p->mode != PROGRESS_NONE)
        fprintf(stderr, "%d of %d %s\n", p->done, p->total, p->unit);
}
