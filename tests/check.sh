#!/bin/bash
# All tests. Every step adds to the counts; the last line is the sum. CHECK_LONG=1 (`make check-long`) leaves
# nothing out: every test under valgrind and the sanitizers, each fault at every step, fuzzers for a minute.
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C.UTF-8 TZ=UTC
B=build A=build-asan # beside build, so that its binary finds the demo
passed=0 failed=0 skipped=0 started=$SECONDS
logs=$B/logs
mkdir -p $logs
rm -f $logs/*.seconds $logs/*.status
if [ -n "$CHECK_LONG" ]; then export GLIMT_LONG=1 FUZZ_SECONDS=${FUZZ_SECONDS:-60}; fi
steps='' step='' step_started=$SECONDS
# note STEP: begins it; what the one before took is told at the end
note() {
    [ -z "$step" ] || steps+=$(printf '%6d s  %s' $((SECONDS - step_started)) "$step")$'\n'
    step=$1 step_started=$SECONDS
    printf '== %s (%d s)\n' "$1" $((SECONDS - started))
}
ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAILED: $1"
    [ -z "${2:-}" ] || tail -${3:-40} "$2"
}

# caches of tests lie in memory where there is room: half of their time is waiting for the disk
memory=
if [ "$(df --output=avail /dev/shm 2>/dev/null | tail -1)" -gt 2000000 ] 2>/dev/null; then
    memory=$(mktemp -d /dev/shm/glimt-XXXXXX)
    trap 'rm -rf "$memory"' EXIT
fi

# log_of LABEL: where its output goes
log_of() { echo "$logs/$(echo "$1" | tr '/ ' '__').log"; }
# run LABEL PROGRAM…: its output and, beside it, its status
run() {
    local log tmp=${TMPDIR:-/tmp}
    log=$(log_of "$1")
    case $1 in */store/* | */tui/lab/* | *e2e/*) tmp=${memory:-$tmp} ;; esac
    shift
    local began=$SECONDS
    TMPDIR=$tmp timeout ${CHECK_LONG:+3}900 "$@" >"$log" 2>&1 </dev/null
    echo $? >"$log.status"
    echo "$((SECONDS - began)) $(basename "$log" .log)" >"$log.seconds"
}
# count LABEL: adds a cmocka program's counts; one that dies without a summary counts as failed
count() {
    local label=$1 log status p f s
    log=$(log_of "$label")
    status=$(cat "$log.status" 2>/dev/null || echo 255)
    p=$(grep -a -o 'PASSED  \] [0-9]* test' "$log" | grep -o '[0-9]*' | paste -sd+ | bc)
    f=$(grep -a -o 'FAILED  \] [0-9]* test' "$log" | grep -o '[0-9]*' | paste -sd+ | bc)
    s=$(grep -a -o 'SKIPPED \] [0-9]* test' "$log" | grep -o '[0-9]*' | paste -sd+ | bc)
    passed=$((passed + ${p:-0})) skipped=$((skipped + ${s:-0}))
    if [ -n "$f" ] && [ "$f" -gt 0 ]; then
        failed=$((failed + f - 1))
        bad "$label" "$log"
    elif [ "$status" -ne 0 ] || [ -z "$p$s" ]; then
        bad "$label (status $status)" "$log"
    fi
}
# what takes longest goes first, so that no core waits for another at the end
long='gpu|whole|cache|studies|output|lab_damage|lab|store_faults|tokenizer|view|sets|completions|man|codes|mutations|pt'
# abreast LABEL FUNCTION PROGRAM…: FUNCTION runs each under "LABEL name", as many at once as there are cores and
# $more, where they wait as often as they work
abreast() {
    local label=$1 how=$2 t
    shift 2
    printf '%s\n' "$@" | awk -v long="/test_($long)\$" '$0 ~ long { print; next } { rest = rest $0 "\n" } END { printf "%s", rest }' | xargs -P "$(($(nproc) + ${more:-0}))" -I{} bash -c "$how \"$label \$(name_of {})\" {}"
    for t in "$@"; do count "$label $(name_of "$t")"; done
}
name_of() { echo "${1#*/tests/}"; }
in_asan() { GLIMT_BIN=$A/glimt GLIMT_QUICK=1 run "$1" "$2"; }
in_valgrind() {
    GLIMT_QUICK=1 run "$1" valgrind -q --error-exitcode=9 --leak-check=full \
        --errors-for-leak-kinds=definite --suppressions=tests/valgrind.supp "$2"
}
fuzz() { run "$(basename "$1")" ./tests/fuzz/run.sh "$1" "${FUZZ_SECONDS:-8}"; }
export -f log_of run name_of in_asan in_valgrind fuzz
export B A logs memory CHECK_LONG

note "lint"
if ./tests/lint.sh >$logs/lint.log 2>&1; then ok; else bad lint $logs/lint.log; fi

note "build"
jobs=$(nproc)
if make -j"$jobs" OPT="-O2 -g1 -Werror" all tests >$logs/build.log 2>&1; then ok; else bad build $logs/build.log; fi

# a fixture with the name of a function of the library would silently take its place in every test
symbols() { nm "$@" 2>/dev/null | awk '$2 ~ /^[TDBR]$/ { print $3 }' | sort -u; }
twice=$(comm -12 <(symbols $B/libglimt.a) <(symbols $(find $B/tests/support -name '*.o')))
if [ -z "$twice" ]; then ok; else bad "names both in the library and in tests/support: $twice"; fi

note "CUDA plugin"
nvcc=${NVCC:-$(ls /usr/local/cuda/bin/nvcc 2>/dev/null || command -v nvcc)}
if [ -z "$nvcc" ]; then
    skipped=$((skipped + 1))
    echo "skipped: no nvcc"
elif make -j"$jobs" OPT="-O2 -g1 -Werror" NVCC="$nvcc" gpu >$logs/gpu.log 2>&1; then
    ok
    so=$B/glimt-cuda.so
    spills=$(grep -lE '[1-9][0-9]* bytes spill' $B/cuda/gpu/*.log)
    if [ -z "$spills" ]; then ok; else bad "kernels whose registers spill: $spills"; fi
    needed=$(objdump -p $so | awk '$1 == "NEEDED" { print $2 }' | paste -sd' ')
    case "$needed" in
    libc.so.6 | "libc.so.6 ld-linux-"*) ok ;;
    *) bad "the plugin needs $needed, expected libc alone" ;;
    esac
    exported=$(nm -D --defined-only $so | awk '{ print $3 }' | sort | paste -sd' ')
    if [ "$exported" = "glimt_backend_abi glimt_backend_new glimt_backend_score" ]; then ok; else bad "the plugin exports $exported"; fi
    # usable, or a reason that is not the plugin's fault
    if $B/glimt --device list | grep -E '^cuda(:| .*cuda:0 )' | grep -qE 'no NVIDIA driver|driver for CUDA|no GPU|needs 8.0|libcublasLt|cuda:0 '; then ok; else bad "$($B/glimt --device list)"; fi
else
    bad "build of the CUDA plugin" $logs/gpu.log
fi

note "unit tests"
units=$(find $B/tests -path $B/tests/e2e -prune -o -name 'test_*' -type f -perm -u+x -print | sort)
abreast unit run $units

note "journeys with the real binary"
more=1 abreast journey run $(find $B/tests/e2e -name 'test_*' -type f -perm -u+x | sort)

note "AddressSanitizer and UndefinedBehaviorSanitizer"
san="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
# left out: hardware-sized, or judged by signals
sanitized=$(echo "$units" | grep -vE '/test_(pythia_shapes|memory|screen|terminal)$')
if make -j"$jobs" B=$A OPT="-O1 -g1" TEST_CFLAGS="-O0 -fno-sanitize=undefined" HARDEN=-fPIE SAN="$san" all ${sanitized//$B\//$A/} >$logs/asan-build.log 2>&1; then ok; else bad "build with sanitizers" $logs/asan-build.log; fi
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1 LSAN_OPTIONS=suppressions=tests/lsan.supp:print_suppressions=0
abreast asan in_asan $(echo "$sanitized" | sed "s:^$B/:$A/:")
# the same programs of tests, and the binary instrumented
abreast asan in_asan $B/tests/e2e/test_{cli,analyze,cache,encodings,convert,hub,sets}

note "valgrind"
# where memory is handled by hand; the numbers' tests have been through the sanitizers
# test_devices looks beside its own program, which is valgrind there
left_out='/test_(pythia_shapes|memory|devices|screen|screen_end|terminal|service|lab|lab_damage|lab_state|content|unicode)$'
[ -n "$CHECK_LONG" ] || left_out+='|/gpu/|/engine/(backend|lane|model|session|study)/|/test_(store_faults|plot|marks|ticks)$'
abreast valgrind in_valgrind $(echo "$units" | grep -vE "$left_out")

note "fuzzers"
if make -j"$jobs" B=$B/fuzz PLAIN=$B/libglimt.a CC=clang OPT="-O1 -g1" HARDEN= HARDEN_LD= \
    SAN="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined" fuzzers >$logs/fuzz-build.log 2>&1; then
    fuzzers=$(find $B/fuzz -maxdepth 1 -name 'fuzz_*' -type f -perm -u+x | sort)
    echo "$fuzzers" | xargs -P "$(nproc)" -I{} bash -c 'fuzz {}'
    for f in $fuzzers; do
        f=$(basename "$f")
        cat "$logs/$f.log"
        if [ "$(cat "$logs/$f.log.status")" = 0 ]; then ok; else bad "$f"; fi
    done
else
    bad "build of the fuzzers" $logs/fuzz-build.log
fi

note "done"
printf '%s' "$steps"
echo "  longest: $(cat $logs/*.seconds | sort -rn | head -8 | sed 's/\([0-9]*\) \(.*\)/\2 \1 s/' | paste -sd, | sed 's/,/, /g')"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
