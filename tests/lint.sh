#!/bin/bash
# The house rules that a program can check: which part may include which, file length, format, clang's warnings.
cd "$(dirname "$0")/.." || exit 1
bad=0
say() { echo "lint: $*"; bad=1; }

# includes PATTERN…: "file included" of each include of ours
includes() {
    git ls-files -co --exclude-standard "$@" | xargs grep -o '^#include "[^"]*"' | sed -E 's/:#include "/ /; s/"$//'
}
# misplaced ROWS PART: includes (stdin) from a part to one that its row does not name. PART: awk's function of a path to
# its part; "": none, which includes and is included as it likes. "view" in a row of "view*" is its own folder's.
misplaced() {
    awk -v rows="$1" "$2"'
    BEGIN {
        n = split(rows, row, "\n")
        for (i = 1; i <= n; i++) {
            m = split(row[i], word, /[: ]+/)
            for (j = 2; j <= m; j++) may[word[1], word[j]] = 1
        }
    }
    {
        from = part($1)
        to = part($2)
        of = from ~ /^view\// ? "view/*" : from
        if (from != to && from != "" && to != "" && !((of, to) in may) && !((of, $2) in may))
            print "lint: " $1 " includes " $2 ": " from " must not know " to
    }'
}

# the order of CONTRIBUTING.md
out=$(includes 'engine/*.[ch]' 'store/*.[ch]' 'tui/*.[ch]' 'gpu/*' | misplaced '
engine/backend: engine/base/error.h
engine/arch: engine/backend
engine/formats: engine/base engine/backend engine/arch
engine/text: engine/base
engine/hub: engine/text engine/dict engine/run engine/formats engine/arch engine/backend engine/base
engine/cpu: engine/base engine/backend
engine/reference: engine/base engine/backend
engine/devices: engine/base engine/backend engine/cpu
engine/run: engine/base engine/backend engine/arch
engine/dict: engine/run engine/backend engine/base engine/formats
engine/model: engine/dict engine/run engine/arch engine/backend engine/base engine/formats
engine/lane: engine/model engine/dict engine/run engine/backend engine/base engine/text
engine/session: engine/lane engine/model engine/dict engine/run engine/backend engine/base engine/formats engine/text
engine/study: engine/session engine/lane engine/model engine/dict engine/run engine/backend engine/base engine/formats engine/text
store: engine/base
gpu: engine/backend
tui: engine/base engine/backend engine/text engine/formats engine/hub engine/cpu engine/devices engine/run engine/dict engine/model engine/lane engine/session engine/study store
' '
function part(path) {
    if (path == "engine/backend.h") return "engine/backend"
    if (path ~ /^engine\/(device|run|hook|tape|arena)\.[ch]$/) return "engine/run"
    if (path ~ /^engine\/(arch\.h|arch_table\.c)$/) return "engine/arch"
    if (path ~ /^engine\/devices\.[ch]$/) return "engine/devices"
    if (match(path, /^engine\/[^\/]*\//)) return substr(path, 1, RLENGTH - 1)
    sub(/\/.*/, "", path)
    return path
}')
[ -z "$out" ] || { echo "$out"; bad=1; }

# inside tui a view knows no other view and not the shell; the rows of tui/view_table.h are all that names one
out=$(includes 'tui/*.[ch]' | grep ' tui/' | misplaced '
above: cli shell view widget plot term lab
cli: above shell view widget plot term lab
shell: view widget plot term lab
view: widget plot term lab
view/*: view widget plot term lab
widget: term
plot: term
' '
function part(path, folder) {
    if (path ~ /^tui\/(app|desk|kept|script)\.h$/) return "above"
    n = split(path, folder, "/")
    return n == 4 ? "view/" folder[3] : n == 3 ? folder[2] : ""
}')
[ -z "$out" ] || { echo "$out"; bad=1; }

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
    unformatted=$(git ls-files -co --exclude-standard '*.c' '*.h' | grep -v _table | xargs -P "$(nproc)" -n 24 clang-format --dry-run 2>&1 | grep -o '^[^:]*' | sort | uniq -c)
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
