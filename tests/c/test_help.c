/* test_help.c - the help of verbs: as it is read, and that it tells the truth of every verb. What
 * the parser of a verb takes, its help names, and the reverse; completion and manual are made from
 * the help, so that they name it too. */
#include "../../runners/driver/help.h"
#include "../../runners/driver/shells.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_text_is_read_piece_by_piece(void **state) {
    const char *at = "usage: gilbench x FILE\n       gilbench x --all\n\nSays\nsomething.\n\n"
                     "  -o, --output DIR  where\n             to\n      --how a|b|LIST  what\n"
                     "  md  a word\n\nexample: gilbench x y\n\nexit: 0 done\n";
    const struct {
        enum help_kind kind;
        bool first;
        const char *term, *value, *text;
    } wanted[] = {
        {HELP_USAGE, false, "", "", "gilbench x FILE"},
        {HELP_USAGE, false, "", "", "gilbench x --all"},
        {HELP_TEXT, true, "", "", "Says something."},
        {HELP_TERM, true, "-o, --output", "DIR", "where to"},
        {HELP_TERM, false, "--how", "a|b|LIST", "what"},
        {HELP_TERM, false, "md", "", "a word"},
        {HELP_EXAMPLE, true, "", "", "gilbench x y"},
        {HELP_EXIT, true, "", "", "0 done"},
    };
    struct help_item item;
    (void)state;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        assert_true(help_next(&at, &item));
        assert_int_equal(item.kind, wanted[i].kind);
        assert_int_equal(item.first, wanted[i].first);
        assert_string_equal(item.term, wanted[i].term);
        assert_string_equal(item.value, wanted[i].value);
        assert_string_equal(item.text, wanted[i].text);
    }
    assert_false(help_next(&at, &item));
}

/* What `print` writes, as a string of the caller's. */
/* Not inlined: gcc 12 then takes what is returned for a pointer into these variables. */
__attribute__((noinline)) static char *printed(const struct verb *verb, int width) {
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (verb)
        help_print(out, verb, width);
    else if (width)
        completion_bash(out, "smoke default");
    else
        completion_zsh(out, "smoke default");
    fclose(out);
    return text;
}

__attribute__((noinline)) static char *manual(void) {
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    manual_page(out, "1");
    fclose(out);
    return text;
}

static void test_no_line_is_longer_than_it_may_be(void **state) {
    (void)state;
    for (int i = 0; verbs[i]; i++) {
        char *text = printed(verbs[i], 80), *line = text;
        for (size_t size; *line; line += size + (line[size] == '\n'))
            if ((size = strcspn(line, "\n")) > 80)
                fail_msg("%s --help: %.*s", verbs[i]->name, (int)size, line);
        free(text);
    }
}

static const struct option *find_option(const struct verb *verb, const char *name) {
    for (const struct option *o = verb->options; o && o->name; o++)
        if (!strcmp(o->name, name))
            return o;
    return NULL;
}

static bool letter_takes(const struct verb *verb, char letter, bool value) {
    const char *found = strchr(verb->letters, letter);
    return found && (found[1] == ':') == value;
}

/* Every option of the help is one of the parser's, with a value where it says so. */
static int check_options(const struct verb *verb) {
    const char *at = verb->help;
    struct help_item item;
    char name[80];
    int count = 0;
    while (help_next(&at, &item)) {
        char letter = help_option(&item, name, sizeof name);
        const struct option *o = find_option(verb, name);
        if (item.kind != HELP_TERM || *item.term != '-')
            continue;
        if (!o || o->has_arg != (*item.value != '\0') || !*item.text)
            fail_msg("%s --help: \"%s\" \"%s\" \"%s\" is not what its parser takes", verb->name,
                     item.term, item.value, item.text);
        if (letter && (!letter_takes(verb, letter, *item.value) || o->val != letter))
            fail_msg("%s: -%c is not --%s", verb->name, letter, name);
        count++;
    }
    return count;
}

static void test_help_and_parser_know_the_same_options(void **state) {
    (void)state;
    for (int i = 0; verbs[i]; i++) {
        int known = 0;
        for (const struct option *o = verbs[i]->options; o && o->name; o++)
            known++;
        if (check_options(verbs[i]) != known)
            fail_msg("%s: the parser takes an option that --help does not name", verbs[i]->name);
    }
}

static void test_every_help_has_its_usage_and_an_example(void **state) {
    (void)state;
    for (int i = 0; verbs[i]; i++) {
        const char *at = verbs[i]->help;
        bool usage = false, example = false;
        struct help_item item;
        char start[80];
        snprintf(start, sizeof start, "gilbench %s", verbs[i]->name);
        while (help_next(&at, &item)) {
            usage |= item.kind == HELP_USAGE && !strncmp(item.text, start, strlen(start));
            example |= item.kind == HELP_EXAMPLE && strstr(item.text, start);
        }
        if (!usage || !example || !*verbs[i]->about)
            fail_msg("%s: usage %d, example %d, about \"%s\"", verbs[i]->name, usage, example,
                     verbs[i]->about);
    }
}

static void expect_in(const char *text, const char *what, const char *verb, const char *name) {
    char word[120];
    snprintf(word, sizeof word, "%s%s", *name ? "--" : verb, name);
    if (!strstr(text, word))
        fail_msg("%s does not know %s %s", what, verb, word);
}

static void test_shells_and_man_know_every_verb_and_option(void **state) {
    char *bash = printed(NULL, 1), *zsh = printed(NULL, 0), *man = manual();
    (void)state;
    for (int i = 0; verbs[i]; i++) {
        char start[80], *in_bash, *in_zsh, *end;
        snprintf(start, sizeof start, "            %s) options='", verbs[i]->name);
        assert_non_null(in_bash = strstr(bash, start));
        snprintf(start, sizeof start, "    %s) _arguments", verbs[i]->name);
        assert_non_null(in_zsh = strstr(zsh, start));
        in_bash = strndup(in_bash, strcspn(in_bash, "\n"));
        end = strstr(in_zsh, ";;");
        in_zsh = strndup(in_zsh, (size_t)(end - in_zsh));
        expect_in(man, "the manual", verbs[i]->name, "");
        for (const struct option *o = verbs[i]->options; o && o->name; o++) {
            expect_in(in_bash, "bash", verbs[i]->name, o->name);
            expect_in(in_zsh, "zsh", verbs[i]->name, o->name);
        }
        free(in_bash);
        free(in_zsh);
    }
    free(bash);
    free(zsh);
    free(man);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_read_piece_by_piece),
        cmocka_unit_test(test_no_line_is_longer_than_it_may_be),
        cmocka_unit_test(test_help_and_parser_know_the_same_options),
        cmocka_unit_test(test_every_help_has_its_usage_and_an_example),
        cmocka_unit_test(test_shells_and_man_know_every_verb_and_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
