# Which ports the services have, and who holds one that is not free.

# A later command must find the services where `start` put them, even without the variable.
port_base=${PMS_LOCAL_PORT_BASE:-$(cat "$state/run/port-base" 2>/dev/null || printf 15400)}
[[ $port_base =~ ^[0-9]+$ ]] && ((port_base >= 1024 && port_base <= 65436)) ||
    die "PMS_LOCAL_PORT_BASE is '$port_base'; it wants a number from 1024 to 65436"

# The last two digits recall the usual port: 5432, 6379, 5672, 8333 …
port() { printf '%s' $((port_base + $1)); }

remember_port_base() {
    local name before
    before=$(cat "$state/run/port-base" 2>/dev/null || printf '%s' "$port_base")
    for name in "${all_services[@]}"; do
        if running "$name" && [[ $before != "$port_base" ]]; then
            die "$name runs on ports from $before; stop it before moving to $port_base"
        fi
    done
    printf '%s\n' "$port_base" >"$state/run/port-base"
}

# The inodes of sockets that listen on a port (state 0A), on any address.
listeners() {
    local hex
    printf -v hex '%04X' "$1"
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v port=":$hex\$" '$2 ~ port && $4 == "0A" { print $10 }'
}

# "pid 17 (redis-server *:6379)" of a socket's owner.
owner_of_socket() {
    local link pid
    link=$(find /proc/[0-9]*/fd -lname "socket:\[$1\]" -print -quit 2>/dev/null) || true
    pid=${link#/proc/}
    pid=${pid%%/*}
    [[ $pid ]] || { printf 'a process of another user'; return; }
    printf 'pid %s (%s)' "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c 1-120)"
}

# Dies with a line for each port that someone else holds.
require_free_ports() {
    local name number inode taken=0
    for name in "$@"; do
        for number in $("${name}_ports"); do
            for inode in $(listeners "$number"); do
                warn "$name: port $number is held by $(owner_of_socket "$inode")"
                taken=1
            done
        done
    done
    ((taken == 0)) || die "end that process, or choose other ports, for example: PMS_LOCAL_PORT_BASE=$((port_base + 100)) services start"
}
