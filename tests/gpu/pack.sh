#!/bin/bash
# .gpu/: what a machine with a card needs to run tests/gpu/run.sh, and no more: programs, the libraries that
# they need and such a machine may lack, the plugin. `make gpu-pack` calls it with what it has built.
# pack.sh BUILD PROGRAM…
set -e
cd "$(dirname "$0")/../.."
build=$1
shift
rm -rf .gpu
mkdir -p .gpu/bin .gpu/lib
for program; do
    name=${program#"$build"/}
    name=${name//\//_}
    strip -o ".gpu/bin/$name" "$program"
done
[ ! -f "$build/glimt-cuda.so" ] || cp "$build/glimt-cuda.so" .gpu/bin/
for library in $(ldd .gpu/bin/* 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u); do
    case "${library##*/}" in
    libc.so.*|libm.so.*|libdl.so.*|libpthread.so.*|librt.so.*|libgcc_s.so.*|libstdc++.so.*|libutil.so.*) ;;
    *) cp -L "$library" .gpu/lib/ ;;
    esac
done
du -sh .gpu | awk '{ print "  PACK  .gpu, " $1 }'
