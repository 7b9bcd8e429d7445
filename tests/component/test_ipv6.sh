#!/usr/bin/env bash
# IPv6 on either side of the gateway, IPv4 on the other (TS 23.334 5.2): a text and its echo by MSRP, a tone and its echo by RTP.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
need curl
lab 28000
CORE6=::1 ACCESS6=::1
run_calls() { # run_calls NAME WIC-ARGUMENTS...
    local name=$1
    shift
    wic "$@" >"$TMP/wic.log" 2>&1
    is "$name: a text goes there and back" $? 0
    wic --audio 50 --hold 500 "$@" >"$TMP/wic.log" 2>&1
    is "$name: a tone goes there and back" $? 0
    has "$name: and nothing else came" "$TMP/wic.log" 'rtp_back=[1-9][0-9]* rtp_wrong=0'
    released "$name: nothing is left"
}
round() { # round NAME ALG-YAML FAR-ADDRESS WIC-ADDRESS
    start_far --media "$3"
    start_alg "$2"
    start_agw
    pair_ready || give_up "$1: the pair is ready"
    run_calls "$1" --media "$4"
    stop_all
}
round "core IPv6, WIC IPv4" "core_ipv6: true" ::1 127.0.0.1
round "core IPv4, WIC IPv6" "access_ipv6: true" 127.0.0.1 ::1
round "both IPv6" $'core_ipv6: true\naccess_ipv6: true' ::1 ::1
done_testing
