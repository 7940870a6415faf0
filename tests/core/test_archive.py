"""`.keras` files out of weights and a `model.keras`: exact, or refused, or not there at all."""

from __future__ import annotations

import io
import json
import os
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np
import pytest

from epochline.archive import export_archive
from epochline.errors import (
    CheckpointCorruptError,
    CheckpointMissingError,
    ModelFileError,
)
from epochline.shards import Division
from epochline.store import FileRecord, digest_bytes
from tests.core.retained import weights_file
from tests.store.faults import files_in

WEIGHTS = weights_file(1)
MEMBERS = {"metadata.json": b"{}", "config.json": b'{"a": 1}', "assets/words.txt": b"a\nb"}


def _zip(members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def _model_file(folder: Path, data: bytes | None = None) -> Path:
    path = folder / "model.keras"
    whole = {**MEMBERS, "model.weights.h5": weights_file(2)}
    path.write_bytes(_zip(whole) if data is None else data)
    return path


def _checkpoint(folder: Path, data: bytes = WEIGHTS) -> list[FileRecord]:
    path = folder / "a.weights.h5"
    path.write_bytes(data)
    return [FileRecord(path=path, size_bytes=len(data), digest=digest_bytes(data))]


def test_an_archive_holds_the_weights_and_all_else_of_the_model(tmp_path: Path) -> None:
    """Stored as they are, as Keras does it; the digest is that of the file."""
    target = tmp_path / "best.keras"
    written = export_archive(_checkpoint(tmp_path), _model_file(tmp_path), target)
    assert written.digest == digest_bytes(target.read_bytes())
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        found = {name: archive.read(name) for name in archive.namelist()}
        assert {one.compress_type for one in archive.infolist()} == {zipfile.ZIP_STORED}
    assert found == {**MEMBERS, "model.weights.h5": WEIGHTS}


def test_a_sharded_checkpoint_becomes_one_file_in_the_archive(tmp_path: Path) -> None:
    """With the values of all of its shards."""
    first, second = np.arange(6, dtype="f4"), np.arange(20, dtype="f4")
    shards = []
    for place, (name, values) in enumerate(
        [("layers/dense/vars/0", first), ("optimizer/vars/0", second)]
    ):
        stream = io.BytesIO()
        with h5py.File(stream, "w") as file:
            file[name] = values
        (tmp_path / f"a_{place:05}.weights.h5").write_bytes(stream.getvalue())
        shards.append(stream.getvalue())
    division = Division(
        sizes=tuple(map(len, shards)),
        groups={"/layers/dense/vars": (0,), "/optimizer/vars": (1,)},
        values_bytes=104,
    )
    digests = [digest_bytes(data) for data in shards]
    index = division.index("a.weights.json", digests)
    (tmp_path / "a.weights.json").write_bytes(index)
    files = [
        FileRecord(path=tmp_path / name, size_bytes=len(data), digest=digest_bytes(data))
        for name, data in [
            ("a.weights.json", index),
            ("a_00000.weights.h5", shards[0]),
            ("a_00001.weights.h5", shards[1]),
        ]
    ]
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["layers/dense/vars/0"] = first
    model_file = _model_file(tmp_path, _zip({**MEMBERS, "model.weights.h5": stream.getvalue()}))

    export_archive(files, model_file, tmp_path / "whole.keras")
    with zipfile.ZipFile(tmp_path / "whole.keras") as archive:
        inner = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(inner) as file:
        np.testing.assert_array_equal(file["layers/dense/vars/0"][()], first)
        np.testing.assert_array_equal(file["optimizer/vars/0"][()], second)

    (tmp_path / "a_00001.weights.h5").write_bytes(shards[1][:-1] + b"x")
    with pytest.raises(CheckpointCorruptError):
        export_archive(files, model_file, tmp_path / "other.keras")
    assert not (tmp_path / "other.keras").exists()


def _bomb() -> bytes:
    members = {**MEMBERS, "assets/words.txt": bytes(50_000_000), "model.weights.h5": WEIGHTS}
    return _zip(members, zipfile.ZIP_DEFLATED)


def _encrypted() -> bytes:
    data = bytearray(_zip({**MEMBERS, "model.weights.h5": WEIGHTS}))
    for start in (data.index(b"PK\x01\x02") + 8, data.index(b"PK\x03\x04") + 6):
        data[start] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"",
        lambda: b"PK",
        lambda: os.urandom(5000),
        lambda: _zip({**MEMBERS, "model.weights.h5": WEIGHTS})[:-30],
        lambda: _zip({**MEMBERS, "model.weights.h5": WEIGHTS})[60:],
        lambda: _zip({"model.weights.h5": WEIGHTS}),
        lambda: _zip(MEMBERS),
        lambda: _zip({**MEMBERS, "model.weights.h5": b"no HDF5"}),
        lambda: _zip({**MEMBERS, "model.weights.h5": weights_file(1, values=7)}),
        _bomb,
        _encrypted,
    ],
    ids=[
        "empty", "two bytes", "noise", "cut at the end", "cut at the start", "no config",
        "no weights", "other weights", "other model", "bomb", "encrypted",
    ],
)  # fmt: skip
def test_a_model_file_that_is_not_one_is_refused(tmp_path: Path, make: Callable[[], bytes]) -> None:
    """In words, with little memory, and nothing is left behind."""
    model_file = _model_file(tmp_path, make())
    files = _checkpoint(tmp_path)
    before = files_in(tmp_path)
    tracemalloc.start()
    with pytest.raises(ModelFileError) as raised:
        export_archive(files, model_file, tmp_path / "best.keras")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(model_file) in str(raised.value)
    assert peak < 20_000_000
    assert files_in(tmp_path) == before


def test_a_missing_model_file_is_told(tmp_path: Path) -> None:
    """With what it would be for."""
    with pytest.raises(ModelFileError, match="not there"):
        export_archive(_checkpoint(tmp_path), tmp_path / "model.keras", tmp_path / "best.keras")


def test_names_in_a_model_file_are_names_in_the_archive_only(tmp_path: Path) -> None:
    """A path out of the folder is copied as what it is: a name; nothing is unpacked."""
    (tmp_path / "in").mkdir()
    members = {**MEMBERS, "../outside.txt": b"x", "/absolute.txt": b"y"}
    model_file = _model_file(tmp_path / "in", _zip({**members, "model.weights.h5": WEIGHTS}))
    export_archive(_checkpoint(tmp_path / "in"), model_file, tmp_path / "in" / "best.keras")
    assert set(os.listdir(tmp_path)) == {"in"}
    with zipfile.ZipFile(tmp_path / "in" / "best.keras") as archive:
        assert set(archive.namelist()) == {*members, "model.weights.h5"}


@pytest.mark.parametrize("data", [None, b"", WEIGHTS[:-1], WEIGHTS[:-1] + b"x"])
def test_other_weights_than_recorded_never_become_an_archive(
    tmp_path: Path, data: bytes | None
) -> None:
    """Missing, cut or changed: an error, and no file."""
    files, model_file = _checkpoint(tmp_path), _model_file(tmp_path)
    if data is None:
        files[0].path.unlink()
    else:
        files[0].path.write_bytes(data)
    before = files_in(tmp_path)
    with pytest.raises((CheckpointCorruptError, CheckpointMissingError, ValueError)):
        export_archive(files, model_file, tmp_path / "best.keras")
    assert files_in(tmp_path) == before


def test_a_file_that_is_there_is_replaced_only_on_request(tmp_path: Path) -> None:
    """And then as one step."""
    target = tmp_path / "best.keras"
    target.write_bytes(b"mine")
    files, model_file = _checkpoint(tmp_path), _model_file(tmp_path)
    with pytest.raises(FileExistsError):
        export_archive(files, model_file, target)
    assert target.read_bytes() == b"mine"
    export_archive(files, model_file, target, replace=True)
    assert json.loads(zipfile.ZipFile(target).read("config.json")) == {"a": 1}
