#!/usr/bin/env bash
# One TCP port for the media of all calls (ICE-TCP): many WICs on it at once, with texts and with a tone, beside strangers that say
# nothing, too little, too much or HTTP. Figures with and without them.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
need curl
lab 31400
DOOR=$((BASE + 9)) WEB=$((BASE + 10))
ACCESS_MORE="ice_tcp: [$DOOR]"
number() { sed -n "s/.*\b$2=\([0-9.]*\).*/\1/p" "$1" | tail -n 1; } # number FILE KEY
load() { # load NAME
    wic --tcp --agents 4 --calls 60 --timeout 40 >"$TMP/$1.wic" 2>&1
    is "$1: calls with a text on a data channel over TCP" "$(number "$TMP/$1.wic" failed)" 0
    wic --tcp --agents 8 --audio 50 --hold 500 --calls 16 --timeout 40 >"$TMP/$1.rtp" 2>&1
    is "$1: with a tone, too" "$(number "$TMP/$1.rtp" failed)" 0
    LOSS=$(awk -v s="$(number "$TMP/$1.rtp" rtp_sent)" -v b="$(number "$TMP/$1.rtp" rtp_back)" 'BEGIN { printf "%.1f", s ? (s - b) * 100 / s : 100 }')
    echo "# ${1}_setup_p99_ms=$(number "$TMP/$1.wic" setup_p99_ms) ${1}_loss_percent=$LOSS"
}
over() { [ "$(metric "$AGW_OPS" "$1")" -gt "$2" ]; } # over NAME VALUE
flood() { start "$1" "$LAB/lab-flood" "$1" --to "127.0.0.1:$DOOR" "${@:2}" --seconds 100; FLOODS+=("$PID"); } # flood KIND OPTIONS...
FLOODS=()
start_far
start_alg
start_agw
until_true 10 http_ok "$FAR_WEB/config.json" && pair_ready || give_up "the pair is ready"
load none
BASE_LOSS=$LOSS
check "each call came by the door" [ "$(metric "$AGW_OPS" agw_door_let_in)" -eq 76 ]
released "nothing is left in either process" 10
check "and no connection" until_true 5 metric_is "$AGW_OPS" agw_ice_tcp_connections 0
is "HTTP gets a 400" "$(curl -s -m 5 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$DOOR/")" 400

flood idle --n 2000
flood half --n 2000
flood tls --n 100
flood request --n 200
flood connect --rate 2000
until_true 10 over agw_door_waiting 2000 || echo "# agw_door_waiting=$(metric "$AGW_OPS" agw_door_waiting)"
load flood
check "loss $LOSS %, without them $BASE_LOSS %" awk -v a="$LOSS" -v b="$BASE_LOSS" 'BEGIN { exit !(a <= b + 5) }'
check "those that say nothing in time are closed" until_true 10 over agw_door_late 100
check "those that say what is no frame, too" over agw_door_oversized 99
check "no more wait than may" [ "$(metric "$AGW_OPS" agw_door_waiting)" -le 4096 ]
lines=$(grep -c ' W media ' "$TMP/agw.log")
check "the log is no flood itself ($lines lines in $SECONDS s)" [ "$lines" -le $((SECONDS * 9)) ]
for p in "${FLOODS[@]}"; do stop_pid "$p"; done
check "agw ends with status 0" stop_pid "$AGW"

ACCESS_MORE="ice_tcp: [$DOOR, $FAR_WEB], ice_tcp_web: \"127.0.0.1:$FAR_WEB\""
start_agw
pair_ready || give_up "the pair is ready again"
is "HTTP is handed to a web server" "$(curl -s -m 5 "http://127.0.0.1:$DOOR/config.json")" "$(curl -s -m 5 "http://127.0.0.1:$FAR_WEB/config.json")"
has "a port that is taken is left out" "$TMP/agw.log" "port=$FAR_WEB msg=\"no ICE-TCP on it\""
last_call() { wic --tcp --calls 1 --timeout 20 >"$TMP/last.wic" 2>&1; }
check "the other serves calls" last_call
stop_pid "$FAR"
is "without it: 502" "$(curl -s -m 5 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$DOOR/")" 502
check "agw ends with status 0" stop_pid "$AGW"
check "alg ends with status 0" stop_pid "$ALG"
done_testing
