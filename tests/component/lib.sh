# Sourced by the component tests: TAP, processes, configurations, metrics. A test calls `lab BASE` first: all its ports are
# BASE + something, so that suites may follow each other (and a running lab may stay up), then plan, tests, done_testing.
B=${BUILD:-build}
LAB=${LAB_BUILD:-$B} # lab-wic and lab-far may be of another build than the pair
export ERL_CRASH_DUMP_SECONDS=0 # no dump beside the sources
HERE=tests/component
TESTS=0 FAILED=0
STARTED=() # pids of ours, newest last

lab() { # lab BASE: folder and ports
    BASE=$1
    TMP=$(mktemp -d)
    ALG_H248=$BASE AGW_H248=$((BASE + 1)) ALG_SIP=$((BASE + 2)) FAR_SIP=$((BASE + 3)) WS=$((BASE + 4)) WSS=$((BASE + 5))
    ALG_OPS=$((BASE + 6)) AGW_OPS=$((BASE + 7)) FAR_WEB=$((BASE + 8))
    ACCESS=$((BASE + 100)) CORE=$((BASE + 300)) # first ports of the realms
    trap leave EXIT
    trap 'exit 130' INT TERM
}

leave() {
    local status=$?
    trap - EXIT INT TERM
    stop_all
    if [ "$FAILED" != 0 ] || [ $status != 0 ]; then show_logs; fi
    [ -n "${KEEP:-}" ] && cp -r "$TMP" "$KEEP"; rm -rf "$TMP"
    exit $status
}

show_logs() { # as TAP comments: what the processes said last
    local f
    for f in "$TMP"/*.log; do
        [ -s "$f" ] && { echo "# --- ${f##*/}"; tail -n 25 "$f" | cut -c1-300 | sed 's/^/# /'; }
    done
}

# --- TAP ---
ok() { TESTS=$((TESTS + 1)); echo "ok $TESTS - $*"; }
nok() { TESTS=$((TESTS + 1)); FAILED=$((FAILED + 1)); echo "not ok $TESTS - $*"; }
check() { # check NAME COMMAND...: passes when the command does
    local name=$1
    shift
    if "$@"; then ok "$name"; else nok "$name"; fi
}
is() { # is NAME GOT WANT
    if [ "$2" = "$3" ]; then ok "$1"; else nok "$1"; echo "#   got '$2', want '$3'"; fi
}
has() { # has NAME FILE REGEX: a line of the file matches
    if grep -qE -- "$3" "$2" 2>/dev/null; then ok "$1"; else nok "$1"; echo "#   no line of ${2##*/} matches $3; its last:"; tail -n 3 "$2" 2>&1 | sed 's/^/#   /'; fi
}
take_tap() { # take_tap PREFIX < what a helper program said: "ok name" and "not ok name" lines become ours
    local line
    while IFS= read -r line; do
        case $line in
        "ok "*) ok "$1${line#ok }" ;;
        "not ok "*) nok "$1${line#not ok }" ;;
        "skip "*) ok "$1${line#skip }" ;; # the reason stands in the line
        *) echo "# $line" ;;
        esac
    done
}
done_testing() { echo "1..$TESTS"; [ "$FAILED" = 0 ]; exit $?; }
give_up() { nok "$1"; done_testing; }
skip_all() { echo "1..1"; echo "ok 1 - ${0##*/} # SKIP $1"; exit 0; }
need() { local c; for c; do command -v "$c" >/dev/null || skip_all "$c is not installed (scripts/deps test)"; done; }

# --- waiting: as long as said; on a machine that is too busy to look as often as a quiet one, until it has, four times as long at most ---
until_true() { # until_true SECONDS COMMAND...
    local end=$((SECONDS + $1 + 1)) last=$((SECONDS + 4 * $1 + 1)) looks=$(($1 * 15))
    shift
    until "$@"; do
        looks=$((looks - 1))
        if [ $SECONDS -ge $last ] || { [ $SECONDS -ge $end ] && [ $looks -le 0 ]; }; then return 1; fi
        sleep 0.05
    done
}
seen() { grep -qE -- "$2" "$1" 2>/dev/null; } # seen FILE REGEX

# --- processes ---
start() { # start NAME COMMAND...: output to NAME.log (added to); PID is the pid
    local name=$1
    shift
    "$@" >>"$TMP/$name.log" 2>&1 &
    PID=$!
    STARTED+=("$PID")
}
alive() { # a child of ours: with 32768 numbers and three programs that look all the time, one that ended is somebody else's in minutes
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null && [[ ${stat##*) } == [!Z]" $$ "* ]]
}
gone() { ! alive "$1"; }
stop_pid() { # stop_pid PID [SIGNAL]: status of the process; KILL after 10 s
    alive "$1" && kill "-${2:-TERM}" "$1" 2>/dev/null
    until_true 10 gone "$1" || kill -KILL "$1" 2>/dev/null
    wait "$1" 2>/dev/null
    set -- $? "$1"
    forget "$2"
    return "$1"
}
forget() { # its number may be somebody else's soon
    local p kept=()
    for p in "${STARTED[@]}"; do [ "$p" = "$1" ] || kept+=("$p"); done
    STARTED=("${kept[@]}")
}
stop_all() {
    local i ours=("${STARTED[@]}")
    for ((i = ${#ours[@]} - 1; i >= 0; i--)); do
        alive "${ours[i]}" && stop_pid "${ours[i]}"
    done
    STARTED=()
}

capture() { # capture FILE FILTER [OPTIONS]: what passes on loopback; SHARK is the process. It says "Capturing on" before it does.
    tshark -q -i lo -a duration:280 -w "$1" -f "$2" "${@:3}" >"$TMP/capture.log" 2>&1 &
    SHARK=$!
    STARTED+=("$SHARK")
    until_true 10 test -s "$1" && return
    seen "$TMP/capture.log" 'permission|Operation not permitted|no interfaces|not supported' &&
        skip_all "this machine allows no capture: $(head -n 1 "$TMP/capture.log")"
    give_up "the capture starts"
}

# --- a bad network, only in a namespace of our own (inside_own_net) ---
inside_own_net() { # inside_own_net SCRIPT ARGUMENTS...: starts it again there, once
    [ -n "${OWN_NET:-}" ] && { ip link set lo up; return; }
    if [ "$(id -u)" = 0 ]; then set -- -n bash "$@"; else set -- -rn bash "$@"; fi
    OWN_NET=1 exec unshare "$@"
}
loses() { # loses PERCENT [MATCH]: of what arrives on loopback and matches (nft: "udp dport 2944"); 0: nothing any more
    local match=${2:-'meta l4proto { tcp, udp }'}
    nft delete table inet lossy 2>/dev/null
    [ "$1" = 0 ] || nft -f - <<EOF
table inet lossy {
  chain arrivals { type filter hook input priority 0; $match numgen random mod 1000 < $(($1 * 10)) counter drop; }
}
EOF
}
lost() { nft list table inet lossy | sed -n 's/.* packets \([0-9]*\) .*/\1/p'; } # how many so far

# --- the pair and its far end ---
agw_conf() { # agw_conf [EXTRA YAML LINES] > file
    cat <<EOF
mid: agw1.example.net
mgc: ["udp:127.0.0.1:$ALG_H248"]
listen: udp:127.0.0.1:$AGW_H248
ops: 127.0.0.1:$AGW_OPS
realms:
  - {name: core.example.net, interface: core, address: 127.0.0.1, address6: "${CORE6:-}", ports: ${CORE_PORTS:-$CORE-$((CORE + 199))}, peer: core}
  - {name: access.example.net, interface: access, address: 127.0.0.1, address6: "${ACCESS6:-}", ports: ${ACCESS_PORTS:-$ACCESS-$((ACCESS + 199))}, peer: wic${ACCESS_MORE:+, $ACCESS_MORE}}
${1:-}
EOF
}
alg_conf() {
    cat <<EOF
mid: alg1.example.net
h248_listen: udp:127.0.0.1:$ALG_H248
sip_listen: 127.0.0.1:$ALG_SIP
next_hop: sip:127.0.0.1:$FAR_SIP;transport=udp
ws_listen: ["127.0.0.1:$WS"]
wss_listen: ["127.0.0.1:$WSS"]
state_dir: $TMP/state
origins: ["http://127.0.0.1:8000"]
ops: 127.0.0.1:$ALG_OPS
${1:-}
EOF
}
http_ok() { curl -fsS -m 2 -o /dev/null "http://127.0.0.1:$1" 2>/dev/null; }
start_agw() { agw_conf "${1:-}" >"$TMP/agw.yaml"; start agw "$B/agw" -c "$TMP/agw.yaml"; AGW=$PID; }
start_alg() { alg_conf "${1:-}" >"$TMP/alg.yaml"; start alg "$B/alg" -c "$TMP/alg.yaml"; ALG=$PID; }
start_far() { start far "$LAB/lab-far" --sip "$FAR_SIP" --web "$FAR_WEB" --ring 50 "$@"; FAR=$PID; }
far_up() { [ -z "${FAR:-}" ] || ! alive "$FAR" || http_ok "$FAR_WEB/config.json"; } # where one was started
pair_ready() { until_true 15 http_ok "$ALG_OPS/health" && until_true 15 http_ok "$AGW_OPS/health" && until_true 10 far_up; }
metric() { # metric PORT NAME: its value, nothing when the process does not answer
    curl -fsS -m 2 "http://127.0.0.1:$1/metrics" 2>/dev/null | awk -v n="$2" '$1 == n { print $2 }'
}
metric_is() { [ "$(metric "$1" "$2")" = "$3" ]; } # metric_is PORT NAME VALUE
all_released() { # what no call may leave behind, in both processes
    metric_is "$AGW_OPS" agw_contexts 0 && metric_is "$AGW_OPS" agw_terminations 0 && metric_is "$AGW_OPS" agw_endpoints 0 &&
        metric_is "$ALG_OPS" alg_calls 0 && metric_is "$ALG_OPS" alg_iq_contexts 0
}
released() { # released NAME [SECONDS]
    if until_true "${2:-10}" all_released; then
        ok "$1"
    else
        nok "$1"
        for m in agw_contexts agw_terminations agw_endpoints; do echo "#   $m=$(metric "$AGW_OPS" $m)"; done
        for m in alg_calls alg_iq_contexts; do echo "#   $m=$(metric "$ALG_OPS" $m)"; done
    fi
}
wic() { "$LAB/lab-wic" --url "ws://127.0.0.1:$WS/" "$@"; } # one that places calls
start_wic() { # one that takes orders (wic_do), its events a line each in wic.log
    mkfifo "$TMP/orders"
    "$LAB/lab-wic" --url "ws://127.0.0.1:$WS/" --orders --timeout "${1:-120}" <"$TMP/orders" >>"$TMP/wic.log" 2>&1 &
    WIC=$!
    STARTED+=("$WIC")
    exec 9>"$TMP/orders"
}
wic_do() { echo "$*" >&9; }
udp_bound() { grep -q " 0100007F:$(printf %04X "$1") " /proc/net/udp; } # somebody listens on 127.0.0.1:PORT
