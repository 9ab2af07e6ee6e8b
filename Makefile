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

PKGS = ncursesw libutf8proc jansson nettle sqlite3 expat zlib liblzma liblbfgs
TEST_PKGS = cmocka vterm
BUILD_DEBS = gcc make pkg-config libncurses-dev libutf8proc-dev libjansson-dev nettle-dev libsqlite3-dev libexpat1-dev zlib1g-dev liblzma-dev liblbfgs-dev libcurl4-openssl-dev ncurses-bin
TEST_DEBS = libcmocka-dev libvterm-dev g++
CHECK_DEBS = $(BUILD_DEBS) $(TEST_DEBS) valgrind clang libclang-rt-14-dev tmux ncurses-term bc clang-format procps

CPPFLAGS += -I. -D_GNU_SOURCE -DGLIMT_VERSION='"$(VERSION)"' $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
CFLAGS += -std=c17 $(OPT) $(WARN) -fvisibility=hidden -fno-math-errno $(HARDEN) $(SAN)
LDFLAGS += $(HARDEN_LD) $(SAN) -rdynamic
LDLIBS = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm -ldl -lpthread
# of the tests; gold takes half the time of the linker that is asked otherwise, and there are 300 links in a check
TEST_LDLIBS = $(shell pkg-config --libs $(TEST_PKGS)) -lutil $(if $(shell command -v ld.gold),-fuse-ld=gold)

ENGINE = $(wildcard engine/*.c engine/*/*.c)
STORE = $(wildcard store/*.c)
TUI = $(filter-out tui/main.c,$(wildcard tui/*.c tui/*/*.c tui/*/*/*.c))
LIB_O = $(patsubst %.c,$B/%.o,$(ENGINE) $(STORE) $(TUI))
UNITS = $(patsubst tests/%.c,$B/tests/%,$(wildcard tests/engine/*/test_*.c tests/engine/test_*.c tests/tui/*/*/test_*.c tests/tui/*/test_*.c tests/tui/test_*.c tests/store/test_*.c))
E2E = $(patsubst tests/%.c,$B/tests/%,$(wildcard tests/e2e/test_*.c))
FUZZ = $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
TEST_O = $(patsubst %.c,$B/%.o,$(wildcard tests/support/*.c))
BENCH = $(patsubst tests/bench/%.c,$B/tests/bench/%,$(wildcard tests/bench/bench_*.c))

# The CUDA plugin: by the toolkit's compiler where there is one. Its kernels are C++ twice over: everywhere
# they also run on the CPU, through gpu/shim, for the tests.
NVCC ?= $(firstword $(wildcard /usr/local/cuda/bin/nvcc) $(shell command -v nvcc 2>/dev/null))
CUDA = $(patsubst %/bin/nvcc,%,$(NVCC))
CXX = $(if $(findstring ccache,$(CC)),ccache )g++
CXXWARN = -Wall -Wextra -Wshadow -Wno-missing-field-initializers -Wno-unknown-pragmas
CXXFLAGS += -std=c++17 $(OPT) $(CXXWARN) -fno-exceptions -fno-rtti $(HARDEN) $(SAN)
ifeq ($(shell uname -m),x86_64)
SHIM_O = $(patsubst %,$B/%.o,$(wildcard gpu/*.cu gpu/shim/*.cc)) $(patsubst %.c,$B/%.o,$(wildcard gpu/*.c))
UNITS += $(patsubst tests/%.c,$B/tests/%,$(wildcard tests/gpu/test_*.c)) $(patsubst tests/%.cc,$B/tests/%,$(wildcard tests/gpu/test_*.cc))
endif

# what is built when nothing is said
everything: all $(if $(NVCC),$B/glimt-cuda.so)
all: $B/glimt
.PHONY: all everything
.DEFAULT_GOAL = everything
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
# With sanitizers nine tenths of all time would go into the kernels, and clang takes many minutes to instrument
# them: there they are instrumented in the operations' own tests alone (gcc), everywhere else they run as they are.
ifdef SAN
KERNELS = $(patsubst %.c,%.o,$(wildcard engine/cpu/kernels_*.c))
$(foreach k,$(subst /,_,$(basename $(KERNELS))),$(eval CFLAGS_$k = -O2 -fno-sanitize=all))
CHECKED_KERNELS = $(addprefix $B/checked/,$(KERNELS))
$B/checked/%.o: %.c | $B/deps.ok
	@echo "  CC    $<, checked"
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(filter $B/tests/engine/backend/%,$(UNITS)): $(CHECKED_KERNELS)
$(filter $B/tests/engine/backend/%,$(UNITS)): WITH_KERNELS = $(CHECKED_KERNELS)
endif
$B/%.o: %.c | $B/deps.ok
	@echo "  CC    $<"
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) $(CFLAGS_$(subst /,_,$(basename $<))) -MMD -MP -c -o $@ $<
$B/tests/%: $B/tests/%.o $(TEST_O) $B/libglimt.a
	@echo "  LD    $@"
	@$(CC) $(LDFLAGS) -o $@ $< $(TEST_O) $(WITH_KERNELS) $(WITH_SHIM) $B/libglimt.a $(LDLIBS) $(TEST_LDLIBS)
# a test is compiled for one run (TEST_CFLAGS: how, in a check)
$B/tests/%.o: CFLAGS += $(TEST_CFLAGS)
# operations are tested on the plugin too, through the shim
ON_SHIM = $(filter $B/tests/gpu/% $B/tests/engine/backend/% $B/tests/engine/model/% $B/tests/engine/session/test_slab,$(UNITS))
ifdef SHIM_O
$(ON_SHIM): $B/libshim.a
$(ON_SHIM): WITH_SHIM = $B/libshim.a -lstdc++
endif
$B/libshim.a: $(SHIM_O)
	@echo "  AR    $@"
	@rm -f $@; ar rcs $@ $(SHIM_O)
# the same as the program would find it: a plugin whose card is the shim, for journeys; never installed
$B/gpu/%.o: CFLAGS += -fPIC
$B/gpu/%.o: CXXFLAGS += -fPIC
$B/tests/shim/glimt-cuda.so: $(SHIM_O)
	@echo "  LD    $@"
	@mkdir -p $(@D)
	@$(CXX) -shared $(SAN) -o $@ $(SHIM_O)
ifdef SHIM_O
$B/tests/e2e/test_device: | $B/tests/shim/glimt-cuda.so
endif
$B/%.cu.o: %.cu | $B/test-deps.ok
	@echo "  CXX   $<"
	@mkdir -p $(@D)
	@$(CXX) -x c++ -I. -D_GNU_SOURCE $(CXXFLAGS) -MMD -MP -c -o $@ $<
$B/%.cc.o: %.cc | $B/test-deps.ok
	@echo "  CXX   $<"
	@mkdir -p $(@D)
	@$(CXX) -I. -D_GNU_SOURCE $(CXXFLAGS) -MMD -MP -c -o $@ $<
$B/tests/gpu/%.o: tests/gpu/%.cc | $B/test-deps.ok
	@echo "  CXX   $<"
	@mkdir -p $(@D)
	@$(CXX) -I. -D_GNU_SOURCE $(CXXFLAGS) $(shell pkg-config --cflags $(TEST_PKGS)) -MMD -MP -c -o $@ $<
# a plugin links nothing of ours: -z defs refuses what engine/backend.h would leave undefined
$B/tests/engine/plugin.so: tests/engine/plugin.c
	@echo "  LD    $@"
	@mkdir -p $(@D)
	@$(CC) -I. -std=c17 $(OPT) $(WARN) -fvisibility=hidden -fPIC -shared -Wl,-z,defs -MMD -MP -o $@ $<
$B/tests/engine/plugin_of_another_abi.so: tests/engine/plugin.c
	@echo "  LD    $@"
	@mkdir -p $(@D)
	@$(CC) -I. -std=c17 $(OPT) $(WARN) -DANOTHER_ABI -fvisibility=hidden -fPIC -shared -Wl,-z,defs -MMD -MP -o $@ $<
$B/tests/engine/test_plugin: | $B/tests/engine/plugin.so
$B/tests/engine/test_devices: | $B/tests/engine/plugin.so $B/tests/engine/plugin_of_another_abi.so
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

# Needs libc alone; cuBLASLt, half a gigabyte, is opened when a device is.
CUDA_CODE = -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=sm_90 -gencode arch=compute_90,code=compute_90
CUDA_HOST = -fPIC,-fvisibility=hidden,-fno-exceptions,-fno-rtti,-fno-threadsafe-statics,-Wall,-Wextra,-Wno-missing-field-initializers,-Wno-unknown-pragmas
CUDA_O = $(patsubst %.cu,$B/cuda/%.cu.o,$(wildcard gpu/*.cu)) $(patsubst %.c,$B/cuda/%.o,$(wildcard gpu/*.c))
$B/cuda/%.cu.o: %.cu
	@echo "  NVCC  $<"
	@mkdir -p $(@D)
	@$(NVCC) -std=c++17 -O3 -DGLIMT_CUDA -I. $(CUDA_CODE) -Xptxas -v -Xcompiler $(CUDA_HOST) -MMD -MP -MF $(@:.o=.d) -c -o $@ $< 2>$(@:.o=.log) || { cat $(@:.o=.log); exit 1; }
$B/cuda/%.o: %.c
	@echo "  CC    $< (CUDA)"
	@mkdir -p $(@D)
	@$(CC) -I. -isystem $(CUDA)/include -D_GNU_SOURCE -DGLIMT_CUDA -DGLIMT_CUBLASLT_DIR='"$(CUDA)/lib64"' -std=gnu17 $(OPT) $(WARN) -fvisibility=hidden -fPIC -MMD -MP -c -o $@ $<
$B/glimt-cuda.so: $(CUDA_O)
	@echo "  LD    $@"
	@$(CC) -shared -o $@ $(CUDA_O) -L$(CUDA)/lib64 -lcudart_static -Wl,--exclude-libs,ALL -Wl,-z,defs -Wl,--as-needed -lpthread -ldl -lrt -lm
ifneq ($(NVCC),)
gpu: $B/glimt-cuda.so
else
gpu:
	@echo "make gpu: no nvcc (NVCC=/path/to/nvcc says where it is); glimt computes on the CPU" >&2; exit 1
endif
.PHONY: gpu

# The operations' and the model's tests with a card in the place of the shim, and the benchmarks, for a machine
# that has a card and little else: tests/gpu/run.sh there.
CARD = $(patsubst tests/%.c,$B/card/%,$(shell grep -l 'lab\.h\|gpu/cuda\.h' tests/engine/backend/test_*.c tests/engine/model/test_*.c))
# of what tests share each takes what it needs: all of it travels
$B/card/support.a: $(TEST_O)
	@echo "  AR    $@"
	@mkdir -p $(@D)
	@rm -f $@; ar rcs $@ $(TEST_O)
$B/card/%: $B/tests/%.o $B/tests/gpu/card.o $B/card/support.a $B/libglimt.a
	@echo "  LD    $@"
	@mkdir -p $(@D)
	@$(CC) $(HARDEN_LD) -o $@ $< $B/tests/gpu/card.o $B/card/support.a $B/libglimt.a $(LDLIBS) $(shell pkg-config --libs $(TEST_PKGS)) -lutil
PACKED = $B/glimt $(CARD) $(addprefix $B/tests/bench/,bench_open bench_live bench_harvest)
gpu-pack: gpu $(PACKED)
	@tests/gpu/pack.sh $B $(PACKED)
.PHONY: gpu-pack

# BUNDLE=FILE: what is measured on a model, on that one alone
MEASURED = $(if $(BUNDLE),$(filter %/bench_live %/bench_jobs %/bench_harvest %/bench_memory,$(BENCH)),$(BENCH))
bench: $B/glimt $(BENCH)
	@for b in $(MEASURED); do echo "== $$(basename $$b)"; $$b $(BUNDLE) || exit 1; done
	@if [ -n "$(PYTORCH)" ]; then echo "== PyTorch"; for p in pytorch pytorch_harvest; do $(PYTORCH) tests/bench/$$p.py $(addprefix --bundle ,$(BUNDLE)) || exit 1; done; else \
	  echo "(beside PyTorch: make bench PYTORCH=python3, with torch and transformers installed)"; fi

# README's pictures, by the program itself
pictures: $B/glimt
	@for p in man/*.play; do v=$$(basename $$p .play); echo "  SVG   man/$$v.svg"; \
	  $B/glimt snapshot $$v --size 130x36 --color direct --theme dark --play $$p --svg man/$$v.svg || exit 1; done
.PHONY: pictures

# Fuzzers: clang with libFuzzer, ASan and UBSan. FUZZ_SECONDS each; corpora grow under build/fuzz/. What reads what
# others wrote is instrumented; all else comes from the library as it is (PLAIN). Then files of every format that are
# nearly right, more than the tests have.
FUZZ_SECONDS ?= 600
MUTATIONS = tests/engine/model/test_mutations
FUZZED_O = $(patsubst %.c,$B/%.o,$(wildcard engine/base/*.c engine/dict/*.c engine/formats/*.c engine/hub/*.c engine/text/*.c engine/study/harvest*.c tui/*.c tui/term/*.c))
fuzz: $B/check-deps.ok $B/libglimt.a
	@$(MAKE) --no-print-directory B=$B/fuzz PLAIN=$B/libglimt.a CC=clang OPT="-O1 -g" SAN="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined" HARDEN= HARDEN_LD= fuzzers
	@for f in $(FUZZ); do ./tests/fuzz/run.sh $B/fuzz/$$f $(FUZZ_SECONDS) || exit 1; done
	@$(MAKE) --no-print-directory B=$B-asan OPT="-O1 -g" HARDEN=-fPIE SAN="-fsanitize=address,undefined -fno-sanitize-recover=undefined" $B-asan/$(MUTATIONS)
	@GLIMT_MUTATIONS=$$(($(FUZZ_SECONDS) * 50)) $B-asan/$(MUTATIONS)
fuzzers: $(addprefix $B/,$(FUZZ))
$B/libfuzzed.a: $(FUZZED_O)
	@echo "  AR    $@"
	@rm -f $@; ar rcs $@ $(FUZZED_O)
$B/fuzz_%: $B/tests/fuzz/fuzz_%.o $B/libfuzzed.a $(PLAIN)
	@echo "  LD    $@"
	@$(CC) -fsanitize=fuzzer,address,undefined -o $@ $< -Wl,--start-group $B/libfuzzed.a $(PLAIN) -Wl,--end-group $(LDLIBS)
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
	if [ -e $B/glimt-cuda.so ]; then install -D -m 755 $B/glimt-cuda.so $(DESTDIR)$(PREFIX)/lib/glimt/glimt-cuda.so; fi
	cp -r store/demo/. $(SHARE)/glimt/demo/
	install -d $(SHARE)/glimt/terminfo && tic -x -o $(SHARE)/glimt/terminfo store/terminfo/glimt-direct.ti
	install -m 644 themes/*.theme $(SHARE)/glimt/themes/
	install -m 644 man/*.1 $(SHARE)/man/man1/
	install -m 644 man/*.5 $(SHARE)/man/man5/
	install -D -m 644 completions/glimt.bash $(SHARE)/bash-completion/completions/glimt
	install -D -m 644 completions/glimt.zsh $(SHARE)/zsh/site-functions/_glimt
	install -D -m 644 completions/glimt.fish $(SHARE)/fish/vendor_completions.d/glimt.fish
uninstall:
	rm -f $(BIN)/glimt $(DESTDIR)$(PREFIX)/lib/glimt/glimt-cuda.so $(SHARE)/man/man1/glimt.1 $(SHARE)/man/man5/glimt.5
	rm -rf $(SHARE)/glimt $(SHARE)/bash-completion/completions/glimt $(SHARE)/zsh/site-functions/_glimt \
	  $(SHARE)/fish/vendor_completions.d/glimt.fish
dist:
	@mkdir -p $B
	git archive --prefix=glimt-$(VERSION)/ -o $B/glimt-$(VERSION).tar.gz HEAD
	@echo $B/glimt-$(VERSION).tar.gz
clean:
	rm -rf $B build-asan
help:
	@echo "make            build $B/glimt, and the CUDA plugin where there is nvcc"
	@echo "make gpu        the CUDA plugin beside it (NVCC= says where nvcc is)"
	@echo "make gpu-pack   tests and benchmarks for a machine with a card: tests/gpu/run.sh check|bench there"
	@echo "make run        build and start the explorer (ARGS='analyze …' for a command)"
	@echo "make check      all tests; closes with the counts"
	@echo "make check-long nothing left out: each test under valgrind, each fault at every step; an hour or more"
	@echo "make bench      timings beside their floors (BUNDLE=FILE: on that model; PYTORCH=python3: PyTorch beside)"
	@echo "make fuzz       fuzzers, FUZZ_SECONDS each"
	@echo "make install    to PREFIX=$(PREFIX) (DESTDIR honoured); make uninstall"
	@echo "make dist clean lint format"
