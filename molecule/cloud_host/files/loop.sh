#!/bin/sh
# Make a loop device over a file of 400 MiB under each of the names, as a volume is attached. Where the container may
# not, report it and succeed.
set -eu
mount -t tmpfs none /mnt || exit 0
umount /mnt
for name in "$@"; do
  [ ! -e "/dev/$name" ] || continue
  [ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237
  truncate -s 400M "/srv/$name.img"
  device=$(losetup -f) || exit 0
  device=${device%% *}
  [ -e "$device" ] || mknod "$device" b 7 "${device#/dev/loop}"
  losetup "$device" "/srv/$name.img" || exit 0
  # Loop devices are the machine's, and outlive a container: this one is to go with its last user, a process in here
  systemd-run --quiet --unit="holds-$name" --property=Type=exec --property="StandardInput=file:$device" sleep infinity
  losetup --detach "$device"
  ln -s "$device" "/dev/$name"
done
