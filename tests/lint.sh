#!/bin/bash
# The house rules that a program can check: which part may include which, file length, format, clang's warnings.
cd "$(dirname "$0")/.." || exit 1
bad=0
say() { echo "lint: $*"; bad=1; }

# part of a path: its place in the order of CONTRIBUTING.md
allowed() { # FROM TO → 0 if an include may point so
    case "$1:$2" in
    "$2:$1") return 0 ;;
    engine/base:*) return 1 ;;
    engine/backend:engine/base/error.h) return 0 ;;
    engine/backend:*) return 1 ;;
    engine/arch:engine/backend) return 0 ;;
    engine/formats:engine/base|engine/formats:engine/backend|engine/formats:engine/arch) return 0 ;;
    engine/text:engine/base) return 0 ;;
    engine/hub:engine/text|engine/hub:engine/dict|engine/hub:engine/run|engine/hub:engine/formats|engine/hub:engine/arch|engine/hub:engine/backend|engine/hub:engine/base) return 0 ;;
    engine/*:engine/hub) return 1 ;;
    engine/cpu:engine/base|engine/cpu:engine/backend|engine/reference:engine/base|engine/reference:engine/backend) return 0 ;;
    engine/devices:engine/base|engine/devices:engine/backend|engine/devices:engine/cpu) return 0 ;;
    engine/run:engine/base|engine/run:engine/backend|engine/run:engine/arch) return 0 ;;
    engine/dict:engine/run|engine/dict:engine/backend|engine/dict:engine/base|engine/dict:engine/formats) return 0 ;;
    engine/model:engine/dict|engine/model:engine/run|engine/model:engine/arch|engine/model:engine/backend|engine/model:engine/base|engine/model:engine/formats) return 0 ;;
    engine/lane:engine/model|engine/lane:engine/dict|engine/lane:engine/run|engine/lane:engine/backend|engine/lane:engine/base|engine/lane:engine/text) return 0 ;;
    engine/session:engine/study) return 1 ;;
    engine/session:engine/*) return 0 ;;
    engine/study:engine/*) return 0 ;;
    store:engine/base) return 0 ;;
    gpu:engine/backend) return 0 ;;
    tui:engine/*|tui:store) return 0 ;;
    esac
    return 1
}
part() {
    case "$1" in
    engine/base/error.h) [ "$2" = to ] && [ "$3" = engine/backend ] && { echo "$1"; return; }; echo engine/base ;;
    engine/backend.h) echo engine/backend ;;
    engine/device.h|engine/device.c|engine/run.h|engine/run.c|engine/hook.h|engine/hook.c|engine/tape.c|engine/tape.h|engine/arena.c|engine/arena.h) echo engine/run ;;
    engine/arch.h|engine/arch_table.c) echo engine/arch ;;
    engine/devices.h|engine/devices.c) echo engine/devices ;;
    engine/*/*) echo "engine/$(echo "$1" | cut -d/ -f2)" ;;
    *) echo "${1%%/*}" ;;
    esac
}
while IFS=: read -r file inc; do
    from=$(part "$file" from)
    to=$(part "$inc" to "$from")
    [ "$from" = "$to" ] && continue
    allowed "$from" "$to" || say "$file includes $inc: $from must not know $to"
done < <(git ls-files -co --exclude-standard 'engine/*.[ch]' 'store/*.[ch]' 'tui/*.[ch]' 'gpu/*' |
    xargs grep -o '^#include "[^"]*"' | sed 's/#include "//; s/"$//')

# inside tui: cli, shell → view → widget, plot → term; a view knows no other view and not the shell
tui_place() { # of a file; "": at tui's top
    case "$1" in
    tui/app.h|tui/desk.h|tui/kept.h|tui/script.h) echo above ;;
    tui/view/*/*) echo "view/$(echo "$1" | cut -d/ -f3)" ;;
    tui/*/*) echo "$1" | cut -d/ -f2 ;;
    esac
}
tui_allowed() { # FROM TO → 0 if an include may point so
    case "$1:$2" in
    "$2:$1"|:*|*:) return 0 ;;
    cli:view/*|shell:view/*) return 1 ;; # the rows of tui/view_table.h are all that names one
    cli:*|above:*) return 0 ;;
    shell:cli|shell:above) return 1 ;;
    shell:*) return 0 ;;
    view/*:view|view*:widget|view*:plot|view*:term|view*:lab|widget:term|plot:term) return 0 ;;
    esac
    return 1
}
while IFS=: read -r file inc; do
    from=$(tui_place "$file")
    to=$(tui_place "$inc")
    tui_allowed "$from" "$to" || say "$file includes $inc: tui/$from must not know tui/$to"
done < <(git ls-files -co --exclude-standard 'tui/*.[ch]' | xargs grep -o '^#include "tui/[^"]*"' | sed 's/#include "//; s/"$//')

# no circles inside engine and tui: a .c and its .h are one, a private header is its file's; what a shell has of its views
# is of it
circles=$(git ls-files -co --exclude-standard 'engine/*.[ch]' 'tui/*.[ch]' | xargs grep -oE '^#include "(engine|tui)/[^"]*"' |
    sed -E 's/\.[ch]:#include "/ /; s/\.h"$//; s/_private\b//g' | awk '$1 != $2' |
    grep -v '^tui/shell/shell tui/shell/views$' | tsort 2>&1 >/dev/null | sed -nE 's/^tsort: (engine|tui)/ \1/p')
[ -z "$circles" ] || say "includes go round in a circle:"$'\n'"$circles"

# what the files of a folder share among themselves
while IFS=: read -r file inc; do
    [ "${file%/*}" = "${inc%/*}" ] || say "$file includes $inc, which is private to ${inc%/*}"
done < <(git ls-files -co --exclude-standard 'engine/*.[ch]' 'store/*.[ch]' 'tui/*.[ch]' 'gpu/*' |
    xargs grep -o '^#include "[^"]*_private\.h"' | sed 's/#include "//; s/"$//')
misnamed=$(git ls-files -co --exclude-standard '*.h' | grep -E '(^|/)private\.h$|internal\.h$|_parts\.h$')
[ -z "$misnamed" ] || say "a private header is called FOLDER_private.h or PART_private.h: $misnamed"

hits=$(git ls-files -co --exclude-standard '*.c' | grep -v '^engine/devices\.c$\|^engine/cpu/\|^tests/' | xargs grep -n '\bcpu_backend_new')
[ -z "$hits" ] || say "a device is opened by device_open of engine/devices.h:"$'\n'"$hits"

hits=$(git ls-files -co --exclude-standard '*.[ch]' | grep -v '^engine/hub/' | xargs grep -n '#include <curl/')
[ -z "$hits" ] || say "what is fetched goes through engine/hub/pull.h:"$'\n'"$hits"

ambiguous='free|alloc|put|fetch|fetch_f64|norm|act|select|decode|add|copy'
own='queue_new|queue_free|queue_status|queue_sync|queue_mark|queue_pending|queue_wait|weight_new|weight_take|weight_packed|weight_free|weight_bytes|weight_in|weight_rows|buf_free|kv_new|kv_free|add_outer|rows_get|rows_set|linear|xent|topn|attn'
hits=$(git ls-files -co --exclude-standard 'engine/*.[ch]' 'store/*.[ch]' 'tui/*.[ch]' |
    grep -vE '^engine/(cpu/|reference/|backend\.h$|device\.h$|devices\.c$|run\.c$)' |
    xargs grep -nE -- "->($own)\(|(backend|\bb|\bbe|\bq)->($ambiguous)\(|[.>]buf->")
[ -z "$hits" ] || say "a backend is called through engine/run.h or engine/device.h:"$'\n'"$hits"

while read -r n file; do
    case "$file" in total) continue ;; tests/*) most=900 ;; *) most=800 ;; esac
    [ "$n" -le "$most" ] || say "$file has $n lines: it hides a module"
done < <(git ls-files -co --exclude-standard '*.c' '*.h' | grep -v _table | xargs wc -l)

if command -v clang-format >/dev/null; then
    unformatted=$(git ls-files -co --exclude-standard '*.c' '*.h' | grep -v _table | xargs clang-format --dry-run 2>&1 | grep -o '^[^:]*' | sort | uniq -c)
    [ -z "$unformatted" ] || say "clang-format would change:"$'\n'"$unformatted"
fi
if command -v clang >/dev/null; then
    flags=$(pkg-config --cflags ncursesw libutf8proc jansson nettle sqlite3 expat zlib liblzma cmocka vterm)
    warned=$(git ls-files -co --exclude-standard 'engine/*.c' 'store/*.c' 'tui/*.c' 'tests/*.c' |
        xargs -P "$(nproc)" -I{} sh -c "clang -std=c17 -fsyntax-only -Werror -Wall -Wextra -Wshadow -Wconversion \
            -Wstrict-prototypes -Wvla -Wformat=2 -Wundef -I. -D_GNU_SOURCE -DGLIMT_VERSION='\"\"' $flags {} || echo 'clang warns in {}'" |
        sort)
    [ -z "$warned" ] || say "$warned"
fi
for word in 'TODO' 'FIXME' 'XXX'; do
    hits=$(git ls-files -co --exclude-standard '*.c' '*.h' '*.sh' '*.py' | grep -v tests/lint.sh | xargs grep -n "\b$word\b")
    [ -z "$hits" ] || say "$word:"$'\n'"$hits"
done
# what a reader of the repository can't open is not cited
hits=$(git ls-files -co --exclude-standard | grep -v -e '^tests/lint.sh$' -e '^tests/fuzz/seeds/' -e '^tests/golden/' |
    xargs grep -nIE '\b(DESIGN|INTERFACES)\b|\b(CLI|TERMINAL|CUDA|STYLE|SAE_FORMATS|methods)\.md\b|\(methods:')
[ -z "$hits" ] || say "names a document that does not lie here:"$'\n'"$hits"
exit $bad
