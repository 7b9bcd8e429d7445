#!/usr/bin/env bash
# Malformed input of every protocol against the running pair with a call up (bad_input.mjs). Afterwards both processes live,
# and descriptors, memory and contexts are what they were before.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
need node curl
lab 24000
start_far
start_alg
start_agw
until_true 10 http_ok "$FAR_WEB/config.json" && pair_ready || give_up "the lab is ready"
start_wic 200
until_true 10 seen "$TMP/wic.log" 'registered' || give_up "the WIC registers"

fds() { ls "/proc/$1/fd" | wc -l; }
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
one_call() {
    : >"$TMP/wic.log"
    wic_do "call sip:echo@home.example.net"
    until_true 10 seen "$TMP/wic.log" 'channel up'
}
hang_up() { wic_do hangup; until_true 10 seen "$TMP/wic.log" 'ended'; until_true 10 all_released; }

steady() { # as many descriptors as a moment ago
    local alg agw
    alg=$(fds "$ALG") agw=$(fds "$AGW")
    sleep 0.1
    [ "$alg $agw" = "$(fds "$ALG") $(fds "$AGW")" ]
}

one_call && hang_up # what a first call keeps for good is no leak
until_true 5 steady
ALG_FDS=$(fds "$ALG") AGW_FDS=$(fds "$AGW") ALG_RSS=$(rss "$ALG") AGW_RSS=$(rss "$AGW")
one_call || give_up "a call is up"
export B TMP ALG_H248 AGW_H248 ALG_SIP WS WSS ACCESS
start node timeout 120 node "$HERE/bad_input.mjs"
NODE=$PID
until_true 125 gone "$NODE"
take_tap "" <"$TMP/node.log"
has "every case was tried" "$TMP/node.log" '^end$'
check "alg lives" alive "$ALG"
check "agw lives" alive "$AGW"
hang_up
released "nothing is left of the call"
same_fds() { [ "$(fds "$1")" -le "$2" ]; }
check "alg has the descriptors it had ($ALG_FDS)" until_true 10 same_fds "$ALG" "$ALG_FDS"
check "agw has the descriptors it had ($AGW_FDS)" until_true 10 same_fds "$AGW" "$AGW_FDS"
GROWN_ALG=$(($(rss "$ALG") - ALG_RSS)) GROWN_AGW=$(($(rss "$AGW") - AGW_RSS))
check "alg has not grown by more than 4 MiB ($GROWN_ALG KiB)" [ "$GROWN_ALG" -lt 4096 ]
check "agw has not grown by more than 4 MiB ($GROWN_AGW KiB)" [ "$GROWN_AGW" -lt 4096 ]
one_call
check "and a new call works" seen "$TMP/wic.log" 'channel up'
hang_up
done_testing
