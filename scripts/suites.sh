# Sourced by scripts/test: what each suite runs. A suite calls `run NAME COMMAND...` for each program (behind own_net where it opens
# ports), or `lane` and at the end `lanes_end` for programs that wait.
SUITES="layers unit asan tsan flow component e2e"
export CMOCKA_MESSAGE_OUTPUT=TAP

units() { # units BUILD-DIR PATTERN LABEL [make arguments]
    local dir=$1 pattern=$2 label=$3 t list
    shift 3
    list=$(cd tests/unit && ls $pattern 2>/dev/null | sed 's/\.c$//')
    # shellcheck disable=SC2086,SC2046
    make -s -j2 B="$dir" "$@" $(for t in $list; do echo "$dir/unit/$t"; done) >build/test/build_$label.log 2>&1 ||
        { grep -E 'error|Error|undefined' build/test/build_$label.log | head -20; return 1; }
    for t in $list; do run "$label/$t" "${own_net[@]}" "$dir/unit/$t"; done
}

suite_layers() { run layers bash -c 'scripts/check_layers && echo "ok 1 - include rules hold"'; }
suite_unit() { units build 'test_*.c' unit; }
suite_asan() {
    export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
    units build/asan 'test_*.c' asan O=-O1 SAN="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
}
suite_tsan() {
    export TSAN_OPTIONS="halt_on_error=1"
    units build/tsan 'test_agw_*.c' tsan O=-O1 SAN=-fsanitize=thread
}
suite_flow() {
    local chart real
    make -s -j2 all || return 1
    for chart in tests/flow/*.flow; do
        # a chart that acts one of the two says so in its `real` line
        for real in $(sed -n 's/^real *//p' "$chart" | grep . || echo alg,agw alg agw); do
            lane "flow/$(basename "$chart" .flow)/$real" build/iq-replay "$chart" --real "$real" --tap
        done
    done
    lanes_end
}
suite_component() {
    local t long='faults_av|sipp|torture' # these first: what starts last should not be what ends last
    make -s -j2 all || return 1
    for t in $(ls tests/component/test_*.sh | grep -E "_($long)\.sh$") $(ls tests/component/test_*.sh | grep -vE "_($long)\.sh$"); do
        lane "component/$(basename "$t" .sh)" bash "$t"
    done
    lanes_end
}
suite_e2e() {
    local t
    make -s -j2 all build/jssip.js || return 1
    for t in tests/e2e/test_*.mjs; do run "e2e/$(basename "$t" .mjs)" tests/e2e/netns.sh node "$t"; done
}
