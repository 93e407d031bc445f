# Which ports the services have, and who holds one that is not free.

# A later command must find the services where `start` put them: as long as one of them runs, its
# ports count and not the variable.
choose_port_base() {
    local name recorded
    recorded=$(cat "$state/run/port-base" 2>/dev/null || true)
    port_base=${PMS_LOCAL_PORT_BASE:-${recorded:-15400}}
    for name in "${all_services[@]}"; do
        if running "$name"; then port_base=$recorded; fi
    done
    [[ $port_base =~ ^[0-9]+$ ]] && ((port_base >= 1024 && port_base <= 65436)) ||
        die "PMS_LOCAL_PORT_BASE is '$port_base'; it wants a number from 1024 to 65436"
}
choose_port_base

# The last two digits recall the usual port: 5432, 6379, 5672, 8333 …
port() { printf '%s' $((port_base + $1)); }

# A set of services moves to other ports only as a whole.
require_settled_ports() {
    [[ ${PMS_LOCAL_PORT_BASE:-$port_base} == "$port_base" ]] ||
        die "services of $state run on ports from $port_base; stop them before moving to $PMS_LOCAL_PORT_BASE"
}

# The inodes of sockets that listen on a port (state 0A), on any address.
listeners() {
    local hex
    printf -v hex '%04X' "$1"
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v port=":$hex\$" '$2 ~ port && $4 == "0A" { print $10 }'
}

# Whose socket that is. The working directory tells one checkout's servers from another's.
owner_of_socket() {
    local link pid
    link=$(find /proc/[0-9]*/fd -lname "socket:\[$1\]" -print -quit 2>/dev/null) || true
    pid=${link#/proc/}
    pid=${pid%%/*}
    if [[ $pid ]]; then
        printf 'pid %s, %s in %s' "$pid" "$(cat "/proc/$pid/comm")" "$(readlink "/proc/$pid/cwd")"
    else
        printf 'a process of another user'
    fi
}

port_holders() {
    local name number inode
    for name in "$@"; do
        for number in $("${name}_ports"); do
            for inode in $(listeners "$number"); do
                say "$name: port $number is held by $(owner_of_socket "$inode")"
            done
        done
    done
}

require_free_ports() {
    local holders
    holders=$(port_holders "$@" | uniq)
    [[ $holders ]] || return 0
    warn "$holders"
    die "end what holds the ports, or choose others, for example: PMS_LOCAL_PORT_BASE=$((port_base + 100)) services start"
}
