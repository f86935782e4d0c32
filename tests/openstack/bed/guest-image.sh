#!/usr/bin/env bash
# Usage: tests/openstack/bed/guest-image.sh
#
# Build the guest of the tests' virtual machines and print the directory that holds it: guest.qcow2 (Debian 12 with cloud-init,
# sshd, sudo, Python, MariaDB, GnuPG and zstd), vmlinuz and initrd.img. Minutes the first time, then at once: it is kept in the
# cache under the digest of this script. Needs root, mmdebstrap, e2fsprogs and qemu-utils.
#
# The machine is booted with this kernel and initrd directly, and mkfs fills the file system, so there is neither a boot loader
# nor a loop device. MariaDB is installed and off, as in an image that somebody made for drills: user data starts it.
set -euo pipefail

home=${XDG_CACHE_HOME:-$HOME/.cache}/proven/openstack
image=$home/guest-$(sha256sum "$(readlink -f "$0")" | cut -c1-12)
packages=(systemd-sysv udev dbus linux-image-cloud-amd64 initramfs-tools zstd
  cloud-init openssh-server sudo python3 gnupg mariadb-server mariadb-client
  iproute2 ifupdown netbase ca-certificates)
masked=(apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer man-db.timer
  systemd-networkd-wait-online.service)

# Only a config drive is looked for: on a network without a metadata service every other source waits for its time limit.
cloud_config='datasource_list: [ConfigDrive, None]
locale: false
manage_etc_hosts: true
apt_preserve_sources_list: true'

is_complete() { [ -s "$image/guest.qcow2" ] && [ -s "$image/vmlinuz" ] && [ -s "$image/initrd.img" ]; }

# shellcheck disable=SC2016 # $1 is the hooks' own: the new system
install_system() {
  local include
  include=$(IFS=,; echo "${packages[*]}")
  CLOUD_CONFIG=$cloud_config MASKED=${masked[*]} mmdebstrap --quiet --variant=minbase --mode=root --format=directory \
    --aptopt='APT::Install-Recommends "false"' --include="$include" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --customize-hook='echo "/dev/vda / ext4 errors=remount-ro,x-systemd.growfs 0 1" >"$1/etc/fstab"' \
    --customize-hook='printf "MODULES=most\nCOMPRESS=zstd\n" >"$1/etc/initramfs-tools/conf.d/local"' \
    --customize-hook='chroot "$1" update-initramfs -u' \
    --customize-hook='echo "$CLOUD_CONFIG" >"$1/etc/cloud/cloud.cfg.d/90-proven.cfg"' \
    --customize-hook='chroot "$1" systemctl mask $MASKED' \
    --customize-hook='chroot "$1" systemctl disable mariadb' \
    --customize-hook='rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*' \
    bookworm "$1"
}

build() {
  local begin=$SECONDS scratch
  rm -rf --one-file-system "$image".?????? # what a killed run left, which may hold mounts
  scratch=$(mktemp -d "$image.XXXXXX")
  # shellcheck disable=SC2064 # the directory of now
  trap "rm -rf --one-file-system '$scratch'" EXIT
  install_system "$scratch/root" >&2
  cp "$scratch"/root/boot/vmlinuz-* "$scratch/vmlinuz"
  cp "$scratch"/root/boot/initrd.img-* "$scratch/initrd.img"
  truncate -s "$(($(du -sm "$scratch/root" | cut -f1) + 600))M" "$scratch/guest.raw"
  mkfs.ext4 -q -F -L rootfs -d "$scratch/root" "$scratch/guest.raw"
  qemu-img convert -O qcow2 -c "$scratch/guest.raw" "$scratch/guest.qcow2"
  rm -rf "$scratch/guest.raw" "$scratch/root" "$image"
  mv -T "$scratch" "$image" # named last: what is there is whole
  echo "guest-image: $(du -sh "$image" | cut -f1) in $((SECONDS - begin)) s" >&2
}

mkdir -p "$home"
exec 9>"$home/guest.lock"
flock 9
is_complete || build
echo "$image"
