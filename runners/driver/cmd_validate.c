/* cmd_validate.c - gilbench validate and gilbench schema. */
#include "cmd.h"
#include "document.h"
#include "registry.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- validate */

static const char validate_help[] =
    "usage: gilbench validate FILE...\n"
    "\n"
    "Checks results and journals against the schemas that `gilbench schema` prints, and against "
    "what a schema cannot say: one line for each\n"
    "that is good. A journal whose last line was cut off is good as far as it goes, and it is said "
    "so. Fields that a schema does not name are\n"
    "ignored, so that files of later minor versions pass.\n"
    "\n"
    "example: gilbench validate results/latest/results.json results/latest/journal.jsonl\n"
    "\n"
    "exit: 0 all are good, 2 usage or no such file, 6 one is not\n";

static void print_valid(const char *path, const struct document *document) {
    printf("ok %s: %s %s", path, document->kind->schema, document->version);
    if (document->newer)
        fputs(", newer than this gilbench: fields that it does not know are ignored", stdout);
    if (document->journal)
        printf(", journal of %d whole lines%s", document_items(document),
               document->torn ? "; the last line was cut off: a valid prefix" : "");
    else if (document_items(document))
        printf(", %d %s", document_items(document),
               strcmp(document->kind->schema, "gilbench/claims") ? "benchmarks" : "verdicts");
    putchar('\n');
}

static int cmd_validate(int argc, char **argv) {
    struct registry *reg = calloc(1, sizeof *reg);
    struct err err = {0};
    int code = GB_OK;
    if (!reg || no_options(argc, argv, &err) < 0 || registry_places(reg, &err) < 0 ||
        (optind == argc &&
         err_set(&err, GB_USAGE, "which files? see gilbench validate --help for an example"))) {
        code = complain(&err);
        optind = argc;
    }
    for (int i = optind; i < argc; i++) {
        struct document document;
        if (document_load(reg->home, argv[i], &document, &err) < 0) {
            int failed = complain(&err);
            code = code == GB_OK ? failed : code;
            continue;
        }
        print_valid(argv[i], &document);
        document_free(&document);
    }
    free(reg);
    return code;
}

const struct verb verb_validate = {"validate",   "check results and journals against their schema",
                                   cmd_validate, validate_help,
                                   NULL,         ""};

/* ---- schema */

static const char schema_help[] =
    "usage: gilbench schema [NAME]\n"
    "\n"
    "Prints the JSON Schema of a kind of file; without a name, lists them. The part "
    "\"#/$defs/journal_line\" describes a line of its journal.\n"
    "\n"
    "example: gilbench schema gilbench/result\n";

static int print_schema(const char *home, const char *name, struct err *err) {
    for (int i = 0; i < document_nkinds; i++) {
        char *text;
        if (strcmp(document_kinds[i].schema, name))
            continue;
        if (!(text = document_schema_text(home, &document_kinds[i], err)))
            return -1;
        fputs(text, stdout);
        free(text);
        return 0;
    }
    return err_set(err, GB_USAGE, "there is no schema '%s'; `gilbench schema` lists them", name);
}

static int cmd_schema(int argc, char **argv) {
    struct registry *reg = calloc(1, sizeof *reg);
    struct err err = {0};
    int code = GB_OK;
    if (no_options(argc, argv, &err) < 0)
        code = complain(&err);
    else if (argc < 2)
        for (int i = 0; i < document_nkinds; i++)
            printf("%-16s results/%-16s %s\n", document_kinds[i].schema, document_kinds[i].file,
                   document_kinds[i].about);
    else if (argc > 2)
        code = complain(&(struct err){GB_USAGE, "one schema at a time"});
    else if (!reg || registry_places(reg, &err) < 0 || print_schema(reg->home, argv[1], &err) < 0)
        code = complain(&err);
    free(reg);
    return code;
}

const struct verb verb_schema = {
    "schema", "print the JSON Schema of results", cmd_schema, schema_help, NULL, ""};
