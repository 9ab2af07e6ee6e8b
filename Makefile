# glimt: see `make help`. Everything is built under build/ (or B=DIR).
SHELL = /bin/bash
# All cores, unless somebody says how many.
ifeq ($(MAKELEVEL),0)
ifeq ($(filter -j%,$(MAKEFLAGS) $(shell printenv MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif
endif
B ?= build
PREFIX ?= /usr/local
DESTDIR ?=
VERSION := 0.1.0
CC ?= gcc
OPT ?= -O2 -g
WARN = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wvla -Wformat=2 -Wundef
HARDEN = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
HARDEN_LD = -pie -Wl,-z,relro,-z,now

PKGS = ncursesw libutf8proc jansson nettle sqlite3 expat zlib liblzma
TEST_PKGS = cmocka vterm
BUILD_DEBS = gcc make pkg-config libncurses-dev libutf8proc-dev libjansson-dev nettle-dev libsqlite3-dev libexpat1-dev zlib1g-dev liblzma-dev ncurses-bin
TEST_DEBS = libcmocka-dev libvterm-dev
CHECK_DEBS = $(BUILD_DEBS) $(TEST_DEBS) valgrind clang libclang-rt-14-dev tmux ncurses-term bc clang-format procps

CPPFLAGS += -I. -D_GNU_SOURCE -DGLIMT_VERSION='"$(VERSION)"' $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
CFLAGS += -std=c17 $(OPT) $(WARN) -fvisibility=hidden -fno-math-errno $(HARDEN) $(SAN)
LDFLAGS += $(HARDEN_LD) $(SAN) -rdynamic
LDLIBS = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm -ldl -lpthread

ENGINE = $(wildcard engine/*.c engine/*/*.c)
STORE = $(wildcard store/*.c)
TUI = $(filter-out tui/main.c,$(wildcard tui/*.c tui/*/*.c tui/*/*/*.c))
LIB_O = $(patsubst %.c,$B/%.o,$(ENGINE) $(STORE) $(TUI))
UNITS = $(patsubst tests/%.c,$B/tests/%,$(wildcard tests/engine/*/test_*.c tests/engine/test_*.c tests/tui/*/*/test_*.c tests/tui/*/test_*.c tests/tui/test_*.c tests/store/test_*.c))
E2E = $(patsubst tests/%.c,$B/tests/%,$(wildcard tests/e2e/test_*.c))
FUZZ = $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
TEST_O = $(patsubst %.c,$B/%.o,$(wildcard tests/support/*.c))
BENCH = $(patsubst tests/bench/%.c,$B/tests/bench/%,$(wildcard tests/bench/bench_*.c))

all: $B/glimt
.PHONY: all
.DELETE_ON_ERROR:
.SECONDARY:

$B/glimt: $B/tui/main.o $B/libglimt.a | $B/terminfo/g/glimt-direct
	@echo "  LD    $@"
	@$(CC) $(LDFLAGS) -o $@ $< -Wl,--whole-archive $B/libglimt.a -Wl,--no-whole-archive $(LDLIBS)
$B/terminfo/g/glimt-direct: store/terminfo/glimt-direct.ti
	@mkdir -p $B/terminfo && tic -x -o $B/terminfo $<
$B/libglimt.a: $(LIB_O)
	@echo "  AR    $@"
	@rm -f $@; ar rcs $@ $(LIB_O)
$B/%.o: %.c | $B/deps.ok
	@echo "  CC    $<"
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) $(CFLAGS_$(subst /,_,$(basename $<))) -MMD -MP -c -o $@ $<
$B/tests/%: $B/tests/%.o $(TEST_O) $B/libglimt.a
	@echo "  LD    $@"
	@$(CC) $(LDFLAGS) -o $@ $< $(TEST_O) $B/libglimt.a $(LDLIBS) $(shell pkg-config --libs $(TEST_PKGS)) -lutil
# a plugin links nothing of ours: -z defs refuses what engine/backend.h would leave undefined
$B/tests/engine/plugin.so: tests/engine/plugin.c
	@echo "  LD    $@"
	@mkdir -p $(@D)
	@$(CC) -I. -std=c17 $(OPT) $(WARN) -fvisibility=hidden -fPIC -shared -Wl,-z,defs -MMD -MP -o $@ $<
$B/tests/engine/test_plugin: | $B/tests/engine/plugin.so
-include $(shell find $B -name '*.d' 2>/dev/null)

$B/deps.ok:
	@mkdir -p $B
	@./tests/need.sh $(BUILD_DEBS)
	@touch $@

# ---- what people type
.PHONY: run check check-long bench fuzz install uninstall dist clean help lint format
run: $B/glimt
	@$B/glimt $(ARGS)

tests: $(UNITS) $(E2E)
.PHONY: tests
check: $B/check-deps.ok
	@./tests/check.sh
check-long: $B/check-deps.ok
	@CHECK_LONG=1 ./tests/check.sh
$(TEST_O) $(addsuffix .o,$(UNITS) $(E2E) $(BENCH)): | $B/test-deps.ok
$B/test-deps.ok: | $B/deps.ok
	@./tests/need.sh $(TEST_DEBS)
	@touch $@
$B/check-deps.ok: | $B/test-deps.ok
	@./tests/need.sh $(CHECK_DEBS)
	@touch $@

# what `glimt doctor` names; no plugin is among the sources yet
gpu:
	@echo "make gpu: these sources have no CUDA plugin; glimt computes on the CPU" >&2; exit 1
.PHONY: gpu

bench: $B/glimt $(BENCH)
	@for b in $(BENCH); do echo "== $$(basename $$b)"; $$b || exit 1; done
	@if [ -n "$(PYTORCH)" ]; then echo "== PyTorch"; $(PYTORCH) tests/bench/pytorch.py && $(PYTORCH) tests/bench/pytorch_harvest.py; else \
	  echo "(beside PyTorch: make bench PYTORCH=python3, with torch and transformers installed)"; fi

# README's pictures, by the program itself
pictures: $B/glimt
	@for p in man/*.play; do v=$$(basename $$p .play); echo "  SVG   man/$$v.svg"; \
	  $B/glimt snapshot $$v --size 130x36 --color direct --theme dark --play $$p --svg man/$$v.svg || exit 1; done
.PHONY: pictures

# Fuzzers: clang with libFuzzer, ASan and UBSan. FUZZ_SECONDS each; corpora grow under build/fuzz/.
FUZZ_SECONDS ?= 600
# clang takes many minutes to instrument the unrolled kernels, and no fuzzer reaches them
ifeq ($(CC),clang)
$(foreach isa,avx512 avx2 portable,$(eval CFLAGS_engine_cpu_kernels_$(isa) = -fno-sanitize=all))
endif
fuzz: $B/check-deps.ok
	@$(MAKE) --no-print-directory B=$B/fuzz CC=clang OPT="-O1 -g" SAN="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined" HARDEN= HARDEN_LD= fuzzers
	@for f in $(FUZZ); do ./tests/fuzz/run.sh $B/fuzz/$$f $(FUZZ_SECONDS) || exit 1; done
fuzzers: $(addprefix $B/,$(FUZZ))
$B/fuzz_%: $B/tests/fuzz/fuzz_%.o $B/libglimt.a
	@echo "  LD    $@"
	@$(CC) -fsanitize=fuzzer,address,undefined -o $@ $< $B/libglimt.a $(LDLIBS)
.PHONY: fuzzers

lint:
	@./tests/lint.sh
format:
	@clang-format -i $(shell git ls-files '*.c' '*.h')

BIN = $(DESTDIR)$(PREFIX)/bin
SHARE = $(DESTDIR)$(PREFIX)/share
install: $B/glimt
	install -d $(BIN) $(SHARE)/glimt/demo $(SHARE)/glimt/themes $(SHARE)/man/man1 $(SHARE)/man/man5
	install -m 755 $B/glimt $(BIN)/glimt
	cp -r store/demo/. $(SHARE)/glimt/demo/
	install -d $(SHARE)/glimt/terminfo && tic -x -o $(SHARE)/glimt/terminfo store/terminfo/glimt-direct.ti
	install -m 644 themes/*.theme $(SHARE)/glimt/themes/
	install -m 644 man/*.1 $(SHARE)/man/man1/
	install -m 644 man/*.5 $(SHARE)/man/man5/
	install -D -m 644 completions/glimt.bash $(SHARE)/bash-completion/completions/glimt
	install -D -m 644 completions/glimt.zsh $(SHARE)/zsh/site-functions/_glimt
	install -D -m 644 completions/glimt.fish $(SHARE)/fish/vendor_completions.d/glimt.fish
uninstall:
	rm -f $(BIN)/glimt $(SHARE)/man/man1/glimt.1 $(SHARE)/man/man5/glimt.5
	rm -rf $(SHARE)/glimt $(SHARE)/bash-completion/completions/glimt $(SHARE)/zsh/site-functions/_glimt \
	  $(SHARE)/fish/vendor_completions.d/glimt.fish
dist:
	@mkdir -p $B
	git archive --prefix=glimt-$(VERSION)/ -o $B/glimt-$(VERSION).tar.gz HEAD
	@echo $B/glimt-$(VERSION).tar.gz
clean:
	rm -rf $B build-asan
help:
	@echo "make            build $B/glimt"
	@echo "make run        build and start the explorer (ARGS='analyze …' for a command)"
	@echo "make check      all tests; closes with the counts"
	@echo "make check-long nothing left out: each test under valgrind, each fault at every step; an hour or more"
	@echo "make bench      timings beside their floors"
	@echo "make fuzz       fuzzers, FUZZ_SECONDS each"
	@echo "make install    to PREFIX=$(PREFIX) (DESTDIR honoured); make uninstall"
	@echo "make dist clean lint format"
