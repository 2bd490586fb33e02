"""Encode Clips in graphs of a real ComfyUI, with ComfyUI's own node for training data."""

from safetensors import safe_open

from tests.coded_video import write_coded
from tests.host.server import Server
from tests.server.test_training import SETTINGS


def test_clips_go_through_a_dataset_into_a_training(server: Server) -> None:
    cars = server.folder / "input" / "cars"
    cars.mkdir(parents=True)
    write_coded(cars / "a.mp4", 100)
    write_coded(cars / "short.mp4", 5)
    prompt = {
        "load": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "tiny_sdxl.safetensors"}},
        "clips": {
            "class_type": "ADXL_EncodeClips",
            "inputs": {
                "folder": "cars", "vae": ["load", 2], "clip": ["load", 1], "frames": 16, "fps": 8.0, "width": 64,
                "height": 64, "windows": 3, "mirror": False, "camera": "none", "caption": "a car",
            },
        },
        "save": {
            "class_type": "SaveTrainingDataset",
            "inputs": {"latents": ["clips", 0], "conditioning": ["clips", 1], "folder_name": "cars", "shard_size": 2},
        },
    }  # fmt: skip
    progress: list[float] = []
    result = server.run(prompt, lambda value, total: progress.append(value / total))
    assert result.texts["clips"].splitlines() == [
        "3 clips of 16 frames, 64 x 64, from 1 of 2 sources.",
        "short.mp4: skipped, because its longest shot gives 2 frames, and a clip needs 16.",
        "a.mp4: clips 3, frames 100, shots 1, caption 'a car'.",
    ]
    assert progress and progress == sorted(progress) and progress[-1] == 1
    assert len(list(server.folder.rglob("cars/shard_*.pkl"))) == 2
    assert "clips" in server.run(prompt).cached
    write_coded(cars / "short.mp4", 60)
    assert server.run(prompt).texts["clips"].startswith("6 clips")
    server.run(
        {
            "data": {"class_type": "LoadTrainingDataset", "inputs": {"folder_name": "cars"}},
            "load": prompt["load"],
            "train": {
                "class_type": "ADXL_TrainDomainAdapter",
                "inputs": {
                    **SETTINGS,
                    "model": ["load", 0],
                    "latents": ["data", 0],
                    "conditioning": ["data", 1],
                    "name": "cars",
                    "rank": 4,
                },
            },
        }
    )
    with safe_open(server.output / "loras/cars_3.safetensors", "pt") as file:
        facts = file.metadata()
    assert (facts["frames"], facts["width"], facts["fps"], facts["captions"]) == ("16", "64", "8", '["a car"]')
