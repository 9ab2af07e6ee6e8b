#!/bin/bash
# run.sh FUZZER SECONDS: one fuzzer over its grown corpus and the committed seeds; a finding ends with its log.
fuzzer=$1 seconds=$2 name=$(basename "$1")
corpus=build/fuzz-corpus/$name
mkdir -p "$corpus"
seeds=()
[ -d "tests/fuzz/seeds/$name" ] && seeds=("tests/fuzz/seeds/$name")
dict=()
[ -f "tests/fuzz/$name.dict" ] && dict=("-dict=tests/fuzz/$name.dict")
log=$corpus.log
if "$fuzzer" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 -print_final_stats=1 -artifact_prefix="$corpus." \
    "${dict[@]}" "$corpus" "${seeds[@]}" >"$log" 2>&1; then
    echo "  fuzz  $name: $(grep -a -o 'number_of_executed_units: [0-9]*' "$log" | grep -o '[0-9]*') inputs in ${seconds} s"
else
    tail -40 "$log"
    exit 1
fi
