/* registry.c - see registry.h. */
#include "registry.h"
#include "latency.h"
#include "matrix.h"
#include "spawn.h"
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const kind_names[] = {"cpu", "client", "server", "wait"};

#define COPY(to, from) snprintf(to, sizeof(to), "%s", from)

/* ---- Places */

static bool holds(const char *folder, const char *name) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

/* The nearest folder above the executable's that has the rooms: build/<mode> is two below it, the
 * bin of what `make install` installs one. */
static int find_home(const char *build, char *home, struct err *err) {
    snprintf(home, GB_PATH_MAX, "%s", build);
    for (char *slash; (slash = strrchr(home, '/'));) {
        *slash = '\0';
        if (holds(home, "runners/adapters/models.ini"))
            return 0;
    }
    return err_set(
        err, GB_RUNTIME,
        "no folder above %s has runners/adapters/models.ini; GILBENCH_HOME names the one "
        "that does",
        build);
}

int registry_places(struct registry *reg, struct err *err) {
    char self[GB_PATH_MAX];
    const char *home = getenv("GILBENCH_HOME");
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (size < 0)
        return err_set(err, GB_RUNTIME, "cannot read /proc/self/exe; is /proc mounted?");
    self[size] = '\0';
    *strrchr(self, '/') = '\0';
    COPY(reg->build, self);
    if (home && *home)
        COPY(reg->home, home);
    else if (find_home(reg->build, reg->home, err) < 0)
        return -1;
    snprintf(reg->results, sizeof reg->results, "%.3700s/results",
             holds(reg->home, "Makefile") ? reg->home : ".");
    return 0;
}

int command_words(const struct registry *reg, const char *command, char *text, size_t room,
                  char **words, int most) {
    const struct {
        const char *mark, *value;
    } marks[] = {{"{python}", reg->python}, {"{home}", reg->home}, {"{build}", reg->build}};
    size_t used = 0;
    int count = 0;
    for (const char *c = command; *c && used + 1 < room;) {
        const char *value = NULL;
        for (int m = 0; m < 3 && !value; m++) {
            if (!strncmp(c, marks[m].mark, strlen(marks[m].mark))) {
                value = marks[m].value;
                c += strlen(marks[m].mark);
            }
        }
        if (value)
            used += (size_t)snprintf(text + used, room - used, "%s", value);
        else
            text[used++] = *c == ' ' ? '\0' : *c;
        c += value == NULL;
    }
    used = used < room ? used : room - 1;
    text[used] = '\0';
    for (size_t at = 0; at < used && count + 1 < most; at += strlen(text + at) + 1)
        if (text[at])
            words[count++] = text + at;
    words[count] = NULL;
    return count;
}

/* ---- The interpreter */

/* Each module is imported in a process of its own: one that crashes, or turns the GIL on, says
 * nothing of the next. */
static const char probe[] =
    "import os, platform, sysconfig, sys\n"
    "free = bool(sysconfig.get_config_var('Py_GIL_DISABLED'))\n"
    "def gil(): return getattr(sys, '_is_gil_enabled', lambda: True)()\n"
    "def answer(name):\n"
    "    before = gil()\n"
    "    try: __import__(name)\n"
    "    except Exception as e:\n"
    "        return 'does not import: ' + ' '.join(f'{type(e).__name__}: {e}'.split())\n"
    "    return 'yes' if gil() == before else 'turns the GIL on when it is imported'\n"
    "print('cpython-' + platform.python_version(), int(free), flush=True)\n"
    "for name in sys.argv[1:]:\n"
    "    child = os.fork()\n"
    "    if not child:\n"
    "        print(name, answer(name), flush=True)\n"
    "        os._exit(0)\n"
    "    if os.waitpid(child, 0)[1]: print(name, 'crashes when it is imported', flush=True)\n";

static void cannot_run(struct model *model, const struct registry *reg, const char *module,
                       const char *why) {
    char text[sizeof model->not_run];
    if (*model->not_run)
        return;
    snprintf(text, sizeof text, "%.38s %.100s (%.20s)%s%.70s", module, why, reg->python_version,
             *model->get ? "; get it by " : "", model->get);
    COPY(model->not_run, text);
}

static bool is_of_build(const char *needs) {
    return !strcmp(needs, "cpromise");
}

/* The modules that models need, each once; or only those that a build brings along. */
static int collect_needs(const struct registry *reg, bool of_build, char names[][GB_NAME_MAX],
                         char **argv) {
    int count = 0, column = 0;
    for (int i = 0; i < reg->nmodels; i++) {
        const char *rest = reg->models[i].needs;
        while (count < GB_MODELS_MAX && next_word(&rest, names[count], GB_NAME_MAX, &column)) {
            bool known = of_build && !is_of_build(names[count]);
            for (int k = 0; k < count; k++)
                known |= !strcmp(names[k], names[count]);
            if (!known) {
                argv[count] = names[count];
                count++;
            }
        }
    }
    return count;
}

/* One run of the interpreter answers for all models: its version, and which of their modules
 * import. */
static int probe_python(struct registry *reg, bool of_build, struct err *err) {
    char *argv[GB_MODELS_MAX + 4] = {reg->python, "-c", (char *)probe}, answer[8192], *line, *rest;
    char names[GB_MODELS_MAX][GB_NAME_MAX];
    int argc = 3, gil_disabled = 0;
    argc += collect_needs(reg, of_build, names, argv + argc);
    if (run_capture(reg, argv, answer, sizeof answer, err) < 0)
        return -1;
    rest = answer;
    line = strsep(&rest, "\n");
    if (!line || sscanf(line, "%63s %d", reg->python_version, &gil_disabled) != 2)
        return err_set(err, GB_USAGE, "'%s' does not behave like a Python 3 interpreter",
                       reg->python);
    reg->free_threaded = gil_disabled;
    while ((line = strsep(&rest, "\n"))) {
        char *name = strsep(&line, " ");
        for (int i = 0; line && i < reg->nmodels; i++)
            if (has_word(reg->models[i].needs, name) && strcmp(line, "yes"))
                cannot_run(&reg->models[i], reg, name, line);
    }
    return 0;
}

static bool on_path(const char *program) {
    char path[PATH_MAX];
    const char *list = getenv("PATH");
    while (list && *list) {
        const char *end = strchrnul(list, ':');
        snprintf(path, sizeof path, "%.*s/%s", (int)(end - list), list, program);
        if (access(path, X_OK) == 0)
            return true;
        list = *end ? end + 1 : end;
    }
    return false;
}

/* ---- The registers */

static void needs_program(struct model *model, const char *program) {
    char text[sizeof model->not_run];
    if (!program || on_path(program))
        return;
    snprintf(text, sizeof text, "%.60s is not on PATH%s%.100s", program,
             *model->get ? "; get it by " : "", model->get);
    COPY(model->not_run, text);
}

/* PREFIX or PREFIX_VARIANT = WORD ... of a section, as words VARIANT:WORD. */
static void read_of_variants(char *text, size_t room, const struct ini_section *s,
                             const char *prefix) {
    size_t size = strlen(prefix), used = 0;
    char word[GB_NAME_MAX];
    int column = 0;
    for (int i = 0; i < s->nkeys; i++) {
        const char *key = s->keys[i].key, *rest = s->keys[i].value;
        if (strncmp(key, prefix, size) || (key[size] && key[size] != '_'))
            continue;
        while (next_word(&rest, word, sizeof word, &column) && used < room)
            used += (size_t)snprintf(text + used, room - used, "%s%s:%s", used ? " " : "",
                                     key[size] ? key + size + 1 : "", word);
    }
}

static void read_model(struct model *model, const struct ini_section *s) {
    COPY(model->name, s->name);
    COPY(model->command, ini_text(s, "command", ""));
    COPY(model->language, ini_text(s, "language", ""));
    COPY(model->kinds, ini_text(s, "kinds", ""));
    COPY(model->variants, ini_text(s, "variants", ""));
    COPY(model->needs, ini_text(s, "needs", ""));
    COPY(model->get, ini_text(s, "get", ""));
    COPY(model->about, ini_text(s, "about", ""));
    COPY(model->loop, ini_text(s, "loop", "none"));
    COPY(model->speaks, ini_text(s, "speaks", "resp"));
    read_of_variants(model->limits, sizeof model->limits, s, "supports");
    read_of_variants(model->refuses, sizeof model->refuses, s, "cannot");
    COPY(model->because, ini_text(s, "because", ""));
    read_of_variants(model->pythons, sizeof model->pythons, s, "oldest");
    model->hidden = ini_find(s, "hidden");
    model->aside = ini_find(s, "aside");
    needs_program(model, ini_text(s, "needs_program", NULL));
}

static bool glob_matches(const char *pattern) {
    glob_t found;
    bool matches = glob(pattern, 0, NULL, &found) == 0;
    globfree(&found);
    return matches;
}

static void read_store(struct store_model *store, const struct ini_section *s) {
    const char *program = ini_text(s, "needs_program", NULL);
    const char *file = ini_text(s, "needs_file", NULL);
    COPY(store->name, s->name);
    COPY(store->command, ini_text(s, "command", ""));
    COPY(store->about, ini_text(s, "about", ""));
    COPY(store->speaks, ini_text(s, "speaks", "resp"));
    if (program && !on_path(program))
        snprintf(store->not_run, sizeof store->not_run, "%.100s is not on PATH", program);
    if (file && !glob_matches(file))
        snprintf(store->not_run, sizeof store->not_run, "%.100s is not there; get it by %.100s",
                 file, ini_text(s, "get", "installing it"));
}

static int read_registers(struct registry *reg, struct err *err) {
    char path[PATH_MAX];
    struct ini ini;
    snprintf(path, sizeof path, "%s/runners/adapters/models.ini", reg->home);
    if (ini_read(&ini, path, err) < 0)
        return -1;
    for (int i = 0; i < ini.nsections && reg->nmodels < GB_MODELS_MAX; i++)
        read_model(&reg->models[reg->nmodels++], &ini.sections[i]);
    ini_free(&ini);
    snprintf(path, sizeof path, "%s/runners/adapters/stores.ini", reg->home);
    if (ini_read(&ini, path, err) < 0)
        return -1;
    for (int i = 0; i < ini.nsections && reg->nstores < 8; i++)
        read_store(&reg->stores[reg->nstores++], &ini.sections[i]);
    ini_free(&ini);
    return 0;
}

static int ask_reference(const struct registry *reg, char **words, char *answer, size_t room,
                         struct err *err) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/reference", reg->build);
    words[0] = path;
    return run_capture(reg, words, answer, room, err);
}

static int read_keys(const struct registry *reg, struct workload_info *workload, struct err *err) {
    char *words[] = {NULL, "params", workload->name, NULL}, answer[8192], *rest = answer, *line;
    if (ask_reference(reg, words, answer, sizeof answer, err) < 0)
        return -1;
    while ((line = strsep(&rest, "\n"))) {
        size_t used = strlen(workload->keys);
        char *key = strsep(&line, " ");
        snprintf(workload->keys + used, sizeof workload->keys - used, "%s%s", used ? " " : "", key);
    }
    return 0;
}

static int read_workloads(struct registry *reg, struct err *err) {
    char *words[] = {NULL, "list", NULL}, answer[8192], *rest = answer, *line;
    if (ask_reference(reg, words, answer, sizeof answer, err) < 0)
        return -1;
    while ((line = strsep(&rest, "\n")) && reg->nworkloads < GB_WORKLOADS_MAX) {
        struct workload_info *w = &reg->workloads[reg->nworkloads];
        char *name = strsep(&line, " "), *kind = strsep(&line, " ");
        if (!kind || !line)
            continue;
        COPY(w->name, name);
        COPY(w->about, line);
        w->kind = kind_named(kind);
        reg->nworkloads++;
        if (read_keys(reg, w, err) < 0)
            return -1;
    }
    return 0;
}

int registry_read(struct registry *reg, struct err *err) {
    memset(reg, 0, sizeof *reg);
    if (registry_places(reg, err) < 0 || read_registers(reg, err) < 0)
        return -1;
    return read_workloads(reg, err);
}

int registry_probe(struct registry *reg, const char *python, bool with_gil, struct err *err) {
    COPY(reg->python, python);
    reg->with_gil = with_gil;
    return probe_python(reg, false, err);
}

int registry_open(struct registry *reg, const char *python, struct err *err) {
    return registry_read(reg, err) < 0 ? -1 : registry_probe(reg, python, false, err);
}

int registry_of_build(struct registry *reg, const struct registry *driver, const char *build,
                      const char *python, struct err *err) {
    bool same = !strcmp(driver->python, python);
    *reg = *driver;
    COPY(reg->build, build);
    COPY(reg->python, python);
    reg->with_gil = false;
    for (int i = 0; i < reg->nmodels; i++)
        if (same ? is_of_build(reg->models[i].needs) : *reg->models[i].needs != '\0')
            *reg->models[i].not_run = '\0';
    return probe_python(reg, same, err);
}

void registry_build_id(const struct registry *reg, char *text, size_t room) {
    char path[PATH_MAX];
    FILE *file;
    snprintf(path, sizeof path, "%s/build_id", reg->build);
    text[0] = '\0';
    if (!(file = fopen(path, "r")))
        return;
    if (fgets(text, (int)room, file))
        text[strcspn(text, "\n")] = '\0';
    fclose(file);
}

const struct model *registry_model(const struct registry *reg, const char *name) {
    for (int i = 0; i < reg->nmodels; i++)
        if (!strcmp(reg->models[i].name, name))
            return &reg->models[i];
    return NULL;
}

/* The next of the words VARIANT:WHAT that are meant for this variant: its WHAT. */
static bool next_of_variant(const char **list, const char *variant, char what[GB_NAME_MAX]) {
    char word[2 * GB_NAME_MAX], *colon;
    int column = 0;
    while (next_word(list, word, sizeof word, &column)) {
        colon = strchr(word, ':');
        if ((size_t)(colon - word) != strlen(variant) || strncmp(word, variant, strlen(variant)))
            continue;
        snprintf(what, GB_NAME_MAX, "%.63s", colon + 1);
        return true;
    }
    return false;
}

bool model_supports(const struct model *model, const char *variant, const char *workload,
                    enum gb_kind kind) {
    const char *list = model->limits;
    char what[GB_NAME_MAX];
    bool limited = false;
    while (next_of_variant(&list, variant, what)) {
        limited = true;
        if (!strcmp(what, workload) || !strcmp(what, kind_name(kind)))
            return true;
    }
    return !limited;
}

static bool refuses(const struct model *model, const struct cell *cell) {
    const char *list = model->refuses;
    char workload[GB_NAME_MAX];
    while (next_of_variant(&list, cell->variant, workload))
        if (!strcmp(workload, cell->workload))
            return true;
    return false;
}

void model_reason(const struct registry *reg, const struct cell *cell, char *text, size_t room) {
    const struct model *model = registry_model(reg, cell->model);
    const char *list = model->pythons;
    char oldest[GB_NAME_MAX];
    int major = 0, minor = 0, least = 0;
    snprintf(text, room, "%s", refuses(model, cell) ? model->because : model->not_run);
    if (refuses(model, cell) || !next_of_variant(&list, cell->variant, oldest) ||
        sscanf(oldest, "3.%d", &least) != 1)
        return;
    sscanf(reg->python_version, "cpython-%d.%d", &major, &minor);
    if (minor < least)
        snprintf(text, room, "needs Python %.20s or later, this is %.40s; name one in --pythons",
                 oldest, reg->python_version);
}

const struct workload_info *registry_workload(const struct registry *reg, const char *name) {
    for (int i = 0; i < reg->nworkloads; i++)
        if (!strcmp(reg->workloads[i].name, name))
            return &reg->workloads[i];
    return NULL;
}

const struct store_model *registry_store(const struct registry *reg, const char *name) {
    for (int i = 0; i < reg->nstores; i++)
        if (!strcmp(reg->stores[i].name, name))
            return &reg->stores[i];
    return NULL;
}

void store_check(const struct registry *reg, const struct store_model *store, struct cell *cell) {
    const struct model *model = registry_model(reg, cell->model);
    const char *join = cell_param(cell, "join");
    size_t room = sizeof cell->not_run;
    if (cell->kind != GB_CLIENT || *cell->not_run)
        return;
    if (*store->not_run)
        snprintf(cell->not_run, room, "%.255s", store->not_run);
    else if (!has_word(model->speaks, store->speaks))
        snprintf(cell->not_run, room, "%s has no client for %s, only for: %s", cell->model,
                 store->speaks, model->speaks);
    else if (join && strcmp(join, "0") && strcmp(store->speaks, "postgres"))
        snprintf(cell->not_run, room, "join = 1 needs a store that knows SQL: --store postgres");
}

static void add_name(char *text, size_t room, const char *name) {
    size_t used = strlen(text);
    snprintf(text + used, room - used, "%s%s", used ? " " : "", name);
}

void registry_names(const struct registry *reg, const char *what, char *text, size_t room) {
    text[0] = '\0';
    for (int i = 0; !strcmp(what, "models") && i < reg->nmodels; i++)
        if (!reg->models[i].hidden)
            add_name(text, room, reg->models[i].name);
    for (int i = 0; !strcmp(what, "workloads") && i < reg->nworkloads; i++)
        add_name(text, room, reg->workloads[i].name);
    for (int i = 0; !strcmp(what, "stores") && i < reg->nstores; i++)
        add_name(text, room, reg->stores[i].name);
}

/* A user's workload is its own reference: its file is run as it stands, op after op. `words` have
 * room for one more. */
static int ask_user(const struct registry *reg, const struct workload_info *workload, char **words,
                    char *answer, size_t room, struct err *err) {
    char program[PATH_MAX];
    int last = 2;
    while (words[last + 1])
        last++;
    snprintf(program, sizeof program, "%s/runners/adapters/user.py", reg->home);
    for (int i = last + 1; i > 3; i--)
        words[i] = words[i - 1];
    words[0] = (char *)reg->python;
    words[3] = (char *)workload->file;
    words[2] = words[1];
    words[1] = program;
    return run_capture(reg, words, answer, room, err);
}

int registry_expect(const struct registry *reg, const struct cell *cell, struct expectation *expect,
                    struct err *err) {
    char texts[GB_PARAMS_MAX][2 * GB_NAME_MAX],
        *words[GB_PARAMS_MAX + 5] = {NULL, "digest", (char *)cell->workload}, answer[256];
    const struct workload_info *workload = registry_workload(reg, cell->workload);
    for (int i = 0, count = 3; i < cell->nparams; i++) {
        if (is_load_param(cell->params[i].key))
            continue;
        snprintf(texts[i], sizeof texts[i], "%s=%s", cell->params[i].key, cell->params[i].value);
        words[count++] = texts[i];
    }
    if ((*workload->file ? ask_user(reg, workload, words, answer, sizeof answer, err)
                         : ask_reference(reg, words, answer, sizeof answer, err)) < 0)
        return -1;
    expect->least_ns = 0;
    if (sscanf(answer,
               "digest=%" SCNx64 " hit=%" SCNd64 " miss=%" SCNd64 " error=%" SCNd64
               " least_ns=%" SCNd64,
               &expect->digest, &expect->hit, &expect->miss, &expect->error, &expect->least_ns) < 4)
        return err_set(err, GB_RUNTIME, "the reference answered '%s' for %s", answer, cell->id);
    return 0;
}

const char *kind_name(enum gb_kind kind) {
    return kind_names[kind];
}

enum gb_kind kind_named(const char *name) {
    enum gb_kind kind = GB_CPU;
    while (kind < GB_WAIT && strcmp(kind_names[kind], name))
        kind++;
    return kind;
}

bool kind_has_peer(enum gb_kind kind) {
    return kind == GB_CLIENT || kind == GB_SERVER;
}
