# PGXS builds txsync.so here and nowhere else; what needs no server (core, unit tests, the client) is CMake's.
# `make help` lists the targets.

PG_CONFIG ?= pg_config
CLANG_FORMAT ?= clang-format
CMAKE_DIR := build/cmake

# The install script is made of one file per theme, in this order.
SQL_THEMES = secret entities hlc track mutation annotate capture compaction doctor ops catchup events backfill consumers health privileges

# These goals need no PostgreSQL (scripts/check installs it), and PGXS has a `check` of its own: it is read for the others only.
FRONT_DESK = help configure unit client check bench lint format format-check
ifneq (,$(filter-out $(FRONT_DESK),$(or $(MAKECMDGOALS),all)))

RELEASE := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" control/txsync.control)
PGXS := $(shell $(PG_CONFIG) --pgxs)
SERVER_HEADERS := $(shell $(PG_CONFIG) --includedir-server)
$(if $(RELEASE),,$(error control/txsync.control has no default_version))
$(if $(and $(wildcard $(PGXS)),$(wildcard $(SERVER_HEADERS)/postgres.h)),,$(error $(PG_CONFIG) knows no server headers; scripts/install-deps installs what is missing))

all: ## build txsync.so and its install script; WERROR=1, CXX=clang++ and PG_CONFIG=... are heard
install: ## install the extension into the server that pg_config names
clean: ## remove what was built

MODULE_big = txsync
EXTENSION = control/txsync
DATA = $(wildcard sql/txsync--*--*.sql)
DATA_built = sql/txsync--$(RELEASE).sql
OBJS = $(patsubst %.cpp,%.o,$(wildcard src/module.cpp $(foreach dir,core pg decoder api worker,src/$(dir)/*.cpp)))
SHLIB_EXPORTS = src/exports.txt
EXTRA_CLEAN = .deps build

PG_CPPFLAGS = -Isrc -isystem $(SERVER_HEADERS)
PG_CXXFLAGS = -std=gnu++20 -Wall -Wextra $(if $(filter 1,$(WERROR)),-Werror)

# LLVM's inlining knows C only. PGXS links with the C compiler, which leaves libstdc++ out: that links, and fails at LOAD.
override with_llvm = no
override COMPILER = $(CXX) $(CXXFLAGS)

include $(PGXS)

# PostgreSQL's own flags: what is for C only, and what clang does not know.
FOREIGN_FLAGS = -Wdeclaration-after-statement -Wmissing-prototypes -Wstrict-prototypes -Wold-style-definition -Werror=vla
ifneq (,$(findstring clang,$(shell $(CXX) --version)))
FOREIGN_FLAGS += -fexcess-precision=% -ffat-lto-objects -flto=auto -Wimplicit-fallthrough=% -Wshadow=compatible-local \
	-Wno-format-truncation -Wno-stringop-truncation
endif
override CXXFLAGS := $(filter-out $(FOREIGN_FLAGS),$(CXXFLAGS))

%.o: %.cpp
	@mkdir -p .deps/$(@D)
	$(COMPILE.cc) -MMD -MP -MF .deps/$*.d -o $@ $<

-include $(OBJS:%.o=.deps/%.d)

# Another compiler, other flags or another major: everything is built anew.
$(OBJS): .deps/flags
.deps/flags: FORCE
	@mkdir -p .deps; printf '%s\n' '$(COMPILE.cc)' > $@.new; cmp -s $@.new $@ || mv $@.new $@; rm -f $@.new

$(DATA_built): $(SQL_THEMES:%=sql/%.sql) Makefile control/txsync.control
	{ printf '%s\n' '\echo Use "CREATE EXTENSION txsync" to load this file. \quit'; cat $(SQL_THEMES:%=sql/%.sql); } > $@

symbols: all ## hold the exported symbols of txsync.so against src/exports.txt
	@awk '/^[^#]/ {print $$1}' $(SHLIB_EXPORTS) | LC_ALL=C sort > .deps/expected-symbols
	@nm -D --defined-only $(shlib) | awk '{print $$3}' | LC_ALL=C sort > .deps/actual-symbols
	@diff -u --label $(SHLIB_EXPORTS) --label $(shlib) .deps/expected-symbols .deps/actual-symbols
	@echo "$(shlib) exports what $(SHLIB_EXPORTS) lists"

endif

.DEFAULT_GOAL := all
.PHONY: FORCE symbols $(FRONT_DESK)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' Makefile

configure:
	@cmake --log-level=WARNING -S . -B $(CMAKE_DIR) -DTXSYNC_WERROR=$(if $(filter 1,$(WERROR)),ON,OFF) $(CMAKE_FLAGS)

unit: configure ## build and run the unit tests, no server needed
	cmake --build $(CMAKE_DIR) --parallel $(shell nproc)
	ctest --test-dir $(CMAKE_DIR) --output-on-failure

client: configure ## build the client, build/cmake/txsync
	cmake --build $(CMAKE_DIR) --parallel $(shell nproc) --target txsync

ifneq (,$(filter check,$(MAKECMDGOALS)))
check: ## all tests, on servers of their own (scripts/check)
	scripts/check
endif

bench: ## decoding, capture, mutations, fetching, compaction and consumers against their peers, into docs/benchmarks.md
	@mkdir -p build
	for part in decode capture mutations fetch compaction consume; do test/bench/$$part && echo || exit; done > build/benchmarks.md && mv build/benchmarks.md docs/benchmarks.md

lint: ## the laws of this tree (scripts/lint)
	scripts/lint

FORMATTED = $(shell find src test -name '*.cpp' -o -name '*.h')

format: ## clang-format all C++
	$(CLANG_FORMAT) -i $(FORMATTED)

format-check: ## what `make format` would change
	@$(CLANG_FORMAT) --dry-run -Werror $(FORMATTED)
