/* c_files.h - io_file and io_log in C: files in the folder that the driver makes for this process,
 * and removes. What fails ends the process (child_fail). */
#ifndef GILBENCH_C_FILES_H
#define GILBENCH_C_FILES_H

#include "../load/child.h"
#include <stdbool.h>
#include <sys/types.h>

/* Of one op in flight: its bytes, and of io_log a log of its own. */
struct file_slot {
    unsigned char *bytes;
    int log;
    off_t end;
};

bool files_wanted(const struct workload *workload);
/* For files_wanted: writes the files of io_file, and makes `count` slots. The caller's, until
 * files_close. */
struct file_slot *files_open(const struct args *args, int64_t count);
/* Does op `op` and gives its result. Blocks. On any thread; a slot serves one op at a time. */
uint64_t files_do(struct file_slot *slot, uint64_t op);
void files_close(struct file_slot *slots, int64_t count);

#endif
