#!/usr/bin/env bash
# Usage: start.sh [fake|libvirt]
#
# Start a whole OpenStack from nothing; stop.sh ends it and wipes its state. One bed at a time: the ports are fixed (common.sh).
#
#   scripts/fetch-openstack    once: programs from Debian, the services from PyPI (requirements-openstack.txt)
#   base.sh                    MariaDB and RabbitMQ
#   keystone.sh                Keystone; then users, projects and the catalog of services (catalog.py)
#   placement_glance.sh        } at the same time
#   neutron.sh                 }
#   nova.sh fake|none          } the control plane; fake: and a compute host whose machines exist only in Nova's books
#   libvirt.sh                 (libvirt only) a compute host whose machines are real, emulated by qemu
#   prepare.py                 what a tenant finds: image, flavours, network; writes bed.json, by which the tests know the bed
set -euo pipefail
# shellcheck source=tests/openstack/bed/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
kind=${1:-fake}
case $kind in fake) compute=fake ;; libvirt) compute=none ;; *) sed -n 2,4p "$0" >&2; exit 2 ;; esac
[ -z "$(ls "$STATE/pid")" ] || { echo "a bed runs already, or was not stopped: run stop.sh" >&2; exit 1; }
: >"$STATE/timings"
begin=$(now)
"$BED/base.sh"
"$BED/keystone.sh"
"$BED/placement_glance.sh" & one=$!
"$BED/neutron.sh" & two=$!
"$BED/nova.sh" "$compute"
wait $one
wait $two
[ "$kind" != libvirt ] || "$BED/libvirt.sh"
step=$(now)
python "$BED/prepare.py" "$kind" "$STATE/bed.json"
took "image, flavours and network" "$step"
took "the bed ($kind), from nothing" "$begin"
