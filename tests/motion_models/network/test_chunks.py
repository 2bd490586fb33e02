"""Chunks of rows, by device and memory."""

import pytest
import torch
from animatediff_xl.motion_models.network import chunks

GPU, CPU = torch.device("cuda"), torch.device("cpu")
GB = 2**30


@pytest.mark.parametrize("memory, elements", [(2, 2**23), (8, 2**24), (12, 2**25), (140, 2**25)])
def test_a_larger_gpu_runs_larger_chunks(memory: int, elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks.host, "total_memory", lambda: memory * GB)
    assert chunks.chunk_elements(GPU) == elements
    assert chunks.chunk_elements(CPU) == chunks.CPU_CHUNK_ELEMENTS


def test_chunks_of_a_picture_are_about_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks.host, "total_memory", lambda: 24 * GB)
    whole = torch.Size((2, 16, 320, 64, 64))  # 1.25 times 2^25
    assert chunks.rows_per_chunk(whole, GPU) == 32
    assert chunks.rows_per_chunk(torch.Size((2, 16, 320, 1, 2**16)), GPU) == 1


def test_a_chunk_that_does_not_fit_runs_in_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    x, done = torch.empty(2, 8, 7, 3), []
    monkeypatch.setattr(chunks, "CPU_CHUNK_ELEMENTS", x.numel())

    def run(rows: slice) -> None:
        if rows.stop - rows.start > 2:
            raise torch.cuda.OutOfMemoryError
        done.extend(range(7)[rows])

    chunks.in_chunks(x, 2, run)
    assert done == list(range(7))


def test_one_row_that_does_not_fit_is_an_error() -> None:
    def run(_rows: slice) -> None:
        raise torch.cuda.OutOfMemoryError

    with pytest.raises(torch.cuda.OutOfMemoryError):
        chunks.in_chunks(torch.empty(2, 8, 7, 3), 2, run)
