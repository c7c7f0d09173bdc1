"""Unpacks a wheel into a site folder: checked by hash, through a temporary folder, with the archive's own file times.

Usage: unpack_wheel.py WHEEL SHA256 SITE

Equal times on every unpacking keep compiled files valid. A file that is already in place is replaced in one step, so
programs that are running keep the old one.
"""

import hashlib
import os
import shutil
import sys
import time
import zipfile


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def extract(wheel, folder):
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            path = archive.extract(entry, folder)
            if entry.is_dir():
                continue
            mode = (entry.external_attr >> 16) & 0o777
            if mode:
                os.chmod(path, mode)
            stamp = time.mktime(entry.date_time + (0, 0, -1))
            os.utime(path, (stamp, stamp))


def merge(source, target):
    """Moves source to target: whole where target does not exist, else entry by entry."""
    if not os.path.isdir(target) or not os.path.isdir(source):
        os.replace(source, target)
        return
    for name in os.listdir(source):
        merge(os.path.join(source, name), os.path.join(target, name))


def main():
    wheel, expected, site = sys.argv[1:]
    found = sha256_of(wheel)
    if found != expected:
        sys.exit(f"{wheel}: its sha256 is {found}, and scripts/versions.sh expects {expected}")
    partial = os.path.join(site, ".unpacking")
    shutil.rmtree(partial, ignore_errors=True)
    extract(wheel, partial)
    for name in os.listdir(partial):
        merge(os.path.join(partial, name), os.path.join(site, name))
    shutil.rmtree(partial)


if __name__ == "__main__":
    main()
