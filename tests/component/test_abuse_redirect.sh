#!/usr/bin/env bash
# Nobody aims the gateway at this host or at inner networks by what he writes into SDP or by a forged source: realms with a public
# address in a network of our own, a core and browsers that name 127.0.0.1, 10.0.0.9 and the like.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
need curl ip
inside_own_net "$0"
lab 29400
ip addr add 203.0.113.1/32 dev lo && ip addr add 203.0.113.2/32 dev lo && ip addr add 10.0.0.9/32 dev lo || give_up "addresses of our own"
public() { # public [MORE OF BOTH REALMS]: of a public address; any_source, as the kernel connects from the address it connects to
    agw_conf | sed "s/address: 127.0.0.1, /address: 203.0.113.1, /; s/, peer: \([a-z]*\)}/, any_source: true, peer: \1${1:-}}/" >"$TMP/agw.yaml"
    start agw "$B/agw" -c "$TMP/agw.yaml"
    AGW=$PID
}
round() { # round FAR-MEDIA WIC-MEDIA [REALMS]: a far end and a WIC that name these addresses
    start_far --media "$1"
    public "${3:-}"
    pair_ready || give_up "the pair is ready"
    : >"$TMP/agw.log"
    timeout 6 "$LAB/lab-wic" --url "ws://127.0.0.1:$WS/" --media "$2" --timeout 5 >"$TMP/text.log" 2>&1
    TEXT=$?
    timeout 6 "$LAB/lab-wic" --url "ws://127.0.0.1:$WS/" --media "$2" --timeout 5 --audio 50 --hold 300 >"$TMP/tone.log" 2>&1
    TONE=$?
    REFUSED=$(metric "$AGW_OPS" agw_peers_refused_total) UNVALIDATED=$(metric "$AGW_OPS" agw_unvalidated)
    stop_pid "$AGW"
    stop_pid "$FAR"
}
start_alg
round 203.0.113.2 203.0.113.2
is "public addresses: a text passes" $TEXT 0
is "public addresses: a tone passes" $TONE 0
is "public addresses: nothing is refused" "$REFUSED" 0
for inner in 127.0.0.1 10.0.0.9; do
    round "$inner" 203.0.113.2
    has "core at $inner: no MSRP connection is made, 488" "$TMP/text.log" '488'
    has "core at $inner: no RTP is sent, 488" "$TMP/tone.log" '488'
    has "core at $inner: agw says why, once a call" "$TMP/agw.log" "error=449 why=\"Remote of stream [0-9]+: address $inner .* is not allowed"
    is "core at $inner: and counts" "$REFUSED" 2
done
has "alg says it, too" "$TMP/alg.log" 'code=449'
round 203.0.113.2 127.0.0.1
check "WIC at 127.0.0.1: no call" [ $TEXT != 0 ]
check "WIC at 127.0.0.1: its checks are not answered" [ "$UNVALIDATED" -gt 3 ]
round 10.0.0.9 127.0.0.1 ', peers_allow: [10.0.0.0\/8, 127.0.0.0\/8]'
is "peers_allow: a text passes" $TEXT 0
is "peers_allow: a tone passes" $TONE 0
round 203.0.113.2 203.0.113.2 ', peers_deny: [203.0.113.2]'
has "peers_deny: 488" "$TMP/tone.log" '488'
done_testing
