"""Converts a graph of AnimateDiff-Evolved to AnimateDiff XL.

    python PACK/motion_models/conversion graph.json converted.json

PACK is the folder of this pack. In that folder, `-m motion_models.conversion` does the same. The report goes to the
console. The graph can be one that ComfyUI's page or API has saved. ComfyUI is not needed.
"""

import argparse
import logging
import sys
from pathlib import Path

PACK = Path(__file__).absolute().parents[2]

log = logging.getLogger("conversion")


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graph", type=Path, help="the JSON file of a graph")
    parser.add_argument("converted", type=Path, help="the file to write")
    arguments = parser.parse_args()
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    sys.path[:1] = [str(PACK)]
    from motion_models.conversion.convert import convert
    from motion_models.errors import MotionError
    from motion_models.json_text import json_of, read_json

    try:
        result = convert(read_json(arguments.graph.read_bytes()))
        arguments.converted.write_text(json_of(result["graph"]), encoding="utf-8")
    except OSError as error:
        log.error("%s", error)
        return 1
    except MotionError as error:
        log.error(error)
        return 1
    for entry in result["report"]:
        log.info("%s (%s): %s %s", entry["node"], entry["id"], entry["what"], entry["advice"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
