/* schema.c - see schema.h. One function a keyword, and a table of them. */
#include "schema.h"
#include <jansson.h>
#include <math.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The path grows and shrinks with the recursion; `depth` of the error that is kept is what decides
 * between the branches of a oneOf: the one that came furthest is the one that was meant. */
struct check {
    const json_t *root;
    char path[400];
    size_t used;
    size_t failed_at;
    struct err *err;
};

static int check_value(struct check *c, const json_t *schema, const json_t *value);

static int fail(struct check *c, const json_t *found, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct check *c, const json_t *found, const char *fmt, ...) {
    char expected[300], *text = found ? json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    va_list args;
    va_start(args, fmt);
    vsnprintf(expected, sizeof expected, fmt, args);
    va_end(args);
    c->failed_at = c->used;
    err_set(c->err, GB_INCOMPATIBLE, "%s: %s%s%.60s%s", c->used ? c->path : "the document",
            expected, text ? ", not " : "", text ? text : "",
            text && strlen(text) > 60 ? "..." : "");
    free(text);
    return -1;
}

/* ---- Paths */

static size_t enter(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Returns what leave() takes. A path that does not fit is cut off. */
static size_t enter(struct check *c, const char *fmt, ...) {
    size_t before = c->used;
    va_list args;
    va_start(args, fmt);
    vsnprintf(c->path + c->used, sizeof c->path - c->used, fmt, args);
    va_end(args);
    c->used = strlen(c->path);
    return before;
}

static void leave(struct check *c, size_t before) {
    c->path[c->used = before] = '\0';
}

static int check_member(struct check *c, const json_t *schema, const char *key,
                        const json_t *value) {
    size_t before = enter(c, "%s%.100s", c->used ? "." : "", key);
    int failed = check_value(c, schema, value);
    leave(c, before);
    return failed;
}

static int check_item(struct check *c, const json_t *schema, size_t index, const json_t *value) {
    size_t before = enter(c, "[%zu]", index);
    int failed = check_value(c, schema, value);
    leave(c, before);
    return failed;
}

/* ---- Keywords: rule is the keyword's value, schema the object that it stands in */

/* JSON Schema's integers are numbers without a fraction, however they are written. */
static bool is_integer(const json_t *value) {
    return json_is_integer(value) ||
           (json_is_real(value) && json_real_value(value) == floor(json_real_value(value)));
}

static bool has_type(const json_t *value, const char *type) {
    return !strcmp(type, "object")    ? json_is_object(value)
           : !strcmp(type, "array")   ? json_is_array(value)
           : !strcmp(type, "string")  ? json_is_string(value)
           : !strcmp(type, "integer") ? is_integer(value)
           : !strcmp(type, "number")  ? json_is_number(value)
           : !strcmp(type, "boolean") ? json_is_boolean(value)
           : !strcmp(type, "null")    ? json_is_null(value)
                                      : false;
}

static int check_type(struct check *c, const json_t *rule, const json_t *schema,
                      const json_t *value) {
    char wanted[100] = "";
    size_t i;
    json_t *one;
    (void)schema;
    if (json_is_string(rule))
        return has_type(value, json_string_value(rule))
                   ? 0
                   : fail(c, value, "%s expected", json_string_value(rule));
    json_array_foreach(rule, i, one) {
        size_t used = strlen(wanted);
        if (has_type(value, json_string_value(one)))
            return 0;
        snprintf(wanted + used, sizeof wanted - used, "%s%s", i ? " or " : "",
                 json_string_value(one));
    }
    return fail(c, value, "%s expected", wanted);
}

static int check_const(struct check *c, const json_t *rule, const json_t *schema,
                       const json_t *value) {
    (void)schema;
    if (json_equal(rule, value))
        return 0;
    if (json_is_string(rule))
        return fail(c, value, "\"%s\" expected", json_string_value(rule));
    return fail(c, value, "one value only is allowed");
}

static int check_enum(struct check *c, const json_t *rule, const json_t *schema,
                      const json_t *value) {
    size_t i;
    json_t *one;
    char *text;
    int failed;
    (void)schema;
    json_array_foreach(rule, i, one) {
        if (json_equal(one, value))
            return 0;
    }
    text = json_dumps(rule, JSON_COMPACT);
    failed = fail(c, value, "one of %.200s expected", text ? text : "a list");
    free(text);
    return failed;
}

static int check_required(struct check *c, const json_t *rule, const json_t *schema,
                          const json_t *value) {
    size_t i;
    json_t *key;
    (void)schema;
    if (!json_is_object(value))
        return 0;
    json_array_foreach(rule, i, key) {
        if (!json_object_get(value, json_string_value(key)))
            return fail(c, NULL, "the field \"%s\" is missing", json_string_value(key));
    }
    return 0;
}

static int check_properties(struct check *c, const json_t *rule, const json_t *schema,
                            const json_t *value) {
    const char *key;
    json_t *one, *found;
    (void)schema;
    json_object_foreach((json_t *)rule, key, one) {
        if ((found = json_object_get(value, key)) && check_member(c, one, key, found) < 0)
            return -1;
    }
    return 0;
}

static int check_additional(struct check *c, const json_t *rule, const json_t *schema,
                            const json_t *value) {
    const json_t *named = json_object_get(schema, "properties");
    const char *key;
    json_t *one;
    json_object_foreach((json_t *)value, key, one) {
        if (!json_object_get(named, key) && check_member(c, rule, key, one) < 0)
            return -1;
    }
    return 0;
}

static int check_items(struct check *c, const json_t *rule, const json_t *schema,
                       const json_t *value) {
    size_t first = json_array_size(json_object_get(schema, "prefixItems"));
    for (size_t i = first; i < json_array_size(value); i++)
        if (check_item(c, rule, i, json_array_get(value, i)) < 0)
            return -1;
    return 0;
}

static int check_prefix(struct check *c, const json_t *rule, const json_t *schema,
                        const json_t *value) {
    (void)schema;
    for (size_t i = 0; i < json_array_size(rule) && i < json_array_size(value); i++)
        if (check_item(c, json_array_get(rule, i), i, json_array_get(value, i)) < 0)
            return -1;
    return 0;
}

static int check_min_items(struct check *c, const json_t *rule, const json_t *schema,
                           const json_t *value) {
    (void)schema;
    return !json_is_array(value) || json_array_size(value) >= (size_t)json_integer_value(rule)
               ? 0
               : fail(c, NULL, "at least %lld items expected, %zu are there",
                      (long long)json_integer_value(rule), json_array_size(value));
}

static int check_max_items(struct check *c, const json_t *rule, const json_t *schema,
                           const json_t *value) {
    (void)schema;
    return !json_is_array(value) || json_array_size(value) <= (size_t)json_integer_value(rule)
               ? 0
               : fail(c, NULL, "at most %lld items expected, %zu are there",
                      (long long)json_integer_value(rule), json_array_size(value));
}

static int check_minimum(struct check *c, const json_t *rule, const json_t *schema,
                         const json_t *value) {
    (void)schema;
    return !json_is_number(value) || json_number_value(value) >= json_number_value(rule)
               ? 0
               : fail(c, value, "at least %g expected", json_number_value(rule));
}

static int check_above(struct check *c, const json_t *rule, const json_t *schema,
                       const json_t *value) {
    (void)schema;
    return !json_is_number(value) || json_number_value(value) > json_number_value(rule)
               ? 0
               : fail(c, value, "more than %g expected", json_number_value(rule));
}

static int check_maximum(struct check *c, const json_t *rule, const json_t *schema,
                         const json_t *value) {
    (void)schema;
    return !json_is_number(value) || json_number_value(value) <= json_number_value(rule)
               ? 0
               : fail(c, value, "at most %g expected", json_number_value(rule));
}

/* The patterns of the schemas mean the same to regcomp and to Python: no \d and the like. */
static int check_pattern(struct check *c, const json_t *rule, const json_t *schema,
                         const json_t *value) {
    regex_t regex;
    int failed;
    (void)schema;
    if (!json_is_string(value))
        return 0;
    if (regcomp(&regex, json_string_value(rule), REG_EXTENDED | REG_NOSUB))
        return fail(c, NULL, "the schema's pattern %s is wrong", json_string_value(rule));
    failed = regexec(&regex, json_string_value(value), 0, NULL, 0);
    regfree(&regex);
    return failed ? fail(c, value, "text like %s expected", json_string_value(rule)) : 0;
}

static int check_one_of(struct check *c, const json_t *rule, const json_t *schema,
                        const json_t *value) {
    struct err best = {0};
    size_t i, matches = 0, furthest = 0;
    json_t *one;
    (void)schema;
    json_array_foreach(rule, i, one) {
        if (check_value(c, one, value) == 0) {
            matches++;
        } else if (!best.code || c->failed_at >= furthest) {
            furthest = c->failed_at;
            best = *c->err;
        }
    }
    if (matches == 1)
        return 0;
    if (matches > 1)
        return fail(c, NULL, "%zu of the forms that exclude each other fit", matches);
    *c->err = best;
    c->failed_at = furthest;
    return -1;
}

static int check_ref(struct check *c, const json_t *rule, const json_t *schema,
                     const json_t *value) {
    const char *name = json_string_value(rule);
    const json_t *target = NULL;
    (void)schema;
    if (name && !strncmp(name, "#/$defs/", 8))
        target = json_object_get(json_object_get(c->root, "$defs"), name + 8);
    return target ? check_value(c, target, value)
                  : fail(c, rule, "the schema refers to nothing that it has");
}

static int nothing(struct check *c, const json_t *rule, const json_t *schema, const json_t *value) {
    (void)c, (void)rule, (void)schema, (void)value;
    return 0;
}

/* ---- A value against a schema */

static const struct {
    const char *name;
    int (*check)(struct check *, const json_t *rule, const json_t *schema, const json_t *value);
} keywords[] = {
    {"type", check_type},
    {"const", check_const},
    {"enum", check_enum},
    {"required", check_required},
    {"properties", check_properties},
    {"additionalProperties", check_additional},
    {"prefixItems", check_prefix},
    {"items", check_items},
    {"minItems", check_min_items},
    {"maxItems", check_max_items},
    {"minimum", check_minimum},
    {"exclusiveMinimum", check_above},
    {"maximum", check_maximum},
    {"pattern", check_pattern},
    {"oneOf", check_one_of},
    {"$ref", check_ref},
    {"$schema", nothing},
    {"$id", nothing},
    {"$comment", nothing},
    {"$defs", nothing},
    {"title", nothing},
    {"description", nothing},
};
enum { KEYWORDS = sizeof keywords / sizeof *keywords };

static bool is_keyword(const char *name) {
    for (int i = 0; i < KEYWORDS; i++)
        if (!strcmp(keywords[i].name, name))
            return true;
    return false;
}

static int check_value(struct check *c, const json_t *schema, const json_t *value) {
    const char *key;
    json_t *rule;
    if (json_is_true(schema))
        return 0;
    if (!json_is_object(schema))
        return fail(c, NULL, "not allowed here");
    json_object_foreach((json_t *)schema, key, rule) {
        if (!is_keyword(key))
            return fail(c, NULL, "the schema has the keyword \"%s\", which is not known here", key);
    }
    for (int i = 0; i < KEYWORDS; i++)
        if ((rule = json_object_get(schema, keywords[i].name)) &&
            keywords[i].check(c, rule, schema, value) < 0)
            return -1;
    return 0;
}

int schema_check(const json_t *root, const json_t *schema, const json_t *document,
                 struct err *err) {
    struct check c = {.root = root, .err = err};
    return check_value(&c, schema, document);
}
