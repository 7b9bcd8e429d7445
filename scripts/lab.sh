# Sourced by scripts/run and the shell tests: starts and stops agw, alg and the lab's far end as processes of their own.
# lab_start DIR [ALG_CONF [AGW_CONF]]: logs and traces go to DIR. Uses $BUILD (default build). Sets LAB_PIDS.
BUILD=${BUILD:-build}
LAB_PIDS=()
LAB_WEB=${LAB_WEB:-8000}

lab_free() { # lab_free URL WHAT: nothing of an earlier start answers there
    curl -sS -o /dev/null --max-time 2 "$1" 2>/dev/null
    [ $? = 7 ] && return 0
    echo "lab: $1 is taken: another $2 runs here; stop it first" >&2
    return 1
}

lab_alive() { # says which of the three has ended, and why
    local pid i=0 names=(far alg agw)
    for pid in "${LAB_PIDS[@]}"; do
        if ! kill -0 "$pid" 2>/dev/null; then
            wait "$pid"
            echo "lab: ${names[$i]} ended at its start with status $?:" >&2
            tail -n 3 "$1/${names[$i]}.log" >&2
            return 1
        fi
        i=$((i + 1))
    done
}

lab_wait() { # lab_wait DIR URL WHAT SECONDS: until it answers with 2xx
    local i
    for ((i = 0; i < $4 * 10; i++)); do
        lab_alive "$1" || return 1
        if curl -fsS -o /dev/null "$2" 2>/dev/null; then return 0; fi
        sleep 0.1
    done
    echo "lab: $3 does not answer at $2 after $4 s; see $1" >&2
    return 1
}

lab_start() {
    local dir=$1 alg_conf=${2:-} agw_conf=${3:-}
    local far_at="http://127.0.0.1:$LAB_WEB/config.json" alg_at="http://127.0.0.1:9101/health" agw_at="http://127.0.0.1:9102/health"
    mkdir -p "$dir/trace"
    lab_free "$far_at" "far end" && lab_free "$alg_at" alg && lab_free "$agw_at" agw || return 1
    "$BUILD"/agw ${agw_conf:+-c "$agw_conf"} --trace "$dir/trace" >"$dir/agw.log" 2>&1 &
    LAB_AGW=$!
    "$BUILD"/alg ${alg_conf:+-c "$alg_conf"} --trace "$dir/trace" >"$dir/alg.log" 2>&1 &
    LAB_ALG=$!
    "$BUILD"/lab-far --page tests/lab/page --jssip "$BUILD/jssip.js" ${LAB_FAR_ARGS:-} >"$dir/far.log" 2>&1 &
    LAB_FAR=$!
    LAB_PIDS=("$LAB_FAR" "$LAB_ALG" "$LAB_AGW")
    lab_wait "$dir" "$far_at" "the far end" 45 && lab_wait "$dir" "$alg_at" alg 45 && lab_wait "$dir" "$agw_at" agw 45
}

lab_idle() { # until neither has a context left, 30 s at most: then their traces have the release, too
    local i
    for ((i = 0; i < 300; i++)); do
        [ "$(curl -fsS -m 2 http://127.0.0.1:9101/metrics http://127.0.0.1:9102/metrics | grep -cE '^(alg_iq_contexts|agw_contexts) 0$')" = 2 ] && return 0
        sleep 0.1
    done
    echo "lab: contexts are left 30 s after the call; see $1" >&2
    return 1
}

lab_stop() { # far end and alg first, so that calls are released; status 0 when all ended with 0
    local pid i bad=0
    for pid in "${LAB_PIDS[@]}"; do
        kill -TERM "$pid" 2>/dev/null # it may have had Ctrl-C from the terminal already: its status tells
        for ((i = 0; i < 300; i++)); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null && { echo "lab: pid $pid did not stop in 30 s" >&2; bad=1; }
        wait "$pid" || { echo "lab: pid $pid ended with status $?" >&2; bad=1; }
    done
    LAB_PIDS=()
    return $bad
}
