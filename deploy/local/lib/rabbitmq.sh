rabbitmq_stop_signal=TERM
rabbitmq_stop_seconds=30

# Clients, management over HTTP, the node's distribution port, and epmd, which tells where that is.
rabbitmq_ports() { say "$(port 72)" "$(port 74)" "$(port 73)" "$(port 69)"; }
rabbitmq_version() { basename /usr/lib/rabbitmq/lib/rabbitmq_server-* | cut -d - -f 2; }

# epmd would be started by the node, as a daemon that outlives it; so it is ours from the start.
rabbitmq_launch() {
    local data
    data=$(data_of rabbitmq)
    rabbitmq_configure "$data"
    launch rabbitmq "$(command -v epmd)" -address 127.0.0.1 -port "$(port 69)"
    launch rabbitmq env "HOME=$data" \
        RABBITMQ_CONF_ENV_FILE=/dev/null \
        RABBITMQ_NODENAME=pms@localhost \
        RABBITMQ_DIST_PORT="$(port 73)" \
        ERL_EPMD_PORT="$(port 69)" \
        RABBITMQ_MNESIA_BASE="$data/mnesia" \
        RABBITMQ_CONFIG_FILE="$data/rabbitmq.conf" \
        RABBITMQ_ADVANCED_CONFIG_FILE="$data/advanced.config" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$data/enabled_plugins" \
        RABBITMQ_PID_FILE="$data/rabbitmq.pid" \
        RABBITMQ_LOG_BASE="$data" RABBITMQ_LOGS=- \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="$(rabbitmq_erlang_arguments)" \
        /usr/lib/rabbitmq/bin/rabbitmq-server
}

# Two schedulers that do not spin while idle, and no distribution port on other addresses.
rabbitmq_erlang_arguments() {
    say '+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}'
}

# The user pms is made when the node first starts with an empty data folder; guest is not.
rabbitmq_configure() {
    cat >"$1/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$(port 72)
default_user = pms
default_pass = pms
default_user_tags.administrator = true
management.tcp.ip = 127.0.0.1
management.tcp.port = $(port 74)
log.console.level = info
CONF
    say '[rabbitmq_management].' >"$1/enabled_plugins"
}

# A login as a client does it: the protocol header, then Connection.StartOk for the server's
# Connection.Start. Only Connection.Tune (class 10, method 30) says that pms is let in.
rabbitmq_answers() {
    [[ $(timeout 5 bash -c "$(declare -f amqp_login amqp_frame); amqp_login $(port 72)" 2>/dev/null) == 000a001e ]]
}

amqp_login() {
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf 'AMQP\0\0\x09\x01' >&3
    amqp_frame >/dev/null
    printf '\x01\0\0\0\0\0\x20\0\x0a\0\x0b\0\0\0\0\x05PLAIN\0\0\0\x08\0pms\0pms\x05en_US\xce' >&3
    amqp_frame
}

# Reads one frame (type, channel, size, payload, end mark); prints class and method.
amqp_frame() {
    local size payload
    size=$((16#$(head -c 7 <&3 | od -An -v -tx1 | tr -d ' \n' | cut -c 7-14)))
    payload=$(head -c $((size + 1)) <&3 | od -An -v -tx1 | tr -d ' \n')
    printf '%s' "${payload:0:8}"
}

rabbitmq_settle() { :; }
rabbitmq_tidy() { :; }

rabbitmq_env() {
    cat <<ENV
PMS_TEST_AMQP_URL=amqp://pms:pms@127.0.0.1:$(port 72)/%2f
PMS_TEST_RABBITMQ_MANAGEMENT_URL=http://pms:pms@127.0.0.1:$(port 74)
PMS__RABBITMQ__HOST=127.0.0.1
PMS__RABBITMQ__PORT=$(port 72)
PMS__RABBITMQ__USER=pms
PMS__RABBITMQ__PASSWORD=pms
ENV
}
