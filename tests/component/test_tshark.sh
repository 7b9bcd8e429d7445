#!/usr/bin/env bash
# What really passed on loopback during one call, decoded by somebody else: tshark finds nothing malformed, no MEGACO, SIP or
# MSRP expert error, and the messages of the chart where they belong.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
need tshark curl
lab 22200
CAP=$TMP/call.pcapng
capture "$CAP" "udp portrange $BASE-$((BASE + 599)) or tcp portrange $BASE-$((BASE + 599))"

start_far
start_alg "heartbeat: 1000"
start_agw
pair_ready || give_up "the pair is ready"
start_wic
until_true 10 seen "$TMP/wic.log" 'registered' || give_up "the WIC registers"
wic_do "call sip:echo@home.example.net"
until_true 10 seen "$TMP/wic.log" 'channel up'
wic_do "send a line for the capture"
check "the message and its echo pass" until_true 10 seen "$TMP/wic.log" 'delivered: echo: a line for the capture'
sleep 1.2 # one heartbeat
wic_do hangup
check "the call ends" until_true 10 seen "$TMP/wic.log" 'ended'
released "nothing is left of it"

# Our ports are nobody's well-known ones: say what is what. The WebSocket is HTTP on tcp; WSS is not used here. Of the other end's,
# which are the kernel's choice, some are somebody's: what a packet says of itself counts more.
read_capture() { # read_capture FILTER [tshark options]
    local filter=$1
    shift
    tshark -r "$CAP" -d "udp.port==$ALG_H248,megaco" -d "udp.port==$AGW_H248,megaco" -d "udp.port==$ALG_SIP,sip" \
        -d "udp.port==$FAR_SIP,sip" -d "tcp.port==$WS,http" -o websocket.text_type:sip \
        -o udp.try_heuristic_first:TRUE -o tcp.try_heuristic_first:TRUE -Y "$filter" "$@" 2>>"$TMP/tshark.log"
}
count() { read_capture "$1" | wc -l; }
last_is_there() { # the reply to W-Subtract, the answer to BYE: what is on its way to the file
    [ "$(count 'megaco.command contains "Subtract"')" -ge 2 ] && [ "$(count "udp.port == $ALG_SIP && sip.CSeq.method == \"BYE\"")" -ge 2 ]
}
until_true 10 last_is_there
stop_pid "$SHARK" INT
none() { # none NAME FILTER
    local n
    read_capture "$2" >"$TMP/found"
    n=$(wc -l <"$TMP/found")
    is "$1" "$n" 0
    [ "$n" = 0 ] || head -n 10 "$TMP/found" | sed 's/^/#   /'
}
some() { # some NAME FILTER LEAST
    local n
    n=$(count "$2")
    if [ "$n" -ge "$3" ]; then ok "$1"; else nok "$1"; echo "#   $n frames for $2, want $3 or more"; fi
}

none "nothing malformed" '_ws.malformed'
none "no MEGACO expert error" 'megaco && _ws.expert.severity == "Error"'
none "no SIP expert error" 'sip && _ws.expert.severity == "Error"'
none "no MSRP expert error" 'msrp && _ws.expert.severity == "Error"'
some "MEGACO: registration" 'megaco.transaction && frame contains "ServiceChange"' 2
some "MEGACO: two ADD and their replies" 'megaco.command == "Add"' 4
some "MEGACO: one MODIFY and its reply" 'megaco.command == "Modify"' 2
some "MEGACO: W-Subtract and its reply" 'megaco.command contains "Subtract"' 2
some "MEGACO: heartbeat" 'megaco.command == "AuditValue"' 2
none "MEGACO: no error descriptor" 'megaco.error'
some "SIP over WebSocket: INVITE" "tcp.port == $WS && sip.Method == \"INVITE\"" 1
some "SIP over WebSocket: 200" "tcp.port == $WS && sip.Status-Code == 200" 2
some "SIP to the core: INVITE" "udp.port == $ALG_SIP && sip.Method == \"INVITE\"" 1
some "SIP to the core: BYE" "udp.port == $ALG_SIP && sip.Method == \"BYE\"" 1
some "SDP to the core: TCP/MSRP" "udp.port == $ALG_SIP && sdp.media contains \"TCP/MSRP\"" 2
some "STUN: binding request" 'stun.type == 0x0001' 1
some "STUN: binding success" 'stun.type == 0x0101' 1
some "DTLS: ClientHello" 'dtls.handshake.type == 1' 1
some "DTLS: application data" 'dtls.app_data' 4
some "MSRP on the core side: SEND" 'msrp.request.line contains "SEND"' 2
some "MSRP on the core side: 200" 'msrp.response.line contains "200"' 1
none "no plain MSRP outside the core side's TCP" "msrp && !(tcp.port >= $CORE && tcp.port < $((CORE + 200)))"
done_testing
