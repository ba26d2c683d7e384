# cpromise and gilbench. `make help` lists what can be asked for.

# ---- Settings: override on the command line, as in `make bench MATRIX=smoke PYTHON=python3.13`
PYTHON  ?= python3
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
MODE    ?= release
MATRIX  ?= default
N       ?= 100000
MINUTES ?= 10
PYTHONS ?=
RUNFLAGS ?=
PREFIX  ?= /usr/local
DESTDIR ?=
V       ?=

WARN            := -Wall -Wextra -Werror
FLAGS_release   := -O2 -g
FLAGS_debug     := -O0 -g3
FLAGS_asan      := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FLAGS_tsan      := -O1 -g -fsanitize=thread
CFLAGS          ?= $(FLAGS_$(MODE))
# liburing is optional: without it there is epoll alone. Its archive is preferred, so that what is built needs no library.
uring_with       = $(shell printf '\043include <liburing.h>\nint main(void) { return io_uring_setup(IORING_SETUP_DEFER_TASKRUN, 0); }' | \
                     $(CC) -x c -fPIC -shared -o /dev/null - -x none $(1) 2>/dev/null && echo $(1))
LIBS_uring      := $(or $(call uring_with,-l:liburing.a),$(call uring_with,-luring))
ALL_CFLAGS      := -std=c11 -D_GNU_SOURCE $(if $(LIBS_uring),-DCP_HAVE_URING) $(WARN) $(CFLAGS)
LIBS_driver     := -lhwloc -ljansson -lm
LIBS_workloads  := -lcrypto -lz -lm

# ---- What is where
ifeq ($(FLAGS_$(MODE)),)
$(error MODE=$(MODE): choose release, debug, asan or tsan)
endif
include ext/sources.mk

BUILD  := build/$(MODE)
VENV    = build/venv-$(SOABI)
Q      := $(if $(V),,@)
say     = $(if $(V),,@printf '  %-5s %s\n' '$(1)' '$(2)')
objects = $(patsubst %.c,$(BUILD)/%.o,$(1))

CORE      := $(addprefix ext/,$(CP_CORE))
BINDING   := $(addprefix ext/,$(CP_BINDING))
STATS     := $(wildcard runners/stats/*.c)
DRIVER    := $(wildcard runners/driver/*.c)
WORKLOADS := $(filter-out workloads/reference.c,$(wildcard workloads/*.c))
CHILD     := runners/load/child.c runners/stats/hist.c $(WORKLOADS)
CTESTS    := $(patsubst tests/c/%.c,$(BUILD)/tests/%,$(wildcard tests/c/test_*.c))
PROGRAMS  := $(addprefix $(BUILD)/,gilbench reference store load pthreads cloop fake stall echo-client echo-epoll $(if $(LIBS_uring),echo-uring))

# The interpreter that is built for. Asked when a rule needs it, and once: again only while there is none, since set-up may install it meanwhile.
pyinfo = $(or $(asked),$(eval asked := $$(shell $(PYTHON) -c 'import sysconfig as s; print(s.get_path("include"), s.get_config_var("EXT_SUFFIX"), s.get_config_var("SOABI"))' 2>/dev/null))$(asked))
PYINC  = $(or $(word 1,$(pyinfo)),$(error '$(PYTHON)' is no interpreter that runs; name one with PYTHON=, as in make PYTHON=python3.13))
SUFFIX = $(word 2,$(pyinfo))
SOABI  = $(word 3,$(pyinfo))
PACKAGE     := $(BUILD)/python/cpromise
EXTENSION    = $(PACKAGE)/_cpromise$(SUFFIX)
BUILD_ID    := $(shell cat $(sort $(wildcard ext/core/*.[ch] ext/binding/*.[ch])) | sha256sum | cut -c1-16)

.SECONDEXPANSION:
.DELETE_ON_ERROR:
# Objects are kept also where make thinks them intermediate.
.SECONDARY:
.PHONY: all ext programs test test-long test-c test-py conformance fuzz-order refleak soak sanitize bench claims gate bench-cpromise bench-callgrind bench-seam check env clean help setup setup-bench setup-full setup-check setup-dist setup-browser install uninstall dist docs ci-list

all: ext programs  ## Build the extension and the programs (the default)

ext: $$(EXTENSION) $(PACKAGE)/__init__.py $(BUILD)/build_id  ## Build cpromise for $(PYTHON); several interpreters stand side by side
programs: $(PROGRAMS) $(BUILD)/build_id  ## Build gilbench and its helpers

# ---- Compiling
# What all is compiled with, written anew only when it differs: with other flags, or once liburing is there, all is compiled again.
$(BUILD)/compiled_with: FORCE
	$(Q)mkdir -p $(@D); echo '$(CC) $(ALL_CFLAGS) $(LIBS_uring)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS) $(LIBS_uring)' > $@

$(BUILD)/%.o: %.c $(BUILD)/compiled_with
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -MMD -MP -fPIC -fvisibility=hidden -c $< -o $@

# The build id is compiled into one object, which therefore depends on all that it stands for.
$(BUILD)/abi-$(SOABI)/ext/binding/module.o: $(wildcard ext/core/*.[ch] ext/binding/*.[ch])

# Objects that include Python.h live in a folder of their interpreter's ABI.
$(BUILD)/abi-%.o: $$(addsuffix .c,$$(shell echo '$$*' | cut -d/ -f2-)) $(BUILD)/compiled_with
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -MMD -MP -fPIC -fvisibility=hidden -I$(PYINC) -DCP_BUILD_ID='"$(BUILD_ID)"' -c $< -o $@

$(EXTENSION): $$(addprefix $(BUILD)/abi-$$(SOABI)/,$(BINDING:.c=.o)) $(BUILD)/libcploop.a ext/sources.mk
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) -shared $(CFLAGS) -pthread $(filter %.o %.a,$^) -o $@ $(LIBS_uring) -Wl,--exclude-libs,ALL

$(PACKAGE)/__init__.py: $(wildcard ext/cpromise/*)
	$(Q)mkdir -p $(@D) && cp $^ $(@D)/ && touch $@

$(BUILD)/libcploop.a: $(call objects,$(CORE)) ext/sources.mk
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $(filter %.o,$^)

define program
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(filter %.o %.a,$^) -o $@
endef

$(BUILD)/gilbench: $(call objects,$(DRIVER) $(STATS)) $(BUILD)/version.o $(BUILD)/assets.o
	$(program) $(LIBS_driver)
$(BUILD)/reference: $(call objects,workloads/reference.c $(WORKLOADS))
	$(program) $(LIBS_workloads)
$(BUILD)/store: $(call objects,runners/load/store.c runners/load/table.c $(CHILD))
	$(program) $(LIBS_workloads)
$(BUILD)/load: $(call objects,runners/load/load.c runners/load/conn.c runners/load/known.c runners/load/open.c runners/load/arrival.c runners/stats/rng.c $(CHILD))
	$(program) $(LIBS_workloads)
$(BUILD)/pthreads: $(call objects,runners/adapters/c_pthreads.c runners/adapters/c_pthreads_waits.c runners/adapters/c_files.c runners/adapters/c_server.c runners/load/laps.c $(CHILD))
	$(program) $(LIBS_workloads) -pthread
$(BUILD)/cloop: $(call objects,$(wildcard runners/adapters/c_loop*.c) runners/adapters/c_files.c runners/adapters/c_server.c $(CHILD)) $(BUILD)/libcploop.a
	$(program) $(LIBS_workloads) $(LIBS_uring) -pthread
$(BUILD)/fake: $(call objects,runners/adapters/fake.c $(CHILD))
	$(program) $(LIBS_workloads)
$(BUILD)/stall: $(call objects,runners/adapters/stall.c $(CHILD))
	$(program) $(LIBS_workloads)

$(BUILD)/echo-client: $(call objects,runners/echo/client.c runners/stats/hist.c)
	$(program) -lm
$(BUILD)/echo-epoll: $(call objects,runners/echo/server_epoll.c)
	$(program)
$(BUILD)/echo-uring: $(call objects,runners/echo/server_uring.c)
	$(program) $(LIBS_uring)

# What the driver says of its own build: one small object, remade only when the answer changes.
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' ext/cpromise/_version.py)
COMMIT := $(shell git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)
$(BUILD)/version.c: FORCE
	$(Q)mkdir -p $(@D) && printf 'const char gb_version[] = "%s";\nconst char gb_commit[] = "%s";\nconst char gb_cflags[] = "%s";\nconst char gb_compiler[] = "%s";\n' \
	  '$(VERSION)' '$(COMMIT)' '$(CFLAGS)' "$$($(CC) --version | head -1)" > $@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(BUILD)/version.o: $(BUILD)/version.c
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@
# Files that are a part of the driver, as strings named after them: runners/driver/assets.h.
$(BUILD)/assets.c: runners/driver/report/page.css runners/driver/report/page.js plots/palette
	$(Q)mkdir -p $(@D) && for file in $^; do \
	  printf 'const char asset_%s[] = ""\n' "$$(basename $$file | tr . _)"; sed 's/[\\"?]/\\&/g; s/.*/"&\\n"/' $$file; echo ';'; done > $@
$(BUILD)/assets.o: $(BUILD)/assets.c
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@
# What the sources are, for the driver to compare with what a process says that it runs.
$(BUILD)/build_id: FORCE
	$(Q)mkdir -p $(@D) && echo '$(BUILD_ID)$(if $(filter -O0,$(CFLAGS)),-O0)' > $@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@
.PHONY: FORCE
FORCE:

# ---- Tests
# Which objects a C test is linked with, by the room that it tests.
TESTLIBS_core      = $(BUILD)/libcploop.a
TESTLIBS_stats     = $(call objects,$(STATS))
TESTLIBS_driver    = $(call objects,$(filter-out runners/driver/main.c,$(DRIVER)) $(STATS)) $(BUILD)/version.o $(BUILD)/assets.o
TESTLIBS_load      = $(call objects,runners/load/$*.c $(STATS))
TESTLIBS_workloads = $(call objects,$(WORKLOADS) runners/stats/hist.c)
room_of = $(if $(wildcard ext/core/$(1).c),core,$(if $(wildcard runners/stats/$(1).c),stats,$(if $(wildcard runners/driver/$(1).c),driver,$(if $(wildcard runners/load/$(1).c),load,workloads))))

$(BUILD)/tests/test_%: $(BUILD)/tests/c/test_%.o $$(TESTLIBS_$$(call room_of,$$*))
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $^ -o $@ -lcmocka $(LIBS_driver) $(LIBS_workloads) $(LIBS_uring) -pthread

# Set-up is a target of its own wherever VENV is used: recipes are expanded before they begin, and on a bare machine there is no Python yet.
setup-bench setup-full setup-check setup-dist: setup-%:
	@scripts/setup --for $* --python "$(PYTHON)"

setup-browser:  ## Install a Chromium, for the tests of report.html; without one they are skipped
	@scripts/setup --for browser --python "$(PYTHON)"

test-c-programs: $(CTESTS)

setup:
	@scripts/setup --for test --python "$(PYTHON)"

test: setup  ## Run the tests: C under AddressSanitizer and UBSan, then Python
	@$(MAKE) --no-print-directory MODE=asan test-c-programs
	@$(MAKE) --no-print-directory all
	@scripts/run_tests "$(VENV)/bin/python"

test-long: setup all  ## The tests that measure for a minute or more: whole gates, ab and doctor runs, on a machine that is quiet
	@eval "$$($(MAKE) -s --no-print-directory env)"; $(VENV)/bin/python -m pytest -q -rs -m long tests/py $(T)

test-c: setup  ## Run the C tests only
	@$(MAKE) --no-print-directory MODE=asan test-c-programs
	@scripts/run_tests

test-py: setup all  ## Run the Python tests only; T='-k name' selects
	@eval "$$($(MAKE) -s --no-print-directory env)"; $(VENV)/bin/python -m pytest -q tests/py $(T)

conformance: setup  ## Promise tests on every interpreter found, plain, debug and under sanitizers; PYTHONS='...' names them, JOBS=2 runs two at once, MODES=debug,asan: of the modes, OTHERS=plain: of those of all but the first
	@$(VENV)/bin/python scripts/conformance $(JOBS:%=--jobs %) $(MODES:%=--modes %) $(OTHERS:%=--others %) $(PYTHONS)

fuzz-order: setup ext  ## N random promise programs here and in node: the traces must be equal
	@eval "$$($(MAKE) -s --no-print-directory env)"; $(VENV)/bin/python tests/order/fuzz.py --count $(N) $(if $(SEED),--seed $(SEED))

refleak: setup ext  ## References, blocks, files and memory must not grow; LEAK='--bisect' finds the test
	@$(VENV)/bin/python scripts/refleak $(LEAK)

soak: setup all  ## Everything at once for MINUTES (default 10): memory and open files must not grow
	@eval "$$($(MAKE) -s --no-print-directory env)"; $(VENV)/bin/python scripts/soak --minutes $(MINUTES)

sanitize: setup  ## Run the tests of the core's threads and descriptors under ThreadSanitizer
	@$(MAKE) --no-print-directory MODE=tsan $(addprefix build/tsan/tests/test_,loop io poll_uring offload)
	$(Q)for test in loop io poll_uring offload; do build/tsan/tests/test_$$test || exit 1; done

check: setup-check  ## Format, warnings as errors under gcc and clang, directions between rooms
	@scripts/check

# ---- Benchmarks
bench: setup-$(if $(filter full,$(MATRIX)),full,bench)  ## Set up, build, run MATRIX (default, smoke or full), plot and report; PYTHONS='python3.12 python3.13t' or auto: on each
	@$(MAKE) --no-print-directory MODE=release all
	@scripts/bench build/release/gilbench "$(VENV)/bin/python" $(MATRIX) $(if $(PYTHONS),--pythons "$$(scripts/pythons $(PYTHONS))") $(RUNFLAGS)

claims: setup-bench  ## What is said of threads, loops and processes, decided on this machine; ONLY=C1,C5 for some, PYTHONS='...' for a column each
	@$(MAKE) --no-print-directory MODE=release all
	@build/release/gilbench claims --run --python "$(VENV)/bin/python" $(if $(ONLY),--only $(ONLY)) $(if $(PYTHONS),--pythons "$$(scripts/pythons $(PYTHONS))") $(RUNFLAGS)
	@build/release/gilbench report results/latest

gate:  ## Is CAND (HEAD) slower than BASE (origin/main)? GATE='--budget 60' passes options; for a CI: scripts/gate
	@PYTHON="$(PYTHON)" scripts/gate "$(BASE)" "$(CAND)" $(GATE)

bench-cpromise: setup-bench  ## cpromise against a C loop, asyncio, uvloop, node, operation by operation; BENCH='--help' passes options
	@$(MAKE) --no-print-directory MODE=release all
	@eval "$$($(MAKE) -s --no-print-directory env)"; $(VENV)/bin/python scripts/bench_cpromise $(BENCH)

bench-callgrind: setup-bench  ## Instructions of each operation of cpromise; BENCH='--compare FILE' against an earlier '--json FILE'
	@$(MAKE) --no-print-directory MODE=release ext
	@eval "$$($(MAKE) -s --no-print-directory env)"; $(VENV)/bin/python scripts/bench_cpromise --callgrind $(BENCH)

bench-seam: setup-bench  ## What the split of core and binding costs, against a build as one unit
	@scripts/bench_seam

# ---- For people: packages and documents
HOUSE = $(DESTDIR)$(PREFIX)/lib/gilbench
MAN   = $(DESTDIR)$(PREFIX)/share/man/man1/gilbench.1
BASH  = $(DESTDIR)$(PREFIX)/share/bash-completion/completions/gilbench
ZSH   = $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_gilbench

install: programs  ## Install gilbench under PREFIX (/usr/local), below DESTDIR; cpromise is installed by pip
	$(Q)install -d $(HOUSE)/bin $(HOUSE)/runners/adapters $(HOUSE)/runners/matrix $(HOUSE)/plots $(HOUSE)/results $(HOUSE)/scripts $(HOUSE)/workloads \
	  $(DESTDIR)$(PREFIX)/bin
	$(Q)install $(PROGRAMS) $(HOUSE)/bin/ && install -m 644 $(BUILD)/build_id $(HOUSE)/bin/
	$(Q)install -m 644 runners/*.ini $(HOUSE)/runners/
	$(Q)install -m 644 runners/adapters/*.py runners/adapters/*.js runners/adapters/*.ini $(HOUSE)/runners/adapters/
	$(Q)install -m 644 runners/matrix/*.ini $(HOUSE)/runners/matrix/
	$(Q)install -m 644 plots/*.gp plots/palette $(HOUSE)/plots/
	$(Q)install -m 644 results/*.json results/*.tsv $(HOUSE)/results/
	$(Q)install scripts/ab_build scripts/relink_cc $(HOUSE)/scripts/
	$(Q)install -m 644 workloads/*.py workloads/*.js $(HOUSE)/workloads/
	$(Q)install -d $(dir $(MAN) $(BASH) $(ZSH)) && $(HOUSE)/bin/gilbench help --man > $(MAN)
	$(Q)$(HOUSE)/bin/gilbench completion bash > $(BASH) && $(HOUSE)/bin/gilbench completion zsh > $(ZSH)
	$(Q)ln -sfn ../lib/gilbench/bin/gilbench $(DESTDIR)$(PREFIX)/bin/gilbench

uninstall:  ## Remove what `make install` installed
	$(Q)rm -rf $(HOUSE) && rm -f $(DESTDIR)$(PREFIX)/bin/gilbench $(MAN) $(BASH) $(ZSH)

dist: setup-dist $(BUILD)/store  ## The sdist and a wheel for each interpreter found, each tried in an empty venv: dist/; PYTHONS='...' names them
	@$(VENV)/bin/python scripts/dist $(PYTHONS)

docs: setup-bench ext programs  ## Make the reference from the code: build/docs/reference; every block of the documents is run by the tests
	@$(VENV)/bin/python scripts/docs build

# ---- Everyday
ci-list:  ## Which step of .ci/run covers what, and which job on GitHub covers the step
	@awk -F ' *[|] *' '/^[^#]/ { printf "%-38s %-12s %s\n", $$1, $$2, $$3 }' .ci/steps

env:  ## Print the exports that put this tree on PYTHONPATH and PATH: eval "$(make -s env)"
	@echo 'export PYTHONPATH="$(CURDIR)/$(BUILD)/python$${PYTHONPATH:+:$$PYTHONPATH}" PATH="$(CURDIR)/$(BUILD):$$PATH"'

clean:  ## Remove what was built; results stay
	$(Q)rm -rf build dist

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
