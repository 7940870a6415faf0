"""Checkpoint files on disk: atomic save, verify, verified copy, delete, lock.

It knows files, not Keras, events or TensorBoard, and is light to import: the TensorBoard process
uses it, too.

Invariant: a file that was returned as saved survives `kill -9` and power loss, and whoever restores
it gets the very bytes that were saved or an error.
"""

from epochline.store.atomic import PendingFile, WrittenFile, write_atomic
from epochline.store.copy import export_sharded, export_verified
from epochline.store.digest import FileDigest, digest_bytes, digest_file
from epochline.store.leftovers import remove_leftovers
from epochline.store.lock import RunLock, is_locked
from epochline.store.store import CheckpointStore, Deletion
from epochline.store.verify import (
    FileRecord,
    FileState,
    VerifyResult,
    records_of,
    verify,
    verify_all,
)

__all__ = [
    "CheckpointStore",
    "Deletion",
    "FileDigest",
    "FileRecord",
    "FileState",
    "PendingFile",
    "RunLock",
    "VerifyResult",
    "WrittenFile",
    "digest_bytes",
    "digest_file",
    "export_sharded",
    "export_verified",
    "is_locked",
    "records_of",
    "remove_leftovers",
    "verify",
    "verify_all",
    "write_atomic",
]
