#!/bin/bash
# Installs the packages named in the files given, through apt. Quick where all are there; a notice,
# not a failure, where apt or the right to use it is missing (then lab tests skip and say why).
# Nothing that it installs is started, nothing is left enabled, and no package is ever removed.
set -euo pipefail

mapfile -t wanted < <(sed 's/#.*//' "$@" | tr -s ' \t' '\n' | sed '/^$/d' | sort -u)
command -v dpkg-query >/dev/null || { echo "lab: no dpkg here; lab tests may skip"; exit 0; }

absent=()
for package in "${wanted[@]}"; do
    state=$(dpkg-query --show --showformat '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
    [[ $state == ii* ]] || absent+=("$package")
done
(( ${#absent[@]} )) || exit 0

if (( EUID == 0 )); then
    root=()
elif sudo -n true 2>/dev/null; then
    root=(sudo -n)
else
    echo "lab: neither root nor passwordless sudo; not installed: ${absent[*]}"
    exit 0
fi
echo "lab: installing ${absent[*]}"
exec "${root[@]}" bash -euo pipefail -s -- "${absent[@]}" <<'AS_ROOT'
undo=()
at_end() { for path in "${undo[@]}"; do rm -f "$path"; done; rm -f "${before:-}" "${after:-}"; }
trap at_end EXIT

enabled() { find /etc/systemd/system -path '*.wants/*' -type l -printf '%f\n' 2>/dev/null | sort -u; }
before=$(mktemp) after=$(mktemp)
enabled >"$before"

# Maintainer scripts ask this before they start a service: 101 means "not now".
if [[ ! -e /usr/sbin/policy-rc.d ]]; then
    undo+=(/usr/sbin/policy-rc.d)
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
fi
# The tests make clusters of their own; the package's default one is not wanted.
if [[ ! -e /etc/postgresql-common ]]; then
    install -d /etc/postgresql-common/createcluster.d
    undo+=(/etc/postgresql-common/createcluster.d/sasando-lab.conf)
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/sasando-lab.conf
fi

export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt=(apt-get --quiet --quiet --yes --no-install-recommends --no-remove
     -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0)
install() { "${apt[@]}" install "$@" </dev/null >/dev/null; }
if ! install "$@" 2>/dev/null; then
    "${apt[@]}" update </dev/null || echo "lab: apt-get update failed; trying what it knows" >&2
    # One by one, so that one package that cannot be had does not cost the others.
    install "$@" || for package; do
        install "$package" || echo "lab: $package could not be installed" >&2
    done
fi

enabled >"$after"
comm -13 "$before" "$after" | while read -r unit; do
    # No grep here: packages that enable nothing must not fail the whole.
    case $unit in *.service | *.socket | *.timer) systemctl --quiet disable "$unit" || true ;; esac
done
AS_ROOT
