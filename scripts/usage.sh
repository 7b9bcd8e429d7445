# Sourced first, with its arguments, by each command here: `--help` (or -h) alone prints the comment at the command's top.
usage_bad() { # usage_bad WHY: ends with status 2
    echo "${0##*/}: $1; see --help" >&2
    exit 2
}
case ${1:-} in
-h | --help)
    sed -n '2,${/^#/!q;s/^# \{0,1\}//p;}' "$0"
    exit 0
    ;;
esac
