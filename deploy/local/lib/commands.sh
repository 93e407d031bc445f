# What the command line asks for; `selected` holds the services meant.

command_install() {
    install_missing
    say 'all that is needed is installed'
}

command_start() {
    local name job jobs=() down=() failed=0
    install_missing
    prepare_folders
    choose_port_base
    require_settled_ports
    for name in "${selected[@]}"; do
        running "$name" || down+=("$name")
    done
    for name in "${down[@]}"; do
        kill_processes "$name" # what a server that ended by itself has left
    done
    require_free_ports "${down[@]}"
    printf '%s\n' "$port_base" >"$state/run/port-base"
    for name in "${selected[@]}"; do
        bring_up "$name" &
        jobs+=("$!")
    done
    for job in "${jobs[@]}"; do
        wait "$job" || failed=1
    done
    print_environment >"$state/services.env"
    return "$failed"
}

# From any state to one that has answered; runs beside those of the other services.
bring_up() {
    local name=$1 began done_by='up in'
    began=$(milliseconds)
    if running "$name"; then
        done_by='already up, answered in'
        thaw_processes "$name"
    else
        keep_previous_log "$name"
        "${name}_tidy"
        "${name}_launch"
    fi
    wait_until_answering "$name"
    "${name}_settle"
    printf '%-9s %s %s  127.0.0.1:%s\n' "$name" "$done_by" "$(elapsed_since "$began")" "$(client_port "$name")"
}

wait_until_answering() {
    local name=$1 deadline=$((SECONDS + start_seconds))
    until "${name}_answers"; do
        running "$name" || die_with_log "$name" "$name ended while starting"
        ((SECONDS < deadline)) || die_with_log "$name" "$name has not answered for $start_seconds seconds"
        sleep 0.1
    done
}

keep_previous_log() {
    local log
    log=$(log_of "$1")
    [[ ! -f $log ]] || mv "$log" "$log.previous"
}

milliseconds() { printf '%s' $((${EPOCHREALTIME/./} / 1000)); }

elapsed_since() {
    local spent=$(($(milliseconds) - $1))
    printf '%d.%d s' $((spent / 1000)) $((spent % 1000 / 100))
}

client_port() {
    local ports
    read -ra ports <<<"$("${1}_ports")"
    printf '%s' "${ports[0]}"
}

command_stop() {
    local name job jobs=()
    take_lock
    for name in "${selected[@]}"; do
        stop_one "$name" &
        jobs+=("$!")
    done
    for job in "${jobs[@]}"; do wait "$job"; done
}

stop_one() {
    local name=$1 began
    began=$(milliseconds)
    if [[ $(launched "$name") ]]; then
        stop_processes "$name"
        "${name}_tidy"
        printf '%-9s stopped in %s\n' "$name" "$(elapsed_since "$began")"
    else
        printf '%-9s was not running\n' "$name"
    fi
}

command_restart() {
    command_stop
    command_start
}

command_reset() {
    local name
    command_stop
    [[ -e $state/data ]] || return 0
    for name in "${selected[@]}"; do
        rm -rf "$(data_of "$name")"
        printf '%-9s data deleted\n' "$name"
    done
    rmdir --ignore-fail-on-non-empty "$(readlink -f "$state/data")"
    [[ -e $state/data ]] || rm -f "$state/data"
}

command_status() {
    local name pid port condition all_up=0
    for name in "${all_services[@]}"; do
        port=$(client_port "$name")
        if ! pid=$(server_pid "$name"); then
            printf '%-9s down\n' "$name"
            all_up=1
            continue
        fi
        condition=$(condition_of "$name")
        [[ $condition == up ]] || all_up=1
        printf '%-9s %-14s pid %-8s 127.0.0.1:%s  version %s\n' "$name" "$condition" "$pid" "$port" "$("${name}_version")"
    done
    return "$all_up"
}

condition_of() {
    if frozen "$1"; then
        printf frozen
    elif "${1}_answers"; then
        printf up
    else
        printf 'not answering'
    fi
}

print_environment() {
    local name
    for name in "${all_services[@]}"; do "${name}_env"; done
}

command_kill() { signal_selected kill_service killed; }
command_freeze() { signal_selected freeze_processes frozen; }
command_thaw() { signal_selected thaw_processes thawed; }

kill_service() {
    kill_processes "$1"
    "${1}_tidy"
}

signal_selected() {
    local name
    for name in "${selected[@]}"; do
        running "$name" || die "$name is not running"
        "$1" "$name"
        printf '%-9s %s\n' "$name" "$2"
    done
}

command_logs() {
    local log
    log=$(log_of "${selected[0]}")
    [[ -f $log ]] || die "${selected[0]} has not been started here"
    tail -n 100 "$@" "$log"
}
