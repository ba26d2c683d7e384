/* policy.c - see policy.h. */
#include "policy.h"
#include "ab.h"
#include "ini.h"
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Values: each sets one field, or returns what was expected */

static const char *set_text(char *to, size_t room, const char *value) {
    return snprintf(to, room, "%s", value) < (int)room ? NULL : "a shorter text";
}

/* "2%" or "0.02". */
static const char *set_ratio(double *to, const char *value, double least, double most,
                             const char *expected) {
    char *end;
    double number = strtod(value, &end);
    if (end != value && !strcmp(end, "%")) {
        number /= 100;
        end++;
    }
    if (end == value || *end || !(number >= least) || !(number <= most))
        return expected;
    *to = number;
    return NULL;
}

static const char *set_seconds(double *to, const char *value) {
    char *end;
    *to = strtod(value, &end);
    return end == value || *end || !(*to >= 0) || *to > 1e6 ? "seconds, or 0 for no end" : NULL;
}

static const char *set_whole(int *to, const char *value, int least, int most,
                             const char *expected) {
    char *end;
    long number = strtol(value, &end, 10);
    if (end == value || *end || number < least || number > most)
        return expected;
    *to = (int)number;
    return NULL;
}

static const char *set_yes(bool *to, const char *value) {
    if (strcmp(value, "yes") && strcmp(value, "no"))
        return "yes or no";
    *to = !strcmp(value, "yes");
    return NULL;
}

static const char *set_looks(struct policy *p, const char *value) {
    static const char expected[] = "one to four rising numbers of pairs, as in 12 24 48";
    char word[32];
    int column = 0, last = 1;
    p->nlooks = 0;
    while (next_word(&value, word, sizeof word, &column)) {
        if (p->nlooks == POLICY_LOOKS_MAX ||
            set_whole(&p->looks[p->nlooks], word, last + 1, 480, expected))
            return expected;
        last = p->looks[p->nlooks++];
    }
    return p->nlooks ? NULL : expected;
}

/* What was expected, NULL when it was set, "" for an unknown key. */
static const char *set_key(struct policy *p, const char *key, const char *value) {
    if (!strcmp(key, "cells"))
        return set_text(p->cells, sizeof p->cells, value);
    if (!strcmp(key, "matrix"))
        return set_text(p->matrix, sizeof p->matrix, value);
    if (!strcmp(key, "store"))
        return set_text(p->store, sizeof p->store, value);
    if (!strcmp(key, "ir"))
        return has_word("auto off only", value) ? set_text(p->ir, sizeof p->ir, value)
                                                : "auto, off or only";
    if (!strcmp(key, "margin"))
        return set_ratio(&p->margin, value, 0, 0.5, "0% to 50%");
    if (!strcmp(key, "limit"))
        return set_ratio(&p->limit, value, 1e-4, 1, "0.01% to 100%");
    if (!strcmp(key, "alpha"))
        return set_ratio(&p->alpha, value, 1e-9, 0.2,
                         "above 0%, up to 20%: an error of 0 is a gate that can never fail,");
    if (!strcmp(key, "budget_s"))
        return set_seconds(&p->budget_s, value);
    if (!strcmp(key, "looks"))
        return set_looks(p, value);
    if (!strcmp(key, "builds"))
        return set_whole(&p->builds, value, 1, AB_BUILDS_MOST, "1 to 24");
    if (!strcmp(key, "slices"))
        return set_whole(&p->slices, value, 2, 16, "2 to 16");
    if (!strcmp(key, "slice_ms"))
        return set_whole(&p->slice_ms, value, 1, 10000, "1 to 10000");
    if (!strcmp(key, "control"))
        return set_yes(&p->control, value);
    if (!strcmp(key, "confirm"))
        return set_yes(&p->confirm, value);
    return !strcmp(key, "strict") ? set_yes(&p->strict, value) : "";
}

/* ---- The file */

static int read_section(struct policy *p, const struct ini *ini, const struct ini_section *section,
                        struct err *err) {
    if (strcmp(section->name, "gate"))
        return err_at(err, ini, section->line, section->column,
                      "unknown section '%s'; a policy has [gate] alone", section->name);
    for (int i = 0; i < section->nkeys; i++) {
        const struct ini_key *key = &section->keys[i];
        const char *expected = set_key(p, key->key, key->value);
        if (expected && !*expected)
            return err_at(err, ini, key->line, key->key_column,
                          "unknown key '%s'; there are: cells matrix store ir margin limit alpha "
                          "budget_s looks builds slices slice_ms control confirm strict",
                          key->key);
        if (expected)
            return err_at(err, ini, key->line, key->column, "%s: %s expected, not '%s'", key->key,
                          expected, key->value);
    }
    return 0;
}

static int check(const struct policy *p, struct err *err) {
    if (!p->cells[strspn(p->cells, " \t")])
        return err_set(err, GB_USAGE,
                       "%s names no cell, so that it could never fail; say `cells = GLOB...` in "
                       "[gate], as in cells = cpu_*/serial/*",
                       p->name);
    if (p->limit < p->margin)
        return err_set(err, GB_USAGE,
                       "%s: the limit (%g %%) is below the margin (%g %%): nothing could be ok "
                       "that is not within the margin",
                       p->name, 100 * p->limit, 100 * p->margin);
    if (p->slices % 2)
        return err_set(err, GB_USAGE, "%s: slices = %d: an even number expected", p->name,
                       p->slices);
    return 0;
}

int policy_parse(struct policy *policy, const char *name, const char *text, struct err *err) {
    struct ini ini;
    int failed = 0;
    snprintf(policy->name, sizeof policy->name, "%.255s", name);
    if (ini_parse(&ini, name, text, err) < 0)
        return -1;
    for (int i = 0; i < ini.nsections && !failed; i++)
        failed = read_section(policy, &ini, &ini.sections[i], err);
    ini_free(&ini);
    return failed ? -1 : check(policy, err);
}

int policy_read(struct policy *policy, const char *path, struct err *err) {
    char *text = read_file(path, err);
    int failed = text ? policy_parse(policy, path, text, err) : -1;
    free(text);
    return failed;
}

bool globs_match(const char *globs, const char *id) {
    char glob[1024];
    int column = 0;
    while (next_word(&globs, glob, sizeof glob, &column))
        if (fnmatch(glob, id, 0) == 0)
            return true;
    return false;
}

bool policy_covers(const struct policy *policy, const char *id) {
    return globs_match(policy->cells, id);
}
