redis_stop_signal=TERM
redis_stop_seconds=5

redis_ports() { port 79; }
redis_version() { redis-server --version | sed 's/.* v=\([^ ]*\).*/\1/'; }

# A cache, as in production: nothing is written to disk.
redis_launch() {
    launch redis "$(command -v redis-server)" --bind 127.0.0.1 --port "$(redis_ports)" --dir "$(data_of redis)" \
        --appendonly no --save ''
}

redis_answers() { [[ $(timeout 3 redis-cli -h 127.0.0.1 -p "$(redis_ports)" PING 2>/dev/null) == PONG ]]; }
redis_settle() { :; }
redis_tidy() { :; }

redis_env() {
    cat <<ENV
PMS_TEST_REDIS_URL=redis://127.0.0.1:$(redis_ports)
PMS__REDIS__HOST=127.0.0.1
PMS__REDIS__PORT=$(redis_ports)
ENV
}
