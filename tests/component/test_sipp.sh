#!/usr/bin/env bash
# SIPp plays a core that does what cores do: rejects, rings, forks, vanishes, hangs up, asks again. What the WIC sees of it is
# judged, what SIPp got, and that nothing stays behind. The scenarios are sipp/NAME.xml; begin.inc and end.inc are put in.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
need sipp curl node
lab 23400

core() { # core NAME: SIPp with this scenario; what it logs stands in core_NAME.log
    sed -e "/<!--begin-->/r $HERE/sipp/begin.inc" -e "/<!--end-->/r $HERE/sipp/end.inc" "$HERE/sipp/$1.xml" >"$TMP/$1.xml"
    CORE_LOG=$TMP/core_$1.log
    start sipp sipp -sf "$TMP/$1.xml" -i 127.0.0.1 -p "$FAR_SIP" -nostdin -trace_logs -log_file "$CORE_LOG" \
        -trace_err -error_file "$TMP/sipp_$1.err" -error_overwrite false -timeout 100
    SIPP=$PID
    until_true 10 udp_bound "$FAR_SIP" || give_up "SIPp listens"
}
call() { : >"$TMP/wic.log"; wic_do "call sip:bob@home.example.net"; }
sees() { check "$1" until_true "${3:-10}" seen "$TMP/wic.log" "$2"; } # sees NAME REGEX [SECONDS]
core_got() { check "$1" until_true "${3:-10}" seen "$CORE_LOG" "$2"; }
next() { # next WHAT: ends the scenario
    released "$1: nothing is left" "${2:-15}"
    stop_pid "$SIPP"
}

start_alg "no_answer: 8"
start_agw
core reject
pair_ready || give_up "the pair is ready"
start_wic 300
until_true 10 seen "$TMP/wic.log" 'registered' || give_up "the WIC registers at SIPp"

call
sees "486: the WIC hears it ring" 'ringing'
sees "486: the WIC gets it" 'failed: SIP/2.0 486'
core_got "486: is acknowledged" 'got ACK'
next "486"

core ring
call
sees "CANCEL: it rings" 'ringing'
wic_do hangup
core_got "CANCEL: the core gets it" 'got CANCEL'
core_got "CANCEL: the core's 487 is acknowledged" 'got ACK'
sees "CANCEL: the WIC gets 487" 'failed: SIP/2.0 487'
next "CANCEL"

core progress
call
sees "183, 180, 200: it rings" 'ringing: SIP/2.0 180'
sees "183, 180, 200: it is answered" 'answered'
core_got "183, 180, 200: the 200 is acknowledged" 'got ACK'
is "one context" "$(metric "$AGW_OPS" agw_contexts)" 1
wic_do hangup
core_got "183, 180, 200: BYE arrives" 'got BYE'
sees "183, 180, 200: the WIC is done" 'ended: by us'
next "183, 180, 200"

core fork
call
sees "forks: it is answered" 'answered'
core_got "forks: the second answer is ended with BYE" 'got BYE forka'
is "forks: one context only" "$(metric "$AGW_OPS" agw_contexts)" 1
is "forks: the WIC's call stays" "$(grep -cE 'ended|failed' "$TMP/wic.log")" 0
wic_do hangup
core_got "forks: the first is hung up by the WIC" 'got BYE forkb'
next "forks"

core reliable
call
core_got "100rel: the 183 gets its PRACK" 'got PRACK sipp 4711 [0-9]+ INVITE'
sees "100rel: the WIC hears of it" 'ringing: SIP/2.0 183'
core_got "100rel: UPDATE before the answer gets 200" 'got 200 for UPDATE'
core_got "100rel: the 180 gets its own PRACK" 'got PRACK sipp 4712 [0-9]+ INVITE'
sees "100rel: it is answered" 'answered'
is "100rel: the repeated 183 got none" "$(grep -c 'PRACK sipp 4711\|second PRACK' "$CORE_LOG")" 1
wic_do hangup
core_got "100rel: BYE arrives" 'got BYE'
next "100rel"

core forks
call
core_got "forks with 100rel: the first one's PRACK" 'got PRACK forka 100 [0-9]+ INVITE'
core_got "forks with 100rel: the second one's PRACK" 'got PRACK forkb 7 [0-9]+ INVITE'
sees "forks with 100rel: it is answered" 'answered'
core_got "forks with 100rel: the one that answered gets the ACK" 'got ACK forkb'
is "forks with 100rel: one context only" "$(metric "$AGW_OPS" agw_contexts)" 1
wic_do hangup
core_got "forks with 100rel: BYE arrives" 'got BYE'
next "forks with 100rel"

core interval
call
core_got "422: the INVITE comes again" 'got INVITE with 3600 3600'
sees "422: it is answered" 'answered'
wic_do hangup
core_got "422: BYE arrives" 'got BYE'
next "422"

core bye
call
sees "BYE of the core: answered first" 'answered'
sees "BYE of the core: the WIC is told" 'ended: by the other side'
core_got "BYE of the core: is answered" 'got 200 for BYE'
next "BYE of the core"

core reinvite
call
sees "re-INVITE: answered first" 'answered'
core_got "re-INVITE without a change: 200" 'got 200 for INVITE'
is "re-INVITE: the call stays" "$(grep -cE 'ended|failed' "$TMP/wic.log")" 0
wic_do hangup
core_got "re-INVITE: BYE arrives" 'got BYE'
next "re-INVITE"

core expire
call
sees "session timer: answered first" 'answered'
core_got "session timer: nobody refreshed, BYE to the core" 'got BYE Session expired' 70
sees "session timer: and to the WIC" 'ended: by the other side'
next "session timer"

core vanish
call
core_got "no answer: INVITE arrives" 'got INVITE'
stop_pid "$SIPP" KILL
sees "no answer: the WIC gets 408, 480, 503 or 504" 'failed: SIP/2.0 (408|480|503|504)' 45
released "no answer: nothing is left" 45

# The core calls. The registrar is SIPp too, for one registration.
exec 9>&-
stop_pid "$WIC"
core reject
export WS
start rings node "$HERE/wic_rings.mjs"
RINGS=$PID
until_true 10 seen "$TMP/rings.log" 'got 200 for REGISTER' || give_up "the called WIC registers"
stop_pid "$SIPP"

core_calls() { # core_calls NAME: SIPp calls alice once
    CORE_LOG=$TMP/core_$1.log
    : >"$TMP/rings.log"
    start sipp sipp -sf "$HERE/sipp/$1.xml" "127.0.0.1:$ALG_SIP" -i 127.0.0.1 -p "$FAR_SIP" -m 1 -nostdin -trace_logs -log_file \
        "$CORE_LOG" -trace_err -error_file "$TMP/sipp_$1.err" -error_overwrite false -timeout 60
    SIPP=$PID
}
rings() { check "$1" until_true "${3:-10}" seen "$TMP/rings.log" "$2"; }
through() { # through NAME [SECONDS]: SIPp saw what its scenario wants, and nothing is left
    until_true "${2:-15}" gone "$SIPP" || stop_pid "$SIPP" KILL
    check "$1: as the scenario says" wait "$SIPP"
    released "$1: nothing is left" 15
}

core_calls mt_reliable
core_got "called with 100rel required: 180 goes reliably" 'got 180 100rel'
core_got "called with 100rel required: a PRACK of nothing gets 481" 'got 481'
core_got "called with 100rel required: PRACK gets 200" 'got 200 for PRACK'
core_got "called with 100rel required: it is answered" 'got 200 for INVITE'
through "called with 100rel required"

core_calls mt_offerless
core_got "called without an offer: the WIC's offer is in the 200" 'got an offer'
rings "called without an offer: the WIC gets its answer with the ACK" 'got ACK with SDP'
through "called without an offer"

core_calls mt_glare
core_got "491: the change is asked again" 'got INVITE again'
rings "491: it is taken then" 'got 200 for INVITE'
through "491"

core_calls mt_qos
core_got "preconditions not met: 580" 'got 580'
is "preconditions not met: the WIC is not rung" "$(grep -c INVITE "$TMP/rings.log")" 0
through "preconditions not met"

# It calls, without an offer, and is slow to answer the core's.
core mo_offerless
: >"$TMP/rings.log"
kill -USR1 "$RINGS"
core_got "calling without an offer: the core may offer, but not before its 200" 'got INVITE without SDP or 100rel'
rings "calling without an offer: the core's offer arrives" 'got an offer'
core_got "calling without an offer: the core's answer is in the ACK" 'got ACK with m=message [0-9]+ TCP/MSRP'
core_got "calling without an offer: the WIC hangs up" 'got BYE'
rings "calling without an offer: its BYE is answered" 'got 200 for BYE'
is "calling without an offer: a repeated 200 ends nothing" "$(grep -c 'got BYE' "$TMP/rings.log")" 0
next "calling without an offer"
done_testing
