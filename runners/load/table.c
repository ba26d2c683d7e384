/* table.c - see table.h. Linear probing, at most half full. */
#include "table.h"
#include "../../workloads/workload.h"
#include <stdlib.h>
#include <string.h>

static struct entry *probe(const struct table *table, const char *key, size_t size) {
    size_t at = fnv1a64(0xcbf29ce484222325u, key, size) & (table->room - 1);
    while (table->entries[at].key &&
           (table->entries[at].key_size != size || memcmp(table->entries[at].key, key, size)))
        at = (at + 1) & (table->room - 1);
    return &table->entries[at];
}

static bool grow(struct table *table) {
    struct table bigger = {.room = table->room ? 2 * table->room : 1024, .count = table->count};
    if (!(bigger.entries = calloc(bigger.room, sizeof *bigger.entries)))
        return false;
    for (size_t i = 0; i < table->room; i++)
        if (table->entries[i].key)
            *probe(&bigger, table->entries[i].key, table->entries[i].key_size) = table->entries[i];
    free(table->entries);
    *table = bigger;
    return true;
}

bool table_set(struct table *table, const char *key, size_t key_size, const char *value,
               size_t value_size) {
    struct entry *entry, fresh = {.key_size = key_size, .value_size = value_size};
    if (2 * table->count >= table->room && !grow(table))
        return false;
    if (!(fresh.key = malloc(key_size + value_size + 2)))
        return false;
    fresh.value = fresh.key + key_size + 1;
    memcpy(fresh.key, key, key_size);
    memcpy(fresh.value, value, value_size);
    fresh.key[key_size] = fresh.value[value_size] = '\0';
    entry = probe(table, key, key_size);
    table->count += !entry->key;
    free(entry->key);
    *entry = fresh;
    return true;
}

const struct entry *table_get(const struct table *table, const char *key, size_t key_size) {
    const struct entry *entry = table->room ? probe(table, key, key_size) : NULL;
    return entry && entry->key ? entry : NULL;
}
