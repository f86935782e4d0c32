#!/usr/bin/env bash
# Usage: libvirt-stop.sh — end what libvirt.sh started: libvirtd, machines that nobody deleted, and their network.
set -uo pipefail
# shellcheck source=tests/openstack/bed/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

for file in "$STATE"/libvirt/run/qemu/*.pid "$STATE/pid/libvirtd"; do
  pid=$(cat "$file" 2>/dev/null) || continue
  kill "$pid" 2>/dev/null
  for _ in {1..50}; do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
  ! kill -0 "$pid" 2>/dev/null || { echo "by force: ${file##*/}"; kill -9 "$pid"; }
  rm -f "$file"
done
! ip link show proven-bed0 >/dev/null 2>&1 || ip link delete proven-bed0
