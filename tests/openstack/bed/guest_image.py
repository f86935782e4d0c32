"""Give the bed an image and a size of real machines. Usage: guest_image.py DIRECTORY (as guest-image.sh prints it)

There is no boot loader in the image: its kernel and initrd are images of their own, and Nova boots them directly.
"""

from __future__ import annotations

import pathlib
import sys

from prepare import connect

COMMAND_LINE = "root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off"


def main(directory: str) -> None:
    admin, guest = connect("admin"), pathlib.Path(directory)
    kernel, initrd = (
        admin.create_image(
            name, filename=str(guest / name), disk_format=kind, container_format=kind, visibility="public", wait=True
        )
        for name, kind in (("vmlinuz", "aki"), ("initrd.img", "ari"))
    )
    admin.create_image(
        "drill",
        filename=str(guest / "guest.qcow2"),
        disk_format="qcow2",
        container_format="bare",
        visibility="public",
        wait=True,
        kernel_id=kernel.id,
        ramdisk_id=initrd.id,
        os_command_line=COMMAND_LINE,
        hw_machine_type="pc",
        hw_cdrom_bus="ide",
        hw_rng_model="virtio",
        hw_video_model="none",
    )
    admin.compute.create_flavor(name="real", ram=1536, vcpus=2, disk=12)


if __name__ == "__main__":
    main(*sys.argv[1:])
