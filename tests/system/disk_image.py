# SPDX-License-Identifier: MIT
"""The disk of `make linux-disk` in the hands of tests: each works on a copy, and looks into it from outside."""

import os
import subprocess

from machine import BUILD, require

IMAGE = os.path.join(BUILD, "linux-disk", "disk.img")
PARTITION = 1 << 20  # where it begins, in bytes
MARK = "written by guest %d"  # what each Linux adds to MARKS
MARKS = "/root/marks"


def copy(name):
    image = os.path.join(BUILD, "tests", name + ".img")
    os.makedirs(os.path.dirname(image), exist_ok=True)
    subprocess.run(["cp", "--sparse=always", IMAGE, image], check=True)
    return image


def menu(entry):
    """A line of shell that makes a file of what has GRUB's menu start `entry`, as grub-set-default does."""
    return "{ echo '# GRUB Environment Block'; echo saved_entry=%s; head -c 1024 /dev/zero | tr '\\0' '#'; } | head -c 1024" % entry


def clean_outside(image, guests):
    """By the build machine's e2fsck; and there is what so many guests have written."""
    at = "%s?offset=%d" % (image, PARTITION)
    done = subprocess.run(["e2fsck", "-fn", at], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    require(done.returncode == 0, done.stdout)
    said = subprocess.run(["debugfs", "-R", "cat " + MARKS, at], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    require(said.stdout.splitlines() == [MARK % n for n in range(1, guests + 1)], "on the disk: " + said.stdout)
