# Sourced by scripts/run and the shell tests: starts and stops agw, alg and the lab's far end as processes of their own.
# lab_start DIR [ALG_CONF [AGW_CONF]]: logs and traces go to DIR. Uses $BUILD (default build). Sets LAB_PIDS.
BUILD=${BUILD:-build}
LAB_PIDS=()
LAB_WEB=${LAB_WEB:-8000}

lab_wait() { # lab_wait URL WHAT SECONDS: until it answers with 2xx
    local i
    for ((i = 0; i < $3 * 10; i++)); do
        if curl -fsS -o /dev/null "$1" 2>/dev/null; then return 0; fi
        sleep 0.1
    done
    echo "lab: $2 does not answer at $1 after $3 s; see its log" >&2
    return 1
}

lab_start() {
    local dir=$1 alg_conf=${2:-} agw_conf=${3:-}
    mkdir -p "$dir/trace"
    "$BUILD"/agw ${agw_conf:+-c "$agw_conf"} --trace "$dir/trace" >"$dir/agw.log" 2>&1 &
    LAB_AGW=$!
    "$BUILD"/alg ${alg_conf:+-c "$alg_conf"} --trace "$dir/trace" >"$dir/alg.log" 2>&1 &
    LAB_ALG=$!
    "$BUILD"/lab-far --page tests/lab/page --jssip "$BUILD/jssip.js" ${LAB_FAR_ARGS:-} >"$dir/far.log" 2>&1 &
    LAB_FAR=$!
    LAB_PIDS=("$LAB_FAR" "$LAB_ALG" "$LAB_AGW")
    lab_wait "http://127.0.0.1:$LAB_WEB/config.json" "the far end ($dir/far.log)" 10 &&
        lab_wait "http://127.0.0.1:9101/health" "alg ($dir/alg.log)" 15 &&
        lab_wait "http://127.0.0.1:9102/health" "agw ($dir/agw.log)" 15
}

lab_stop() { # far end and alg first, so that calls are released; status 0 when all ended with 0
    local pid i bad=0
    for pid in "${LAB_PIDS[@]}"; do
        kill -TERM "$pid" 2>/dev/null # it may have had Ctrl-C from the terminal already: its status tells
        for ((i = 0; i < 100; i++)); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null && { echo "lab: pid $pid did not stop in 10 s" >&2; bad=1; }
        wait "$pid" || { echo "lab: pid $pid ended with status $?" >&2; bad=1; }
    done
    LAB_PIDS=()
    return $bad
}
