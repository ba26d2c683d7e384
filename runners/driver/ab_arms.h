/* ab_arms.h - what stands behind BASE and CAND: builds of a git ref, a folder or an interpreter. */
#ifndef GILBENCH_AB_ARMS_H
#define GILBENCH_AB_ARMS_H

#include "ab.h"

/* Finds and, for git refs, makes the builds of all arms of result->plan.arms; result->folder gets
 * `arms/`, with a link to each build by a path of the same length. Arms that the result already
 * has (from a journal) must be the same as before. Errors: GB_USAGE what is no such ref, folder or
 * interpreter; GB_RUNTIME what does not build. */
int arms_open(struct ab_result *result, const struct ab_options *options,
              const struct registry *driver, struct err *err);
/* As many further builds of git refs, linked differently from all before. Folders and interpreters
 * have no others. */
int arms_renew(struct ab_result *result, const struct ab_options *options,
               const struct registry *driver, struct err *err);
void arms_close(struct ab_result *result);

/* A build that is the same, and lies elsewhere: what of it is run is copied. */
int arms_copy_build(const struct registry *driver, const char *from, const char *to,
                    struct err *err);

#endif
