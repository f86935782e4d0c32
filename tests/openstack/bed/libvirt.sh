#!/usr/bin/env bash
# Usage: libvirt.sh — a compute host whose machines are real, emulated by qemu without KVM, and the network that they are on.
#
# libvirtd is the bed's own. Its qemu.conf is read from /etc/libvirt only, and its state lies in fixed places, so it runs in a
# mount namespace where these are the bed's directories: nothing of the machine's own libvirt is touched. Needs root.
set -euo pipefail
# shellcheck source=tests/openstack/bed/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin=$(now)
private=$STATE/libvirt
guest=$("$BED/guest-image.sh")
took "the machines' image" "$begin"

# Neutron's driver puts machines on bed1; bed0, at the other end, is this host as they see it. They have no route to
# anywhere else, not even to this host's other address: that is where a drill's source is.
# The machines' emulated cards believe in checksums that a veth pair would leave out.
begin=$(now)
ip link add proven-bed0 type veth peer name proven-bed1
ethtool -K proven-bed0 tx off >/dev/null
ip address add "$HOST_ADDRESS/24" dev proven-bed0
ip address add "$ELSEWHERE/32" dev proven-bed0
ip link set proven-bed0 up
ip link set proven-bed1 up

mkdir -p "$private"/{etc,run,lib,cache,log} /run/libvirt
cat >"$private/etc/libvirtd.conf" <<CONF
auth_unix_rw = "none"
log_outputs = "2:stderr"
CONF
# qemu runs as root and unconfined, and writes its logs by itself: what would do better needs systemd.
cat >"$private/etc/qemu.conf" <<CONF
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
CONF
# shellcheck disable=SC2016  # $0 is the inner shell's
background libvirtd unshare --mount sh -ec '
  mount --bind "$0/etc" /etc/libvirt
  mount --bind "$0/run" /run/libvirt
  mount --bind "$0/lib" /var/lib/libvirt
  mount --bind "$0/cache" /var/cache/libvirt
  mount --bind "$0/log" /var/log/libvirt
  exec libvirtd --config /etc/libvirt/libvirtd.conf --pid-file /run/libvirt/libvirtd.pid' "$private"
wait_until 300 virsh -c "$LIBVIRT" version
took "libvirtd" "$begin"

begin=$(now)
mkdir -p "$STATE"/nova-libvirt/{instances,lock}
configuration=$STATE/conf/nova-libvirt.conf
sed -e "s|^compute_driver = .*|compute_driver = libvirt.LibvirtDriver|" -e "s|^host = .*|host = libvirt|" \
  -e "s|$STATE/nova|$STATE/nova-libvirt|" "$STATE/conf/nova.conf" >"$configuration"
cat >>"$configuration" <<CONF
[libvirt]
virt_type = qemu
cpu_mode = none
connection_uri = $LIBVIRT
images_type = qcow2
inject_partition = -2
CONF
# Each of these starts a helper with more rights than its own, by sudo unless it is told how.
for helper in nova_sys_admin vif_plug_ovs_privileged privsep_osbrick; do
  printf '[%s]\nhelper_command = %s\n' "$helper" "$VENV/bin/privsep-helper --config-file $configuration" >>"$configuration"
done
background nova-compute-libvirt nova-compute --config-file "$configuration"
finds_host() { nova-manage --config-file "$STATE/conf/nova.conf" cell_v2 discover_hosts --verbose 2>/dev/null | grep "Creating host mapping"; }
wait_until 180 finds_host
took "Nova's libvirt compute host" "$begin"

begin=$(now)
python "$BED/guest_image.py" "$guest"
took "the machines' image in Glance" "$begin"
