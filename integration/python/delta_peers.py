#!/usr/bin/env python3
"""Makes or applies a patch with a tool of another project, for `cargo xtask bench delta --peers`.

    delta_peers.py encode METHOD OLD NEW PATCH
    delta_peers.py apply METHOD OLD PATCH OUT
    delta_peers.py nothing

METHOD is one of METHODS below; `heatshrink` packs NEW and does not look at OLD. The last line on standard output is one
JSON object with the seconds of the job itself, by the clock and of processors: without the start of the interpreter and
the imports, which say nothing about a method. `nothing` only imports, to show what memory that takes.
"""

import functools
import json
import sys
import time
from pathlib import Path

import detools
import hdiffpatch
import heatshrink2

# A window of 4 KiB: the most that a microcontroller has for it.
HEATSHRINK = {"window_sz2": 12, "lookahead_sz2": 4}


def detools_method(**options):
    """Patches of detools, which says itself how one is applied. It maps files into memory."""
    return functools.partial(detools.create_patch_filenames, **options), detools.apply_patch_filenames


def hdiffpatch_method(compression, lite=False):
    """Patches of HDiffPatch. It would apply each at once to check it; that is left to `apply`."""
    diff, apply = (hdiffpatch.diff_lite, hdiffpatch.apply_lite) if lite else (hdiffpatch.diff, hdiffpatch.apply)
    return on_files(lambda old, new: diff(old, new, compression=compression, validate=False)), on_files(apply)


def on_files(work):
    """Work on the bytes of two files that makes those of a third."""

    def work_on_files(first, second, result):
        Path(result).write_bytes(work(Path(first).read_bytes(), Path(second).read_bytes()))

    return work_on_files


BSDIFF = {"patch_type": "sequential", "algorithm": "bsdiff"}
METHODS = {
    "detools-lzma": detools_method(compression="lzma", **BSDIFF),
    "detools-heatshrink": detools_method(
        compression="heatshrink", heatshrink_window_sz2=8, heatshrink_lookahead_sz2=7, **BSDIFF
    ),
    "detools-hdiffpatch": detools_method(compression="lzma", patch_type="hdiffpatch", algorithm="hdiffpatch"),
    "detools-lzma-aarch64": detools_method(compression="lzma", data_format="aarch64", **BSDIFF),
    "detools-lzma-arm-cortex-m4": detools_method(compression="lzma", data_format="arm-cortex-m4", **BSDIFF),
    "detools-lzma-xtensa-lx106": detools_method(compression="lzma", data_format="xtensa-lx106", **BSDIFF),
    "hdiffpatch": hdiffpatch_method(hdiffpatch.Lzma2Config()),
    "hpatchlite-lzma2": hdiffpatch_method(hdiffpatch.Lzma2Config(), lite=True),
    "hpatchlite-tinyuz": hdiffpatch_method(hdiffpatch.TuzConfig(dict_size=4096), lite=True),
    "heatshrink": (
        on_files(lambda old, new: heatshrink2.compress(new, **HEATSHRINK)),
        on_files(lambda old, patch: heatshrink2.decompress(patch, **HEATSHRINK)),
    ),
}


def main(arguments):
    if arguments == ["nothing"]:
        print("{}")
        return
    action, name, *paths = arguments
    encode, apply = METHODS[name]
    work = {"encode": encode, "apply": apply}[action]
    started, cpu_started = time.perf_counter(), time.process_time()
    work(*paths)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    print(json.dumps({"job_seconds": seconds, "job_cpu_seconds": cpu_seconds}))


if __name__ == "__main__":
    main(sys.argv[1:])
