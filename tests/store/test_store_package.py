"""The package as a whole: light to import, and alive on platforms that lack what Linux has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import epochline

_SOURCES = Path(epochline.__path__[0]).parent

_IMPORTS = """
import sys
before = set(sys.modules)
import epochline.store
print(*{name.partition(".")[0] for name in set(sys.modules) - before})
"""

_BARE = """
import os, random, sys
from pathlib import Path
sys.platform = "win32"  # chooses the branch without fcntl
sys.modules["fcntl"] = None
for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_DIRECTORY", "posix_fallocate", "register_at_fork"):
    delattr(os, name)
os.supports_dir_fd = set()
from epochline.store import CheckpointStore, FileState, RunLock, export_verified, is_locked, verify

root = Path(sys.argv[1])
store = CheckpointStore(root / "run")
saved = store.save(store.free_name("epoch-0001", ".weights.h5"), b"weights")
record = {"size_bytes": saved.size_bytes, "digest": saved.digest}
assert store.save("last.weights.h5", b"last", replace=True).path.read_bytes() == b"last"
assert verify(saved.path, beneath=root / "run", **record)
assert export_verified(saved.path, root / "copy", **record).digest == saved.digest
(root / "run" / "link").symlink_to(root / "copy")
(root / "run" / "linked").symlink_to(root)
for path in ("link", "linked/copy"):
    refused = verify(root / "run" / path, beneath=root / "run", **record)
    assert refused.state is FileState.NOT_A_FILE, refused
with RunLock(root / "lock") as lock:
    assert not lock.enforced
assert is_locked(root / "lock") is None
assert store.remove_leftovers() == ()
assert store.delete(saved.path, **record).value == "deleted"
print("done")
"""


def _run(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=_SOURCES).stdout


def test_importing_the_store_loads_nothing_heavy() -> None:
    """The TensorBoard process imports it: no h5py, keras, tensorflow or numpy."""
    loaded = set(_run(_IMPORTS).split())
    assert "epochline" in loaded
    assert not loaded & {"h5py", "keras", "tensorflow", "tensorboard", "numpy", "jax", "torch"}


def test_platforms_without_the_extras_of_posix_save_verify_export_and_delete(
    tmp_path: Path,
) -> None:
    """Without `flock`, `O_NOFOLLOW`, `dir_fd` and reservation, all but the lock holds."""
    assert _run(_BARE, str(tmp_path)) == "done\n"
