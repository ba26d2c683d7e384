/* schema.h - whether a JSON document follows a JSON Schema: the part of draft 2020-12 that the
 * schemas in results/ use. A keyword that is not known here is an error of the schema, never
 * skipped. */
#ifndef GILBENCH_SCHEMA_H
#define GILBENCH_SCHEMA_H

#include "gilbench.h"

struct json_t; /* jansson's; only json files look into it */

/* `root` is the whole schema, in which "#/..." references are looked up; `schema` is root or a part
 * of it. Nothing is owned. On failure err (GB_INCOMPATIBLE) says where in the document, what was
 * expected and what is there: "benchmarks[2].reps[0].samples[1].ns: more than 0 expected, not 0".
 */
int schema_check(const struct json_t *root, const struct json_t *schema,
                 const struct json_t *document, struct err *err);

#endif
