#!/usr/bin/env bash
# The lab's far end does what the other tests take for granted: it keeps a Path as it came, long or of several proxies.
cd "$(dirname "$0")/../.." || exit 1
. tests/component/lib.sh
need node curl
lab 25000

start_far
until_true 10 http_ok "$FAR_WEB/config.json" || give_up "the far end is there"
registers() { # registers NAME PATH...: and what /api/binding tells then
    local name=$1
    shift
    is "$name: registered" "$(node $HERE/far_register.mjs "$FAR_SIP" "$@")" 200
    is "$name: kept whole" "$(curl -s "http://127.0.0.1:$FAR_WEB/api/binding?user=alice" | sed 's/.*"path": *"\([^"]*\)".*/\1/')" "$(printf '%s, ' "$@" | sed 's/, $//')"
}
long="<sip:$(printf 'x%.0s' {1..150})@[2001:db8::1]:5060;transport=tcp;lr;ob>"
registers "a short Path" "<sip:a@192.0.2.1;lr>"
registers "one of $((${#long})) octets" "$long"
registers "two" "<sip:a@192.0.2.1;lr>" "$long"
done_testing
