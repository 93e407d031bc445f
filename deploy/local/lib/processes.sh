# Starting, finding and signalling processes. A pid file has a line "PID STARTTIME" for each process
# launched, the server itself last; the start time tells a process of ours from a later one that was
# given the same number.

pids_of() { printf '%s/run/%s.pids' "$state" "$1"; }

# The 22nd field of stat, counted behind the command, which may hold spaces.
start_time() {
    local stat fields
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    read -ra fields <<<"${stat##*) }"
    printf '%s' "${fields[19]}"
}

process_state() { sed -n 's/^State:\s*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null; }

# A zombie has ended; only its parent has not looked yet.
alive() {
    local started
    started=$(start_time "$1") && [[ $started == "$2" && $(process_state "$1") != Z ]]
}

# launch NAME COMMAND…: in the background, in a session of its own, so that neither Ctrl-C nor the
# end of a terminal reaches it.
launch() {
    local name=$1
    shift
    prepare_become "$(user_of "$name")"
    (cd "$(data_of "$name")" && exec setsid "${become[@]}" "$@") \
        >>"$(log_of "$name")" 2>&1 </dev/null {lock}>&- &
    printf '%s %s\n' "$!" "$(start_time "$!")" >>"$(pids_of "$name")"
}

# The living processes that were launched for a service, as "PID STARTTIME".
launched() {
    local pid started
    [[ -f $(pids_of "$1") ]] || return 0
    while read -r pid started; do
        if alive "$pid" "$started"; then printf '%s %s\n' "$pid" "$started"; fi
    done <"$(pids_of "$1")"
}

# The server's own pid; false if it does not run.
server_pid() {
    local pid started
    [[ -f $(pids_of "$1") ]] || return 1
    read -r pid started < <(tail -n 1 "$(pids_of "$1")") && alive "$pid" "$started" && printf '%s' "$pid"
}

running() { server_pid "$1" >/dev/null; }
frozen() { [[ $(process_state "$(server_pid "$1")") == T ]]; }

# The launched processes and all their descendants. Not the process group: each PostgreSQL backend
# makes one of its own.
members() {
    launched "$1" | while read -r pid _; do descendants "$pid"; done | while read -r pid; do
        printf '%s %s\n' "$pid" "$(start_time "$pid")"
    done
}

descendants() {
    { cat /proc/[0-9]*/status 2>/dev/null || true; } | awk -v root="$1" '
        $1 == "Pid:" { pid = $2 }
        $1 == "PPid:" { children[$2] = children[$2] " " pid }
        END {
            queue[1] = root
            for (n = i = 1; i <= n; i++) {
                print queue[i]
                count = split(children[queue[i]], found, " ")
                for (j = 1; j <= count; j++) queue[++n] = found[j]
            }
        }'
}

# signal SIGNAL, to the "PID STARTTIME" lines read.
signal() {
    local pid started
    while read -r pid started; do
        if alive "$pid" "$started"; then kill -s "$1" "$pid" 2>/dev/null || true; fi
    done
}

# Parents first, so that nothing is born between the look and the signal.
freeze_processes() {
    launched "$1" | signal STOP
    members "$1" | signal STOP
}

thaw_processes() { members "$1" | signal CONT; }

kill_processes() {
    local doomed process pid started
    freeze_processes "$1"
    mapfile -t doomed < <(members "$1")
    for process in "${doomed[@]}"; do signal KILL <<<"$process"; done
    for process in "${doomed[@]}"; do
        read -r pid started <<<"$process"
        while alive "$pid" "$started"; do sleep 0.05; done
    done
    rm -f "$(pids_of "$1")"
}

# Asks the server to end, waits as long as that service is worth, and ends what is left.
stop_processes() {
    local name=$1 signal_name=$1_stop_signal seconds=$1_stop_seconds deadline pid
    thaw_processes "$name"
    if pid=$(server_pid "$name"); then
        kill -s "${!signal_name}" "$pid" 2>/dev/null || true
        deadline=$((SECONDS + ${!seconds}))
        while running "$name" && ((SECONDS < deadline)); do sleep 0.05; done
    fi
    kill_processes "$name"
}
