#!/usr/bin/env python3
"""Updates from a Tuffet repository with python-tuf, the reference client, and says whether that works.

    check_repository.py --repository URL --root FILE --out DIR [--venv DIR] [--pointer NAME]... [TARGET]...

--repository URL  the repository folder as it is served: URL/metadata/..., URL/targets/...
--root FILE       the first root, trusted as it is (the factory's 1.root.json)
--out DIR         where the downloads go, and python-tuf's own copy of the metadata
--venv DIR        where python-tuf is installed on the first run (default: DIR of --out, folder `venv`)
--pointer NAME    a release pointer: it is downloaded, and then every image file that the release document names;
                  their digests and lengths must be the ones in the document
TARGET            any other target to download

Nothing of Tuffet's own verification runs here: python-tuf searches the delegations, checks signatures, versions, expiry,
lengths and hashes. Exit status: 0 all of it was verified and downloaded, 1 python-tuf or a comparison said no,
2 wrong arguments, 3 python-tuf could not be installed. Each download is one line on standard output.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
# Set for the second start, inside the environment: a broken one must not start itself for ever.
INSIDE = "TUFFET_PYTHON_TUF_INSIDE"


class Refused(Exception):
    """What was downloaded is not what the release document says."""


def arguments():
    parser = argparse.ArgumentParser(description="Updates from a Tuffet repository with python-tuf.")
    parser.add_argument("--repository", required=True, metavar="URL")
    parser.add_argument("--root", required=True, type=Path, metavar="FILE")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR")
    parser.add_argument("--venv", type=Path, metavar="DIR")
    parser.add_argument("--pointer", action="append", default=[], metavar="NAME")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    chosen = parser.parse_args()
    if not chosen.pointer and not chosen.targets:
        parser.error("name at least one --pointer or target")
    if not chosen.root.is_file():
        parser.error(f"there is no root file {chosen.root}")
    return chosen


def inside_environment(folder):
    """Starts this script again under an interpreter that has python-tuf. Returns only when it already runs there."""
    if os.environ.get(INSIDE):
        return
    python = folder / "bin" / "python3"
    # Made once for each set of versions; written last, so that a half-made environment is made again.
    stamp = folder / "requirements.installed"
    wanted = REQUIREMENTS.read_text()
    try:
        if not stamp.is_file() or stamp.read_text() != wanted:
            venv.create(folder, clear=True, with_pip=True)
            install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS]
            subprocess.run(install, check=True)
            stamp.write_text(wanted)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"python-tuf could not be installed into {folder}: {error}", file=sys.stderr)
        print("It needs python3 with its venv module, and a Python package registry on the first run.", file=sys.stderr)
        sys.exit(3)
    os.execve(python, [python, *sys.argv], {**os.environ, INSIDE: "1"})


def download(updater, name):
    """Downloads one target. python-tuf verifies everything on the way."""
    target = updater.get_targetinfo(name)
    if target is None:
        raise Refused(f"no role that is trusted for {name} lists it")
    content = Path(updater.download_target(target)).read_bytes()
    print(f"{name}: {len(content)} bytes, verified")
    return content


def download_release(updater, pointer):
    """Downloads a release document and the image files that it names."""
    document = json.loads(download(updater, pointer))
    files = [image["file"] for component in document["components"] for image in component["images"]]
    if not files:
        raise Refused(f"the release document of {pointer} names no image")
    for file in files:
        content = download(updater, file["name"])
        described = (file["length"], file["digest"])
        found = (len(content), hashlib.sha256(content).hexdigest())
        if described != found:
            raise Refused(f"{file['name']} is {found}, and the release document says {described}")


def main():
    chosen = arguments()
    inside_environment(chosen.venv or chosen.out / "venv")

    from tuf.api.exceptions import DownloadError, RepositoryError
    from tuf.ngclient import Updater

    repository = chosen.repository.rstrip("/")
    metadata, targets = chosen.out / "metadata", chosen.out / "targets"
    metadata.mkdir(parents=True, exist_ok=True)
    targets.mkdir(parents=True, exist_ok=True)
    try:
        updater = Updater(
            metadata_dir=str(metadata),
            metadata_base_url=f"{repository}/metadata/",
            target_dir=str(targets),
            target_base_url=f"{repository}/targets/",
            bootstrap=chosen.root.read_bytes(),
        )
        updater.refresh()
        for pointer in chosen.pointer:
            download_release(updater, pointer)
        for name in chosen.targets:
            download(updater, name)
    except (DownloadError, RepositoryError, Refused, OSError, ValueError, KeyError) as error:
        print(f"refused: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
