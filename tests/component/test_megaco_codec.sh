#!/bin/sh
# Every message of tests/data/h248 is decoded by Erlang's megaco too, and our re-encodings in both styles mean the same to
# it. Exit 77 when megaco is not there. Environment: B = the build directory (default: build).
cd "$(dirname "$0")/../.." || exit 1
tool=${BUILD:-build}/h248-tool
if ! command -v escript >/dev/null || ! erl -noshell -eval 'halt(case code:which(megaco) of non_existing -> 1; _ -> 0 end).'
then
    echo "ok 1 - megaco codec # SKIP erl with its megaco application is not installed (Debian: erlang-megaco)"
    exit 0
fi
[ -x "$tool" ] || { echo "$tool is missing: build it first"; exit 1; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# What this decoder lacks, though the grammar has it.
lacks() {
    case $1 in
    v1_context_audit) echo "ContextAudit of version 1 crashes it" ;;
    v1_notify_error) echo "no Error behind ObservedEvents" ;;
    v1_escaped_brace) echo "an escaped brace ends its octet string" ;;
    v2_nx64k) echo "crashes on Nx64kService" ;;
    v3_iteration) echo "spells Iteration IterationToken" ;;
    v3_segments) echo "refuses white space between segment replies" ;;
    esac
}

failed=0 n=0
for file in tests/data/h248/*.txt; do
    name=$(basename "$file" .txt)
    why=$(lacks "$name")
    if [ -n "$why" ]; then
        echo "# left out: $name: megaco: $why"
        continue
    fi
    version=$(grep -aoiE '(megaco|!)/[123]' "$file" | head -n 1 | tail -c 2)
    n=$((n + 1))
    # It refuses Signals{}, so such an original is left out and the re-encodings are compared with each other.
    original=$file
    grep -qE '(Signals|SG) *\{ *\}' "$file" && original=
    "$tool" decode --pretty --bare-signals "$file" >"$tmp/$name.pretty" && "$tool" decode --compact --bare-signals "$file" >"$tmp/$name.compact" ||
        { failed=1; echo "not ok $n - $name: h248-tool cannot read it"; continue; }
    echo "$n $name $version $original $tmp/$name.pretty $tmp/$name.compact"
done >"$tmp/all"
grep -v '^[0-9]' "$tmp/all"
grep '^[0-9]' "$tmp/all" >"$tmp/list"
escript tests/component/megaco_codec.escript "$tmp/list" || failed=1 # one Erlang for all: most of its time is its start
echo "1..$n"
exit $failed
