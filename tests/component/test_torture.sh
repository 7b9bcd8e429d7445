#!/usr/bin/env bash
# Bad and unusual SIP against the running alg: the messages of RFC 4475 and RFC 5118 (torture.mjs) from the core by UDP and TCP, from a
# browser by WebSocket, RFC 5118's also by UDP over IPv6; and what else of the core's is refused (sip_refusals.mjs). In a network of our
# own: answers go to the ports that the messages' Via name.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
need node curl
inside_own_net "tests/component/${0##*/}"
lab 29000
start_agw
run() { # run PROGRAM
    local name=${1%.mjs}-$PASS
    start "$name" timeout 120 node "$HERE/$1"
    NODE=$PID
    until_true 125 gone "$NODE"
    take_tap "" <"$TMP/$name.log"
    has "$name: every message was sent" "$TMP/$name.log" '^end$'
    check "$name: alg lives" alive "$ALG"
    released "$name: nothing is left"
}
for PASS in udp tcp udp6 ws; do # ws last: what it registers is kept
    if [ $PASS = udp6 ]; then
        alg_conf | sed -E '/^(sip_listen|next_hop)/s/127\.0\.0\.1:[0-9]+/[::1]:&/; s/(\[::1\]):127\.0\.0\.1/\1/; /^(sip_listen|next_hop)/s/: (.*)/: "\1"/' \
            >"$TMP/alg.yaml"
        start alg "$B/alg" -c "$TMP/alg.yaml"
        ALG=$PID
    else
        start_alg
    fi
    pair_ready || give_up "$PASS: the pair is ready"
    export TMP PASS ALG_SIP FAR_SIP WS
    run torture.mjs
    case $PASS in udp | tcp) run sip_refusals.mjs ;; esac
    stop_pid "$ALG"
    is "$PASS: alg ends as it should" $? 0
done
done_testing
