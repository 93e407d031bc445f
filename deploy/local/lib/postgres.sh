postgres_stop_signal=INT # "fast": ends sessions and writes a checkpoint; TERM would wait for clients
postgres_stop_seconds=30

postgres_ports() { port 32; }

# Debian keeps each major version in a folder of its own and none in PATH.
postgres_bin() {
    local initdb
    initdb=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort --version-sort | tail -n 1 || true)
    dirname "${initdb:-$(command -v initdb || printf /nowhere/initdb)}"
}

postgres_version() { "$(postgres_bin)/postgres" --version | awk '{ print $3 }'; }

# Client connections come over TCP only: a socket's path would be too long in a deep folder.
postgres_launch() {
    postgres_create_cluster
    launch postgres "$(postgres_bin)/postgres" -D "$(data_of postgres)" \
        -c listen_addresses=127.0.0.1 -c port="$(postgres_ports)" -c unix_socket_directories= \
        -c max_connections=400 -c fsync=on -c shared_buffers=256MB
}

postgres_create_cluster() {
    local data made_by
    data=$(data_of postgres)
    if [[ -f $data/PG_VERSION ]]; then
        made_by=$(<"$data/PG_VERSION")
        [[ $(postgres_version) == "$made_by".* ]] ||
            die "$data was made by PostgreSQL $made_by, installed is $(postgres_version); 'services reset postgres' starts afresh"
        return
    fi
    # In a shell of that user's, who could not open a password file of ours.
    as_service postgres bash -c '"$0" --pwfile=<(echo pms) "$@"' "$(postgres_bin)/initdb" \
        --pgdata=. --username=pms --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >>"$(log_of postgres)" 2>&1 ||
        die_with_log postgres 'initdb failed'
}

# PostgreSQL minds a lock file whose pid is alive. After a kill or a reboot that number may belong to
# anything.
postgres_tidy() {
    local lock_file pid
    lock_file=$(data_of postgres)/postmaster.pid
    [[ -f $lock_file ]] || return 0
    pid=$(head -n 1 "$lock_file")
    [[ $(cat "/proc/$pid/comm" 2>/dev/null) == postgres && $(process_state "$pid") != Z ]] || rm -f "$lock_file"
}

postgres_query() {
    PGPASSWORD=pms PGCONNECT_TIMEOUT=3 timeout 5 "$(postgres_bin)/psql" --no-psqlrc --quiet --tuples-only --no-align \
        --host=127.0.0.1 --port="$(postgres_ports)" --username=pms --dbname="$1" --command="$2"
}

postgres_answers() { [[ $(postgres_query postgres 'SELECT 1' 2>/dev/null) == 1 ]]; }

postgres_settle() { ensure_database pms; }

ensure_database() {
    [[ $(postgres_query postgres "SELECT 1 FROM pg_database WHERE datname = '$1'") == 1 ]] ||
        postgres_query postgres "CREATE DATABASE $1"
}

postgres_env() {
    cat <<ENV
PMS_TEST_DATABASE_URL=postgres://pms:pms@127.0.0.1:$(postgres_ports)/pms
PMS__DATABASE__HOST=127.0.0.1
PMS__DATABASE__PORT=$(postgres_ports)
PMS__DATABASE__USER=pms
PMS__DATABASE__PASSWORD=pms
PMS__DATABASE__DBNAME=pms
ENV
}
