# glimt: see `make help`. Everything is built under build/ (or B=DIR).
SHELL = /bin/bash
B ?= build
PREFIX ?= /usr/local
DESTDIR ?=
VERSION := 0.1.0
CC ?= gcc
OPT ?= -O2 -g
WARN = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wvla -Wformat=2 -Wundef
HARDEN = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
HARDEN_LD = -pie -Wl,-z,relro,-z,now

PKGS = ncursesw sqlite3 libutf8proc jansson nettle
TEST_PKGS = cmocka vterm
BUILD_DEBS = gcc make pkg-config libncurses-dev libsqlite3-dev libutf8proc-dev libjansson-dev nettle-dev libdnnl-dev
CHECK_DEBS = $(BUILD_DEBS) libcmocka-dev libvterm-dev valgrind clang libclang-rt-14-dev tmux ncurses-term

CPPFLAGS += -I. -D_GNU_SOURCE -DGLIMT_VERSION='"$(VERSION)"' $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
CFLAGS += -std=c17 $(OPT) $(WARN) -fvisibility=hidden -fno-math-errno $(HARDEN) $(SAN)
LDFLAGS += $(HARDEN_LD) $(SAN) -rdynamic
LDLIBS = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lpanelw -lm -ldl -lpthread

ENGINE = $(wildcard engine/*.c engine/*/*.c)
STORE = $(wildcard store/*.c)
TUI = $(filter-out tui/main.c,$(wildcard tui/*.c tui/*/*.c))
LIB_O = $(patsubst %.c,$B/%.o,$(ENGINE) $(STORE) $(TUI))
UNITS = $(patsubst tests/%.c,$B/tests/%,$(wildcard tests/engine/*/test_*.c tests/engine/test_*.c tests/tui/*/test_*.c tests/tui/test_*.c tests/store/test_*.c))
E2E = $(patsubst tests/%.c,$B/tests/%,$(wildcard tests/e2e/test_*.c))
FUZZ = $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
TEST_O = $(patsubst %.c,$B/%.o,$(wildcard tests/support/*.c))
BENCH = $(patsubst tests/bench/%.c,$B/tests/bench/%,$(wildcard tests/bench/bench_*.c))

all: $B/glimt
.PHONY: all
.DELETE_ON_ERROR:
.SECONDARY:

$B/glimt: $B/tui/main.o $B/libglimt.a
	@echo "  LD    $@"
	@$(CC) $(LDFLAGS) -o $@ $< -Wl,--whole-archive $B/libglimt.a -Wl,--no-whole-archive $(LDLIBS)
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
-include $(shell find $B -name '*.d' 2>/dev/null)

$B/deps.ok:
	@mkdir -p $B
	@./tests/need.sh $(BUILD_DEBS)
	@touch $@
