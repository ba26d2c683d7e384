/* completion.c - see shells.h. What can stand behind a verb or an option is read from its help. */
#include "shells.h"
#include <ctype.h>
#include <string.h>

/* What a shell offers for one value. */
enum offer { NOTHING, WORDS, FILES, PROGRAMS, MATRICES, VERBS };

/* "auto|plain|LIST" -> "auto plain"; whether there is a bar. */
static bool alternatives(const char *value, char *words, size_t room) {
    size_t used = 0;
    if (!strchr(value, '|'))
        return false;
    words[0] = '\0';
    while (*value) {
        size_t size = strcspn(value, "|");
        if (islower((unsigned char)*value))
            used += (size_t)snprintf(words + used, room - used, "%s%.*s", used ? " " : "",
                                     (int)size, value);
        value += size + (value[size] == '|');
    }
    return true;
}

static enum offer offer_of(const char *value, char *words, size_t room) {
    static const struct {
        const char *word;
        enum offer offer;
    } known[] = {{"FILE", FILES}, {"DIR", FILES},  {"OUT", FILES},       {"EXE", PROGRAMS},
                 {"OLD", FILES},  {"NEW", FILES},  {"RESULTS", FILES},   {"BASE", FILES},
                 {"CAND", FILES}, {"VERB", VERBS}, {"MATRIX", MATRICES}, {"A", FILES}};
    if (alternatives(value, words, room))
        return WORDS;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strncmp(value, known[i].word, strlen(known[i].word)) &&
            !isalnum((unsigned char)value[strlen(known[i].word)]))
            return known[i].offer;
    return NOTHING;
}

/* What may follow the verb itself: the words of its usage lines behind the name that are neither an
 * option nor the value of one. The first that a shell knows something of decides. */
static enum offer offer_of_verb(const struct verb *verb, char *words, size_t room) {
    const char *at = verb->help;
    struct help_item item;
    while (help_next(&at, &item) && item.kind == HELP_USAGE) {
        bool value = false;
        for (char *word = strtok(item.text, " []"), *next; word; word = next) {
            enum offer offer = value || *word == '-' ? NOTHING : offer_of(word, words, room);
            next = strtok(NULL, " []");
            value = *word == '-' && next && *next != '-';
            if (offer != NOTHING)
                return offer;
        }
    }
    return NOTHING;
}

/* ---- bash */

static void bash_offer(FILE *out, enum offer offer, const char *words, const char *names) {
    switch (offer) {
    case WORDS:
        fprintf(out, "words='%s'", words);
        break;
    case MATRICES:
        fprintf(out, "words='%s'; files=1", names);
        break;
    case VERBS:
        fputs("words=$verbs", out);
        break;
    case PROGRAMS:
        fputs("COMPREPLY=($(compgen -c -f -- \"$cur\")); return", out);
        break;
    case FILES:
        fputs("files=1", out);
        break;
    default:
        fputs("return", out);
    }
}

static void bash_values(FILE *out, const struct verb *verb, const char *names) {
    const char *at = verb->help;
    struct help_item item;
    char name[80], words[200];
    while (help_next(&at, &item)) {
        char letter = help_option(&item, name, sizeof name);
        enum offer offer = offer_of(item.value, words, sizeof words);
        if (!*item.value || (!*name && !letter))
            continue;
        fprintf(out, "        %s,", verb->name);
        if (letter)
            fprintf(out, "-%c%s%s,", letter, *name ? " | " : "", *name ? verb->name : "");
        fprintf(out, "--%s) ", name);
        bash_offer(out, offer, words, names);
        fputs(" ;;\n", out);
    }
}

static void print_options(FILE *out, const struct verb *verb) {
    const char *at = verb->help;
    struct help_item item;
    char name[80];
    while (help_next(&at, &item)) {
        char letter = help_option(&item, name, sizeof name);
        if (*name)
            fprintf(out, "--%s ", name);
        if (letter)
            fprintf(out, "-%c ", letter);
    }
    fputs("--help", out);
}

void completion_bash(FILE *out, const char *names) {
    char words[200];
    fputs("# gilbench in bash: eval \"$(gilbench completion bash)\"\n"
          "_gilbench() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} "
          "verb=${COMP_WORDS[1]} words= files= options= verbs=\n"
          "    verbs='",
          out);
    for (int i = 0; verbs[i]; i++)
        fprintf(out, "%s%s", i ? " " : "", verbs[i]->name);
    fputs("'\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
          "        COMPREPLY=($(compgen -W \"$verbs --help\" -- \"$cur\"))\n"
          "        return\n"
          "    fi\n"
          "    # --option=value comes in three words\n"
          "    if [ \"$cur\" = = ]; then cur=; elif [ \"$prev\" = = ]; then "
          "prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
          "    case $verb,$prev in\n",
          out);
    for (int i = 0; verbs[i]; i++)
        bash_values(out, verbs[i], names);
    fputs("        *) case $verb in\n", out);
    for (int i = 0; verbs[i]; i++) {
        enum offer offer = offer_of_verb(verbs[i], words, sizeof words);
        fprintf(out, "            %s) options='", verbs[i]->name);
        print_options(out, verbs[i]);
        fputs("'", out);
        if (offer != NOTHING) {
            fputs("; ", out);
            bash_offer(out, offer, words, names);
        }
        fputs(" ;;\n", out);
    }
    fputs("            esac ;;\n"
          "    esac\n"
          "    case $cur in -*) words=$options ;; esac\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
          "    case $files,$cur in ,* | 1,-*) return ;; esac\n"
          "    local IFS=$'\\n'\n"
          "    COMPREPLY+=($(compgen -f -- \"$cur\"))\n"
          "    compopt -o filenames 2>/dev/null\n"
          "}\n"
          "complete -F _gilbench gilbench\n",
          out);
}

/* ---- zsh */

/* Inside single quotes and the brackets of _arguments. */
static void zsh_text(FILE *out, const char *text) {
    for (; *text; text++) {
        if (strchr("[]:\\", *text))
            fputc('\\', out);
        if (*text == '\'')
            fputs("'\\'", out);
        fputc(*text, out);
    }
}

static void zsh_action(FILE *out, enum offer offer, const char *words) {
    switch (offer) {
    case WORDS:
        fprintf(out, "(%s)", words);
        break;
    case MATRICES:
        fputs("_gilbench_matrix", out);
        break;
    case VERBS:
        fputs("{_describe verb verbs}", out);
        break;
    case PROGRAMS:
        fputs("_command_names -e", out);
        break;
    case FILES:
        fputs("_files", out);
        break;
    default:
        fputc(' ', out);
    }
}

static void zsh_option(FILE *out, const struct help_item *item) {
    char name[80], words[200];
    char letter = help_option(item, name, sizeof name);
    if (!*name && !letter)
        return;
    fputs(" \\\n        ", out);
    if (letter && *name)
        fprintf(out, "'(-%c --%s)'{-%c,--%s%s}", letter, name, letter, name,
                *item->value ? "=" : "");
    else if (letter)
        fprintf(out, "-%c", letter);
    else
        fprintf(out, "--%s%s", name, *item->value ? "=" : "");
    fputs("'[", out);
    zsh_text(out, item->text);
    fputc(']', out);
    if (*item->value) {
        fputc(':', out);
        zsh_text(out, item->value);
        fputc(':', out);
        zsh_action(out, offer_of(item->value, words, sizeof words), words);
    }
    fputc('\'', out);
}

static void zsh_verb(FILE *out, const struct verb *verb) {
    const char *at = verb->help;
    struct help_item item;
    char words[200];
    enum offer offer;
    fprintf(out, "    %s) _arguments", verb->name);
    while (help_next(&at, &item))
        zsh_option(out, &item);
    fputs(" \\\n        '--help[what this verb does]'", out);
    if ((offer = offer_of_verb(verb, words, sizeof words)) != NOTHING) {
        fputs(" \\\n        '*:argument:", out);
        zsh_action(out, offer, words);
        fputc('\'', out);
    }
    fputs(" ;;\n", out);
}

void completion_zsh(FILE *out, const char *names) {
    fprintf(out,
            "#compdef gilbench\n"
            "# gilbench in zsh: a file _gilbench in a folder of $fpath, or eval \"$(gilbench "
            "completion zsh)\"\n"
            "_gilbench_matrix() {\n"
            "    _alternative 'matrices:matrix:(%s)' 'files:file:_files'\n"
            "}\n",
            names);
    fputs("_gilbench() {\n"
          "    local -a verbs\n"
          "    verbs=(\n",
          out);
    for (int i = 0; verbs[i]; i++) {
        fprintf(out, "        '%s:", verbs[i]->name);
        zsh_text(out, verbs[i]->about);
        fputs("'\n", out);
    }
    fputs("    )\n"
          "    if (( CURRENT == 2 )); then\n"
          "        _describe verb verbs\n"
          "        return\n"
          "    fi\n"
          "    local verb=$words[2]\n"
          "    shift words\n"
          "    (( CURRENT-- ))\n"
          "    case $verb in\n",
          out);
    for (int i = 0; verbs[i]; i++)
        zsh_verb(out, verbs[i]);
    fputs("    esac\n"
          "}\n"
          "if [ \"$funcstack[1]\" = _gilbench ]; then _gilbench \"$@\"; else compdef _gilbench "
          "gilbench; fi\n",
          out);
}
