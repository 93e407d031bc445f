# Paths, messages, and what every service must say about itself.
#
# A service NAME is a file lib/NAME.sh with these functions:
#   NAME_ports      the ports it listens on, the one for clients first
#   NAME_launch     starts it by way of `launch`
#   NAME_answers    true once it has answered a real request
#   NAME_settle     makes what the application expects to find; harmless when repeated
#   NAME_tidy       removes what an ended server leaves behind and the next would stumble over
#   NAME_version    the version installed
#   NAME_env        KEY=value lines for tests and for the application
# and NAME_stop_signal, NAME_stop_seconds: how it is asked to end, and for how long.

# Fractions of seconds are printed with a point, and tools answer in English.
export LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# What root writes for PostgreSQL and RabbitMQ, they must be able to read.
umask 022

all_services=(postgres redis rabbitmq s3)
repository=$(cd "$here/../.." && pwd -P)
state=${PMS_LOCAL_DIR:-$repository/.local}
[[ $state == /* ]] || state=$PWD/$state
start_seconds=120

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() {
    warn "services: $*"
    exit 1
}

# The services a command is about, into `selected`.
select_services() {
    local needed=$1 name
    shift
    selected=("$@")
    if (($# == 0)); then
        [[ $needed == optional ]] || die "which one? ${all_services[*]}"
        selected=("${all_services[@]}")
    fi
    for name in "${selected[@]}"; do
        [[ " ${all_services[*]} " == *" $name "* ]] || die "no service '$name'; there are ${all_services[*]}"
    done
}

# die_with_log NAME MESSAGE, with the end of what that name has logged.
die_with_log() {
    warn "services: $2; the end of $(log_of "$1"):"
    tail -n 15 "$(log_of "$1")" | cut -c 1-200 | sed 's/^/    /' >&2
    exit 1
}

log_of() { printf '%s/log/%s.log' "$state" "$1"; }
data_of() { printf '%s/%s' "$(readlink -f "$state/data")" "$1"; }

# Two starts at once would launch everything twice. The lock ends with this script: `launch` does
# not hand it on.
take_lock() {
    [[ ! ${lock:-} ]] || return 0
    mkdir -p "$state"
    exec {lock}>"$state/lock"
    flock --timeout 300 "$lock" || die "another 'services' command holds $state/lock"
}

# PostgreSQL and RabbitMQ refuse to run as root, so root starts them as the users their packages made.
user_of() {
    case $EUID:$1 in
        0:postgres | 0:rabbitmq) printf '%s' "$1" ;;
        *) id -un ;;
    esac
}

# Puts the words that turn a command into that user's command into `become`.
prepare_become() {
    local user=$1
    become=()
    [[ $user == "$(id -un)" ]] || become=(setpriv --reuid "$user" --regid "$user" --init-groups --)
}

as_service() {
    prepare_become "$(user_of "$1")"
    (cd "$(data_of "$1")" && "${become[@]}" "${@:2}")
}

# The folders of this set of services, with a data folder that the services' users can reach.
prepare_folders() {
    local name data
    mkdir -p "$state"/{log,run}
    [[ -e $state/data ]] || place_data
    for name in "${all_services[@]}"; do
        data=$(data_of "$name")
        [[ -d $data ]] || install -d -m 700 -o "$(user_of "$name")" "$data"
        [[ $(stat -c %U "$data") == "$(user_of "$name")" ]] ||
            die "$data belongs to $(stat -c %U "$data"); go on as that user, or delete it"
    done
}

place_data() {
    if reachable_by_all_users "$state"; then
        install -d -m 755 "$state/data"
        return
    fi
    local elsewhere
    elsewhere=/var/tmp/pms-$(printf '%s' "$state" | sha256sum | cut -c 1-12)
    install -d -m 755 "$elsewhere"
    [[ -O $elsewhere ]] || die "$elsewhere belongs to someone else"
    ln -sfn "$elsewhere" "$state/data"
}

reachable_by_all_users() {
    local name
    for name in "${all_services[@]}"; do
        prepare_become "$(user_of "$name")"
        "${become[@]}" test -x "$1" || return 1
    done
}
