#!/usr/bin/env bash
# An independent controller, Erlang's megaco, drives the real agw over UDP: registration, the chart's messages, audits,
# refusals. First the whole stack (mgc.erl), then raw datagrams judged by its decoder (raw.erl): repeats and bad syntax.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
need erl erlc curl
lab 21000
erlc -o "$TMP" "$HERE"/erl/*.erl >"$TMP/erlc.log" 2>&1 || give_up "the Erlang side compiles"

erlang() { # erlang MODULE ARGS...: the program; its TAP lines go to MODULE.out
    local module=$1
    shift
    erl -noshell -boot start_clean -pa "$TMP" -s "$module" main -port "$ALG_H248" -core "$CORE" -access "$ACCESS" "$@" \
        >"$TMP/$module.out" 2>&1 &
    PID=$!
    STARTED+=("$PID")
}

erlang mgc
MGC=$PID
until_true 10 seen "$TMP/mgc.out" '^listening' || give_up "megaco listens"
start_agw
until_true 40 gone "$MGC"
take_tap "megaco: " <"$TMP/mgc.out"
has "megaco reached its end" "$TMP/mgc.out" '^end'
check "agw holds no context afterwards" metric_is "$AGW_OPS" agw_contexts 0
check "and no endpoint" until_true 5 metric_is "$AGW_OPS" agw_endpoints 0
stop_pid "$AGW"
is "agw ends by SIGTERM with status 0, its controller gone" $? 0

CORE_PORTS=$CORE-$((CORE + 1)) # two core calls and no third
erlang raw -ops "$AGW_OPS"
RAW=$PID
until_true 10 seen "$TMP/raw.out" '^listening' || give_up "the raw controller listens"
start_agw "long_timer: 30000"
until_true 40 gone "$RAW"
take_tap "raw: " <"$TMP/raw.out"
has "the raw controller reached its end" "$TMP/raw.out" '^end'
check "agw holds no context afterwards" metric_is "$AGW_OPS" agw_contexts 0
done_testing
