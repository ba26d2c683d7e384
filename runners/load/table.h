/* table.h - the store's data: strings by string, in a hash table with open addressing.
 * Single-threaded. */
#ifndef GILBENCH_TABLE_H
#define GILBENCH_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct entry {
    char *key; /* NULL: free. Key and value are one allocation, each followed by a 0 byte */
    char *value;
    size_t key_size, value_size;
};

struct table {
    struct entry *entries;
    size_t room, count; /* room: a power of two, or 0 */
};

/* Copies key and value; replaces an older value. False: out of memory, nothing has changed. */
bool table_set(struct table *table, const char *key, size_t key_size, const char *value,
               size_t value_size);
/* The entry, valid until the next table_set; NULL when there is none. */
const struct entry *table_get(const struct table *table, const char *key, size_t key_size);

#endif
