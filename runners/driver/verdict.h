/* verdict.h - from the figures of one benchmark to a verdict: the rule, and nothing else. Pure. */
#ifndef GILBENCH_VERDICT_H
#define GILBENCH_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

enum ab_verdict {
    AB_OK,           /* not slower by the limit or more */
    AB_IMPROVED,     /* faster, by more than the margin */
    AB_REGRESSED,    /* slower, by more than the margin */
    AB_INCONCLUSIVE, /* neither can be said with so many pairs of this noise */
    AB_CONTAMINATED, /* the machine was too disturbed for a word about the code */
    AB_INVALID,      /* the arms did not do the same work, or could not be run */
};
enum { AB_VERDICTS = 6, AB_LOOKS_MAX = 4 };

struct verdict_rule {
    double margin, limit; /* ratios less 1 */
    double alpha;         /* one-sided error of this look, over all benchmarks */
    int most;             /* pairs, if all looks are taken */
    bool last;            /* no look follows */
};

struct verdict_facts {
    int n, dropped;            /* pairs */
    double lower, upper;       /* ratio: one-sided bounds at rule.alpha */
    double p_slower, p_faster; /* of being beyond the margin, corrected for many benchmarks */
    double sd, lag1, mde95;    /* of d; mde95 as in ab.h */
    int null_n;                /* 0: no null control */
    double null_ratio, null_lower, null_upper; /* bounds at rule.alpha */
    const char *invalid;                       /* "" or NULL, or what makes figures worthless */
};

struct verdict {
    enum ab_verdict verdict;
    bool decided; /* more pairs are not wanted */
};

/* `why` gets the reasons for a person, separated by "; ". Whatever is not a number is never
 * significant. */
struct verdict verdict_of(const struct verdict_facts *facts, const struct verdict_rule *rule,
                          char *why, size_t room);

/* "ok", "regressed", ... */
const char *verdict_name(enum ab_verdict verdict);
/* -1: no such name. */
int verdict_by_name(const char *name);
/* Of a whole run: the gravest one of its benchmarks, counts[v] of each. No benchmark: invalid. */
enum ab_verdict verdict_of_all(const int counts[AB_VERDICTS]);

#endif
