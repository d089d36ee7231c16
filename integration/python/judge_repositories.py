#!/usr/bin/env python3
"""Says what python-tuf, the reference client, makes of many small repositories.

    judge_repositories.py --venv DIR

Each line of standard input is a case, a JSON object: `root`, the first root in hexadecimal digits; `states`, a list of
objects that map names of metadata files to their bytes in hexadecimal digits; `names`, the targets to look for. The client
updates once in each state, and keeps its own folder from one to the next. The answer is one line, a list with an object for
each state: `verdicts`, one for each name (`found` with `sha256`, `not found`, or `refused` with `file` and `why`), and
`roles`, whose files it trusts at the end.

Exit status: 0 at the end of the input, 3 python-tuf could not be installed.
"""

import argparse
import functools
import json
import logging
import sys
import tempfile
from pathlib import Path

from check_repository import inside_environment

METADATA = "memory:///metadata/"


def main():
    parser = argparse.ArgumentParser(description="Says what python-tuf makes of many small repositories.")
    parser.add_argument("--venv", required=True, type=Path, metavar="DIR")
    inside_environment(parser.parse_args().venv)
    logging.disable(logging.CRITICAL)
    remember_signatures()
    for line in sys.stdin:
        print(json.dumps(judge(json.loads(line))), flush=True)


def remember_signatures():
    """The pure Python arithmetic takes milliseconds, and most files are verified more than once: remember the answers."""
    from securesystemslib.signer import _key

    verify = _key.checkvalid

    @functools.lru_cache(maxsize=4096)
    def answer(signature, data, public):
        try:
            verify(signature, data, public)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is thrown again
            return error
        return None

    def remembering(signature, data, public):
        error = answer(signature, data, public)
        if error is not None:
            raise error

    _key.checkvalid = remembering


def judge(case):
    root = bytes.fromhex(case["root"])
    with tempfile.TemporaryDirectory() as folder:
        return [update(folder, root, state, case["names"]) for state in case["states"]]


def update(folder, root, state, names):
    from tuf.ngclient import Updater

    fetcher = memory_fetcher(state)
    updater = None
    try:
        updater = Updater(folder, METADATA, fetcher=fetcher, bootstrap=root)
        updater.refresh()
    except Exception as error:  # noqa: BLE001 - a client that crashes refuses, too
        return {"verdicts": [refused(fetcher, error)] * len(names), "roles": trusted(updater)}
    verdicts = [search(updater, fetcher, name) for name in names]
    return {"verdicts": verdicts, "roles": trusted(updater)}


def search(updater, fetcher, name):
    try:
        target = updater.get_targetinfo(name)
    except Exception as error:  # noqa: BLE001 - as above
        return refused(fetcher, error)
    if target is None:
        return {"verdict": "not found"}
    return {"verdict": "found", "sha256": str(target.hashes.get("sha256", ""))}


def refused(fetcher, error):
    why = f"{type(error).__name__}: {error}"
    while error.__cause__ is not None:
        error = error.__cause__
        why += f": {type(error).__name__}: {error}"
    return {"verdict": "refused", "file": fetcher.last, "why": why}


def trusted(updater):
    return [] if updater is None else list(updater._trusted_set._trusted_set)


def memory_fetcher(state):
    from tuf.api.exceptions import DownloadHTTPError
    from tuf.ngclient import FetcherInterface

    class MemoryFetcher(FetcherInterface):
        def __init__(self):
            self.last = "root.json"

        def _fetch(self, url):
            self.last = url.removeprefix(METADATA)
            content = state.get(self.last)
            if content is None:
                raise DownloadHTTPError("no such file", 404)
            return iter([bytes.fromhex(content)])

    return MemoryFetcher()


if __name__ == "__main__":
    main()
