"""Trains without ComfyUI's server, with the engine of the training nodes. docs/training.md explains it.

    python PACK/motion_models/training/headless config.toml
    torchrun --nproc-per-node 8 PACK/motion_models/training/headless config.toml

PACK is the folder of this pack. In that folder, `-m motion_models.training.headless` does the same. Further arguments
are flags of ComfyUI. COMFYUI_PATH names a ComfyUI if this pack is not in one.
"""

import argparse
import importlib
import logging
import os
import runpy
import sys
from pathlib import Path

PACK = Path(__file__).absolute().parents[3]

log = logging.getLogger("training")


def main() -> int:
    """Returns the exit status: 0 also for a training that was stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="a TOML file with the settings of the training")
    parser.add_argument("--encode", action="store_true", help="encode the videos of [clips] into shards")
    arguments, flags = parser.parse_known_args()
    rank = os.environ.get("RANK", "0")
    logging.basicConfig(format=f"%(asctime)s {rank}: %(message)s")  # of ComfyUI, only warnings
    log.setLevel(logging.INFO if arguments.encode or rank == "0" else logging.WARNING)
    # the first entry is the folder of this file, or the current one. Names in them would hide ComfyUI's `nodes`
    sys.path[:1] = [str(PACK)]
    from motion_models.errors import MotionError

    try:
        choose_gpu()
        comfyui = comfyui_root()
        runpy.run_path(str(PACK / "motion_models" / "host" / "start.py"))["start"](comfyui, flags)
        import_host()
        from motion_models.training.headless import commands, config

        settings = config.read_config(arguments.config)
        if arguments.encode:
            commands.encode(settings)
        else:
            commands.train(settings, comfyui)
    except MotionError as error:
        log.error(error)
        return 1
    return 0


def import_host() -> None:
    """Raises MotionError if there is no GPU and no flag --cpu."""
    from motion_models.errors import MotionError

    try:
        importlib.import_module("motion_models.host")
    except (AssertionError, RuntimeError) as error:  # of torch: without CUDA, without a driver
        raise MotionError(
            "ComfyUI finds no GPU: add --cpu to train on the CPU. The system reports: {reason}.", reason=error
        ) from error


def choose_gpu() -> None:
    """Leave each process of torchrun one GPU. It runs before torch is imported, and ComfyUI uses the first GPU.

    Raises MotionError if there are fewer GPUs than processes.
    """
    from motion_models.errors import MotionError

    local_rank, visible = os.environ.get("LOCAL_RANK"), os.environ.get("CUDA_VISIBLE_DEVICES")
    if local_rank is None or visible == "":
        return
    gpus = visible.split(",") if visible else [local_rank] * (int(local_rank) + 1)
    if int(local_rank) >= len(gpus):
        raise MotionError(
            "CUDA_VISIBLE_DEVICES is {visible}, which is too few for process {process} of this machine: start as many "
            "processes as GPUs.",
            visible=visible,
            process=local_rank,
        )
    os.environ["CUDA_VISIBLE_DEVICES"] = gpus[int(local_rank)]


def comfyui_root() -> Path:
    """The ComfyUI that COMFYUI_PATH names, that this pack is installed in, or that is the current folder.

    Raises MotionError if there is none.
    """
    from motion_models.errors import MotionError

    named = os.environ.get("COMFYUI_PATH")
    candidates = [Path(named).absolute()] if named else [PACK.parents[1], Path.cwd()]
    found = [root for root in candidates if (root / "comfyui_version.py").is_file()]
    if not found:
        raise MotionError(
            "There is no ComfyUI in {places}: set the environment variable COMFYUI_PATH to the folder of one.",
            places=", ".join(map(str, candidates)),
        )
    return found[0]


if __name__ == "__main__":
    sys.exit(main())
