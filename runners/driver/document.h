/* document.h - a file of gilbench's as JSON, known to follow its schema: what every verb reads
 * that takes a file from elsewhere. Results are one object; a journal is an object a line. */
#ifndef GILBENCH_DOCUMENT_H
#define GILBENCH_DOCUMENT_H

#include "gilbench.h"

struct json_t;

/* A kind of file: its name in the field "schema", and its JSON Schema in results/. */
struct document_kind {
    const char *schema, *file, *about;
};
extern const struct document_kind document_kinds[];
extern const int document_nkinds;

struct document {
    const struct document_kind *kind;
    struct json_t *json; /* owned: the object, or for a journal the array of its whole lines */
    char version[16];    /* as the file has it: "1.0" */
    bool newer;          /* a later minor version than the schema here: fields may be unknown */
    bool journal;
    bool torn; /* the journal's last line was cut off; what is before it is whole */
};

/* Reads and checks. `home` has results/. Errors: GB_USAGE when there is no such file,
 * GB_INCOMPATIBLE when it is no JSON (also NaN), no file of ours, of another major version, or
 * breaks its schema or one of the rules that a schema cannot say; nothing is left to free. */
int document_load(const char *home, const char *path, struct document *document, struct err *err);
void document_free(struct document *document);

/* document_load of results of kind `schema` that are no journal, for verbs that take no other. */
int document_load_results(const char *home, const char *path, const char *schema,
                          struct document *document, struct err *err);

/* Benchmarks of results, verdicts of a claim board, whole lines of a journal. */
int document_items(const struct document *document);

/* The text of the JSON Schema of a kind, owned by the caller; NULL with err set. */
char *document_schema_text(const char *home, const struct document_kind *kind, struct err *err);

#endif
