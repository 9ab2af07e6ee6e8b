#!/bin/bash
# On a machine with a card, in the repository's root, after `make gpu-pack` anywhere (.gpu/ comes along):
#   tests/gpu/run.sh check    what the card computes, against the CPU and double precision
#   tests/gpu/run.sh bench    how long it takes, PyTorch beside
# Needs nothing but the driver, cuBLASLt (of the toolkit, or of python's nvidia packages) and python3. Writes
# gpu.json, gpu.md and log into $OUT (default .gpu/out); the table comes last. Status 1: something is wrong;
# what could not be run here is said, and is no fault. To see that bench runs, without a card: the shim's plugin
# (build/tests/shim) as .gpu/bin/glimt-cuda.so, and BENCH_QUICK=1 SHAPE=tiny TORCH=cpu PYTHON=… PATIENCE=9.
cd "$(dirname "$0")/../.." || exit 2
mode=${1:-check} bin=.gpu/bin
case "$mode" in check|bench) ;; *) echo "tests/gpu/run.sh: found $mode, expected check or bench" >&2; exit 2 ;; esac
[ -x $bin/glimt ] || { echo "tests/gpu/run.sh: no $bin/glimt; make gpu-pack makes it" >&2; exit 2; }
OUT=${OUT:-.gpu/out}
mkdir -p "$OUT"
log=$OUT/log rows=$OUT/rows
: >"$log"; : >"$rows"
device=${DEVICE:-cuda:0}
scratch=$(mktemp -d /dev/shm/glimt-gpu.XXXXXX 2>/dev/null || mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export XDG_CACHE_HOME=$scratch/cache XDG_CONFIG_HOME=$scratch/config XDG_STATE_HOME=$scratch/state LC_ALL=C.UTF-8 TERM=dumb

python_nvidia=$(python3 -c 'import nvidia, os; print(*nvidia.__path__)' 2>/dev/null)
cublas=$(ls -d /usr/local/cuda*/lib64 $(for d in $python_nvidia; do ls -d "$d"/*/lib; done) 2>/dev/null |
    while read -r d; do compgen -G "$d/libcublasLt.so*" >/dev/null && echo "$d"; done | head -1)
libraries=$PWD/.gpu/lib${cublas:+:$cublas}
ours() { LD_LIBRARY_PATH=$libraries "$@"; }

# row NAME RESULT SECONDS DETAIL…: one line of the table; RESULT: ok, wrong, skipped
row() { printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${*:4}" >>"$rows"; }
# part NAME SECONDS PROGRAM…: its output into the log, its row by its status; cannot eat the next one's time
part() {
    local name=$1 limit=$(($2 * ${PATIENCE:-1})) began=$SECONDS status
    shift 2
    echo "== $name: $*" >>"$log"
    ours timeout -k 5 "$limit" "$@" >"$scratch/part" 2>&1 </dev/null
    status=$?
    head -c 20000 "$scratch/part" >>"$log"
    echo >>"$log"
    if [ $status = 0 ]; then
        row "$name" ok $((SECONDS - began)) "$(grep -a 'PASSED  \]' "$scratch/part" | tr -s ' ' | tr -d '\n' | cut -c1-60)"
    elif [ $status = 124 ] || [ $status = 137 ]; then
        row "$name" wrong $((SECONDS - began)) "ran past $limit s"
    else
        row "$name" wrong $((SECONDS - began)) "status $status: $(grep -aE 'FAILED|rror|!=' "$scratch/part" | head -3 | tr '\t\n' '  ' | cut -c1-200)"
    fi
    return $status
}

card=$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null | head -1)
versions="$(ours $bin/glimt --version 2>/dev/null | head -1), ${card:-no card}, $(nvcc --version 2>/dev/null | grep -o 'release [0-9.]*'), cuBLASLt in ${cublas:-no place known}"
echo "$versions" >>"$log"
ours $bin/glimt doctor >>"$log" 2>&1
usable=$(ours $bin/glimt --device list 2>&1 | grep -F "$device" | grep -vE '^cuda: ')
if [ -z "$usable" ]; then
    row "the device" skipped 0 "$(ours $bin/glimt --device list 2>&1 | grep '^cuda' | head -1)"
elif [ "$mode" = check ]; then
    row "the device" ok 0 "$usable"
    for t in $bin/card_*; do
        name=${t##*/card_engine_}
        part "${name/_test_/: }" 90 "$t"
    done
    # whole commands: the same numbers as the CPU's
    demo=store/demo/demo.glimt
    compare() { # NAME TOLERANCE DTYPE COMMAND…
        local name="$1 in $3" tolerance=$2 dtype=$3
        shift 3
        if part "$name on the CPU" 60 $bin/glimt "$@" --device cpu --json && cp "$scratch/part" "$scratch/cpu.json" &&
            part "$name on $device" 60 $bin/glimt "$@" --device "$device" --dtype "$dtype" --json && cp "$scratch/part" "$scratch/gpu.json"; then
            part "$name, compared" 30 python3 tests/gpu/compare.py "$scratch/cpu.json" "$scratch/gpu.json" "$tolerance"
        fi
    }
    printf 'Rådet skal nu formelt godkende Parlamentets holdning.\nThe Council has to approve it.\n' >"$scratch/text"
    compare sweep 3e-2 f16 sweep --bundle $demo --cache none --limit 40 --values=-2,0,2
    compare analyze 1e-3 f32 analyze --bundle $demo --insert=sae --fix 418=2 "$scratch/text"
    compare sweep 1e-3 f32 sweep --bundle $demo --cache none --limit 40 --values=-2,0,2
    compare latents 1e-3 f32 latents --bundle $demo --cache none --limit 60
    checker=$(command -v compute-sanitizer || ls /usr/local/cuda*/bin/compute-sanitizer 2>/dev/null | head -1)
    for tool in memcheck racecheck initcheck synccheck; do
        if [ -z "$checker" ]; then
            row "compute-sanitizer $tool" skipped 0 "it is not in this toolkit"
        else
            part "compute-sanitizer $tool" 45 "$checker" --tool $tool --error-exitcode 9 $bin/card_engine_backend_test_queue
        fi
    done
else
    row "the device" ok 0 "$usable"
    # what comes again as graphs, and call by call
    live() { # MODEL SECONDS BUNDLE
        part "live path, $1" "$2" $bin/tests_bench_bench_live "$3" "$device" rows
        GLIMT_GRAPHS=0 part "live path by calls, $1" "$2" $bin/tests_bench_bench_live "$3" "$device" rows
    }
    live demo 12 store/demo/demo.glimt
    # one that is large: random weights, what it costs is the same
    shape=${SHAPE:-1.4b}
    large=$scratch/shape/shape.glimt python=${PYTHON:-python3}
    if part "files of pythia-$shape with an SAE" 45 $bin/tests_bench_bench_open "$shape" "$scratch/shape" none; then
        live "$shape" 30 "$large"
        part "harvest, $shape" 30 $bin/tests_bench_bench_harvest "$large" "$device" rows
        if "$python" -c 'import torch, transformers, tokenizers, safetensors' 2>>"$log"; then
            beside() { # NAME SECONDS OPTION…: not to be finished is a result, too
                if ! part "$1" "$2" "$python" tests/bench/pytorch_card.py --bundle "$large" --device "${TORCH:-cuda}" "${@:3}"; then
                    sed -i '$d' "$rows"
                    row "$1" skipped "$2" "not finished: $(tail -1 "$scratch/part" | tr '\t' ' ' | cut -c1-120)"
                fi
            }
            beside "PyTorch eager, $shape" 35
            beside "PyTorch compiled, $shape" 85 --compile
        else
            row "PyTorch" skipped 0 "$python has not all of torch, transformers, tokenizers, safetensors"
        fi
    fi
fi
python3 tests/gpu/report.py "$mode" "$versions" "$rows" "$log" "$OUT/gpu.json" "$OUT/gpu.md"
cat "$OUT/gpu.md"
! grep -q "$(printf '\twrong\t')" "$rows"
