#!/usr/bin/env bash
# Usage: stop.sh [--keep]
#
# End what start.sh started, by the recorded pids only, and wipe its state (--keep: leave logs and databases to be read).
set -uo pipefail
# shellcheck source=tests/openstack/bed/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

pid_of() { cat "$STATE/pid/$1" 2>/dev/null; }
runs() { local pid; pid=$(pid_of "$1") && kill -0 "$pid" 2>/dev/null; }

# $1 …: names. Each in the order: all at once, ten seconds, then by force.
end() {
  local name end=$((SECONDS + 10))
  for name in "$@"; do ! runs "$name" || kill "$(pid_of "$name")"; done
  for name in "$@"; do
    while runs "$name" && [ $SECONDS -lt $end ]; do sleep 0.1; done
    ! runs "$name" || { echo "by force: $name"; kill -9 "$(pid_of "$name")"; }
    rm -f "$STATE/pid/$name"
  done
}

# The broker goes after those who wait for it: without it they ignore TERM for a minute.
end nova-compute-libvirt nova-compute nova-api nova-scheduler nova-conductor neutron glance placement keystone
[ ! -x "$BED/libvirt-stop.sh" ] || "$BED/libvirt-stop.sh"
end rabbitmq-beam rabbitmq mariadb
# RabbitMQ leaves its name server behind, which knows nothing of pid files.
for pid in $(pgrep -x epmd); do
  if tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | grep -qx "HOME=$STATE/rabbitmq"; then kill "$pid"; fi
done
[ "${1:-}" = --keep ] || rm -rf "$STATE"
