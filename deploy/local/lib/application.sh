# Building the two binaries, and running them beside the services for as long as a script lasts.

samples=$repository/deploy/local/samples
binaries=$repository/target/debug
children=()

heading() { printf '\n%s\n' "$*"; }

# The settings of config/development.yaml, with the local services over them.
load_environment() {
    set -a
    source "$state/services.env"
    set +a
    export PMS_CONFIG=$repository/config/development.yaml
}

build_binaries() {
    heading 'Building (the first time takes some minutes) …'
    cargo build --manifest-path "$repository/Cargo.toml" --workspace
}

# begin NAME COMMAND…: in the background, in a session of its own, so that Ctrl-C reaches this script alone
# and the processes are then told to end once, in order. The output goes to `begin_output NAME`.
begin() {
    local name=$1
    shift
    setsid "$@" > >(begin_output "$name") 2>&1 </dev/null &
    children+=("$!")
}

# The last one begun ends first.
end_children() {
    local index pid
    for ((index = ${#children[@]} - 1; index >= 0; index--)); do
        pid=${children[index]}
        kill -s TERM "$pid" 2>/dev/null || continue
        wait "$pid" 2>/dev/null || true
    done
    children=()
}

# A child that ended by itself is the reason why the whole does not come up.
require_children() {
    local pid
    for pid in "${children[@]}"; do
        kill -s 0 "$pid" 2>/dev/null || die "a process ended while starting; see above, or $state/log"
    done
}

# wait_for_url URL: until it answers 2xx.
wait_for_url() {
    local deadline=$((SECONDS + 60))
    until curl --silent --fail --max-time 2 --output /dev/null "$1"; do
        require_children
        ((SECONDS < deadline)) || die "$1 has not answered for a minute"
        sleep 0.1
    done
}

# The photographs of this project, served as somebody else's server would.
begin_sample_server() {
    begin samples python3 -m http.server --bind 127.0.0.1 --directory "$samples" "$1"
    wait_for_url "http://127.0.0.1:$1/seeding-small.jpg"
}

# Which services this script is the first to need, and so has to stop again.
services_to_stop() {
    local name
    for name in "${all_services[@]}"; do
        running "$name" || printf '%s ' "$name"
    done
}
