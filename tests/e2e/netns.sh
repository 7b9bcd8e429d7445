#!/usr/bin/env bash
# usage: netns.sh COMMAND...
#
# Runs it in network, mount and process namespaces of its own, so that it can have the default ports, a default route (browsers
# gather no candidates without one) and further namespaces beside it. Everything it started, every namespace it made and its
# temporary files end with it, however it ends. Where the machine allows none, it runs on the host's network.
set -u
case ${1:-} in
-h | --help) sed -n '2,${/^#/!q;s/^# \{0,1\}//p;}' "$0"; exit 0 ;;
'' | -*) echo "netns.sh: a command is required; see --help" >&2; exit 2 ;;
esac
if [ "${OPENIQ_NETNS:-}" = enter ]; then
    export OPENIQ_NETNS=yes
    mount -t tmpfs none /run && mkdir /run/netns /run/tmp || exit 1 # `ip netns` of this mount namespace alone
    export TMPDIR=/run/tmp # profiles, logs, captures
    ip link set lo up &&
        ip link add e2e0 type veth peer name e2e1 &&
        ip addr add 10.99.0.1/24 dev e2e0 &&
        ip link set e2e0 up && ip link set e2e1 up &&
        ip route add default via 10.99.0.2 dev e2e0 || exit 1
    "$@" # no exec: the first process of a namespace gets no SIGTERM
    exit $?
fi
user=()
[ "$(id -u)" = 0 ] || user=(--user --map-root-user)
alone=(unshare "${user[@]}" --net --mount --pid --fork --kill-child --mount-proc)
if "${alone[@]}" ip link set lo up 2>/dev/null; then
    OPENIQ_NETNS=enter exec "${alone[@]}" "$0" "$@"
fi
echo "# no namespaces here: on the host's network"
exec "$@"
