/* The JSON Schema checker: what a person is told, and that nothing is skipped silently. The Python
 * tests hold it against another implementation. */
#include "../../runners/driver/schema.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *schema, const char *document, const char *message) {
    json_t *s = json_loads(schema, JSON_DECODE_ANY, NULL),
           *d = json_loads(document, JSON_DECODE_ANY, NULL);
    struct err err = {0};
    int failed = schema_check(s, s, d, &err);
    json_decref(s);
    json_decref(d);
    assert_int_equal(failed, message ? -1 : 0);
    if (message && strcmp(err.text, message))
        fail_msg("'%s', expected '%s'", err.text, message);
    if (message)
        assert_int_equal(err.code, GB_INCOMPATIBLE);
}

static void messages_name_place_expectation_and_finding(void **state) {
    (void)state;
    expect("{\"type\":\"object\"}", "[]", "the document: object expected, not []");
    expect("{\"type\":[\"string\",\"null\"]}", "1", "the document: string or null expected, not 1");
    expect("{\"properties\":{\"a\":{\"items\":{\"minimum\":2}}}}", "{\"a\":[2,3,1]}",
           "a[2]: at least 2 expected, not 1");
    expect("{\"additionalProperties\":false,\"properties\":{\"a\":true}}", "{\"a\":1,\"b\":2}",
           "b: not allowed here");
    expect("{\"maximum\":0.01}", "0.5", "the document: at most 0.01 expected, not 0.5");
    expect("{\"minItems\":2}", "[1]", "the document: at least 2 items expected, 1 are there");
    expect("{\"const\":\"x\"}", "\"y\"", "the document: \"x\" expected, not \"y\"");
}

static void integers_are_numbers_without_a_fraction(void **state) {
    (void)state;
    expect("{\"type\":\"integer\"}", "2.0", NULL);
    expect("{\"type\":\"integer\"}", "2.5", "the document: integer expected, not 2.5");
    expect("{\"type\":\"number\"}", "true", "the document: number expected, not true");
}

static void of_forms_the_one_that_came_furthest_speaks(void **state) {
    static const char schema[] =
        "{\"oneOf\":[{\"properties\":{\"type\":{\"const\":\"a\"},\"n\":{\"type\":\"integer\"}}},"
        "{\"properties\":{\"type\":{\"const\":\"bb\"},\"inner\":{\"$ref\":\"#/$defs/inner\"}}}],"
        "\"$defs\":{\"inner\":{\"properties\":{\"x\":{\"type\":\"null\"}}}}}";
    (void)state;
    expect(schema, "{\"type\":\"a\",\"n\":1}", NULL);
    expect(schema, "{\"type\":\"bb\",\"inner\":{\"x\":3}}", "inner.x: null expected, not 3");
    expect("{\"oneOf\":[true,true]}", "1",
           "the document: 2 of the forms that exclude each other fit");
}

static void an_unknown_keyword_is_an_error_of_the_schema(void **state) {
    (void)state;
    expect("{\"uniqueItems\":true}", "[]",
           "the document: the schema has the keyword \"uniqueItems\", which is not known here");
    expect("{\"$ref\":\"#/$defs/nope\"}", "1",
           "the document: the schema refers to nothing that it has, not \"#/$defs/nope\"");
}

static void a_deep_path_is_cut_not_overrun(void **state) {
    json_t *document = json_integer(1), *schema = json_loads("{\"$ref\":\"#/$defs/a\",\"$defs\":{"
                                                             "\"a\":{\"items\":{\"$ref\":\"#/$defs/"
                                                             "a\"},\"type\":\"array\"}}}",
                                                             0, NULL);
    struct err err = {0};
    (void)state;
    for (int i = 0; i < 300; i++) {
        json_t *outer = json_array();
        json_array_append_new(outer, document);
        document = outer;
    }
    assert_int_equal(schema_check(schema, schema, document, &err), -1);
    assert_non_null(strstr(err.text, "[0][0][0]"));
    json_decref(schema);
    json_decref(document);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_name_place_expectation_and_finding),
        cmocka_unit_test(integers_are_numbers_without_a_fraction),
        cmocka_unit_test(of_forms_the_one_that_came_furthest_speaks),
        cmocka_unit_test(an_unknown_keyword_is_an_error_of_the_schema),
        cmocka_unit_test(a_deep_path_is_cut_not_overrun),
    };
    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
