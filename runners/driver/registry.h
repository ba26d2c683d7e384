/* registry.h - what can be run: models and stores (from their registers), workloads (asked of the
 * reference program), and whether each can run here, under this interpreter. */
#ifndef GILBENCH_REGISTRY_H
#define GILBENCH_REGISTRY_H

#include "ini.h"

enum {
    GB_MODELS_MAX = 64,
    GB_WORKLOADS_MAX = 64,
    GB_ARGS_MAX = 64,
    GB_FILE_MAX = 600,
    GB_PATH_MAX = 3800
}; /* room for a name behind it in PATH_MAX */

struct model {
    char name[GB_NAME_MAX], command[512], language[16], kinds[64], variants[256],
        needs[GB_NAME_MAX], about[200];
    char get[120];            /* how to get what it needs */
    char loop[128];           /* the loop class that must be attested */
    char speaks[GB_NAME_MAX]; /* words: the stores for which it has a client */
    bool hidden;
    bool aside;        /* not among the models that a user's workload is run under unasked */
    char limits[1024]; /* words VARIANT:WHAT: it runs no other workloads or kinds than these */
    char refuses[256]; /* words VARIANT:WORKLOAD: it can run this kind, but not these, */
    char because[120]; /* and why */
    char pythons[128]; /* words VARIANT:3.12: the oldest Python that has what it needs */
    char not_run[256]; /* "" or why it cannot run here */
};

struct store_model {
    char name[GB_NAME_MAX], command[512], about[200];
    char speaks[GB_NAME_MAX]; /* "resp" or "postgres": what a client must know */
    char not_run[256];
};

struct workload_info {
    char name[GB_NAME_MAX], about[200];
    enum gb_kind kind;
    char keys[512];         /* words: parameters that it understands, the common ones included */
    char file[GB_FILE_MAX]; /* of a user's workload, else "" */
};

struct registry {
    char home[GB_PATH_MAX], build[GB_PATH_MAX], python[GB_PATH_MAX];
    char results[GB_PATH_MAX]; /* where runs are kept: of a source tree its own results/, of an
                                  installed gilbench results/ of the current folder */
    char python_version[64];   /* "cpython-3.11.2", as adapters attest it */
    bool free_threaded;        /* a build on which the GIL can be off */
    bool with_gil;             /* and on which it is on by request: PYTHON_GIL=1 */
    struct model models[GB_MODELS_MAX];
    int nmodels;
    struct store_model stores[8];
    int nstores;
    struct workload_info workloads[GB_WORKLOADS_MAX];
    int nworkloads;
    int cores; /* what "1..cores" of a matrix means; 0: 1 */
};

/* Finds home and build folders from this executable (or GILBENCH_HOME), reads the registers, probes
 * the interpreter. About 80 ms. */
int registry_open(struct registry *reg, const char *python, struct err *err);

/* The same register with another build and interpreter, which is probed anew: all of it, or where it is
 * the same interpreter only for what the build brings along. */
int registry_of_build(struct registry *reg, const struct registry *driver, const char *build,
                      const char *python, struct err *err);
/* The two halves of registry_open: all but the interpreter, then the interpreter. `with_gil`: as a
 * free-threaded build is with PYTHON_GIL=1. */
int registry_read(struct registry *reg, struct err *err);
int registry_probe(struct registry *reg, const char *python, bool with_gil, struct err *err);

/* Only home and build, for verbs that run nothing. */
int registry_places(struct registry *reg, struct err *err);

/* The hash of the sources from which {build} was to be made, "" where the build does not say. */
void registry_build_id(const struct registry *reg, char *text, size_t room);

const struct model *registry_model(const struct registry *reg, const char *name);
/* Whether the model, in this variant, has what this workload takes. */
bool model_supports(const struct model *model, const char *variant, const char *workload,
                    enum gb_kind kind);
/* Why the model of a cell cannot run it here; "" when it can. */
void model_reason(const struct registry *reg, const struct cell *cell, char *text, size_t room);
const struct workload_info *registry_workload(const struct registry *reg, const char *name);
/* Sets cell->not_run, unless it is set, where this client cell cannot be run against the store. */
void store_check(const struct registry *reg, const struct store_model *store, struct cell *cell);
const struct store_model *registry_store(const struct registry *reg, const char *name);
/* The names, separated by blanks, for messages. */
void registry_names(const struct registry *reg, const char *what, char *text, size_t room);

/* What the reference says that a sample of this cell must give. Asked once for equal cells. */
struct expectation {
    uint64_t digest;
    int64_t hit, miss, error;
    int64_t least_ns; /* a sample that takes less has not waited */
};
int registry_expect(const struct registry *reg, const struct cell *cell, struct expectation *expect,
                    struct err *err);

/* "cpu", "client", "server" or "wait", and back. */
const char *kind_name(enum gb_kind kind);
enum gb_kind kind_named(const char *name);
/* Whether the subject works with a store or a load generator. */
bool kind_has_peer(enum gb_kind kind);

/* Splits a register's command into words, with {python}, {home} and {build} replaced; words point
 * into `text`. A blank in what replaces them does not end a word. NULL-ended; returns their number. */
int command_words(const struct registry *reg, const char *command, char *text, size_t room,
                  char **words, int most);

#endif
