#!/usr/bin/env bash
# Gets what no Python package carries: promtool and prometheus (they check the rules and the dashboard), a Chromium (it
# draws the tower) and faketime (it gives processes a wrong clock). Takes them from what the machine has; says nothing
# when all are there. Starts no service.
set -euo pipefail

browser() { # its name differs from system to system
    command -v chromium || command -v chromium-browser || command -v google-chrome
}

packages=()
command -v promtool >/dev/null && command -v prometheus >/dev/null || packages+=(prometheus)
browser >/dev/null || packages+=(chromium)
command -v faketime >/dev/null || packages+=(faketime)
[ ${#packages[@]} -gt 0 ] || exit 0

by_apt() {
    local root="${1:-}" policy=/usr/sbin/policy-rc.d
    # Debian starts a service as soon as it is installed, unless this file forbids it.
    if [ ! -e "$policy" ]; then
        trap "$root rm -f $policy" EXIT
        printf '#!/bin/sh\nexit 101\n' | $root tee "$policy" >/dev/null
        $root chmod +x "$policy"
    fi
    $root apt-get update -qq
    $root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
    # Nor shall it start at the next boot.
    if [ -d /run/systemd/system ] && [[ " ${packages[*]} " == *" prometheus "* ]]; then
        $root systemctl disable --quiet prometheus.service
    fi
}

echo "installing ${packages[*]}"
if command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
    by_apt
elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then
    by_apt sudo
elif command -v brew >/dev/null; then
    for package in "${packages[@]}"; do
        case "$package" in
            chromium) brew install --quiet --cask chromium ;;
            faketime) brew install --quiet libfaketime ;;
            *) brew install --quiet "$package" ;;
        esac
    done
else
    echo "install these yourself, then run this again: ${packages[*]} (prometheus must bring promtool)" >&2
    exit 1
fi
# On Ubuntu `chromium` is a snap, which needs a running snapd; Chrome does as well.
for tool in promtool prometheus faketime; do
    command -v "$tool" >/dev/null || { echo "$tool is still missing" >&2; exit 1; }
done
browser >/dev/null || { echo "chromium is still missing: any of chromium, chromium-browser, google-chrome will do" >&2; exit 1; }
