/* mem.c - the allocator of the core. A test replaces it to make the n-th call fail. */
#include "cp.h"
#include <stdlib.h>

struct cp_allocator cp_mem = {.alloc = malloc, .resize = realloc, .free = free};
