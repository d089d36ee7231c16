#!/usr/bin/env python3
"""One job with python-tuf: begin with nothing but the first root, refresh, and download one verified target.

    fresh_client.py --root FILE --metadata URL_OR_DIR --targets URL_OR_DIR --target NAME --out DIR

The target becomes DIR/target; python-tuf keeps its metadata in DIR/metadata. It runs in an environment that has the
requirements beside this file. From files it reads by way of a fetcher of its own, since python-tuf brings only one for
HTTP. Exit status: 0 verified and downloaded, 1 refused.
"""

import argparse
import os
import sys

from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.ngclient import FetcherInterface, Updater


class Files(FetcherInterface):
    """Answers with files. What is called an address is a path."""

    def _fetch(self, url):
        try:
            with open(url, "rb") as file:
                return iter([file.read()])
        except FileNotFoundError as error:
            raise DownloadHTTPError(str(error), 404) from error


def main():
    parser = argparse.ArgumentParser()
    for name in ("--root", "--metadata", "--targets", "--target", "--out"):
        parser.add_argument(name, required=True)
    job = parser.parse_args()
    kept = os.path.join(job.out, "metadata")
    os.makedirs(kept, exist_ok=True)
    with open(job.root, "rb") as file:
        root = file.read()
    try:
        updater = Updater(
            metadata_dir=kept,
            metadata_base_url=job.metadata,
            target_dir=job.out,
            target_base_url=job.targets,
            fetcher=None if job.metadata.startswith("http://") else Files(),
            bootstrap=root,
        )
        updater.refresh()
        target = updater.get_targetinfo(job.target)
        if target is None:
            raise RepositoryError("no trusted role lists the target")
        updater.download_target(target, os.path.join(job.out, "target"))
    except (DownloadError, RepositoryError) as error:
        print(f"refused: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
