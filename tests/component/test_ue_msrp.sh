#!/usr/bin/env bash
# IMS UEs with MSRP over ICE-TCP (TS 33.203 W.3) through the pair: ue_msrp.mjs is the UEs, lab-far the core.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
need node curl tshark
lab 26600
DOOR=$((BASE + 9))
ACCESS_MORE="ice_tcp: [$DOOR]"
export DOOR WS FAR_WEB ALG_OPS
ues() { # ues LOG CASE...: their verdicts become ours
    local log=$1 pid
    shift
    start "$log" timeout 150 node "$HERE/ue_msrp.mjs" "$@"
    pid=$PID
    until_true 155 gone "$pid"
    take_tap "" <"$TMP/$log.log"
    has "$log: every case was tried" "$TMP/$log.log" '^end$'
}
CAP=$TMP/core.pcapng
capture "$CAP" "tcp portrange $CORE-$((CORE + 199))" -B 32
start_far
export FAR
start_alg "$(printf 'msrp_tcp: yes\nplain_rtp: yes')"
start_agw
until_true 10 http_ok "$FAR_WEB/config.json" && pair_ready || give_up "the pair is ready"
ues calls originating terminating
ended() { [ "$(tshark -r "$CAP" -Y 'tcp.flags.fin == 1' 2>>"$TMP/tshark.log" | wc -l)" -ge 4 ]; }
check "both connections were captured to their ends" until_true 10 ended
stop_pid "$SHARK" INT
msrp() { tshark -2 -r "$CAP" -d "tcp.port==$CORE-$((CORE + 199)),msrp" -Y "$1" 2>>"$TMP/tshark.log" | wc -l; }
sent=$(msrp 'msrp.method == "SEND"')
# Of a file's chunks a frame holds as many as TCP likes; each text is one frame, two in either call, and the file is there twice.
check "towards the core all is MSRP: $sent frames with SEND" [ "$sent" -ge 6 ]
is "nothing of it malformed" "$(msrp '_ws.malformed || _ws.expert.severity == "Error"')" 0
whole() { tshark -r "$CAP" -q -z "follow,tcp,raw,$1" 2>>"$TMP/tshark.log" | node "$HERE/msrp_stream.mjs" >"$TMP/stream.$1"; }
for n in 0 1; do
    check "each octet of connection $n belongs to a whole message, both ways" whole "$n"
    sed 's/^/# messages, octets: /' "$TMP/stream.$n"
done
ues slow slow_ue slow_core
ues changes cut beside_audio plain_rtp plain_called refusals
released "nothing is left in either process"
check "and no connection" until_true 5 metric_is "$AGW_OPS" agw_ice_tcp_connections 0
check "alg ends with status 0" stop_pid "$ALG"
start_alg "plain_rtp: yes"
pair_ready || give_up "the pair is ready again"
ues off off
released "nothing is left of that"
check "agw ends with status 0" stop_pid "$AGW"
check "alg ends with status 0" stop_pid "$ALG"
done_testing
