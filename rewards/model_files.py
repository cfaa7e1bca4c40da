"""What a model's directory holds: the hash of all that decides what the model says.

The revision of a local model is its content, so retraining into the same folder makes another one, and the same model
copied elsewhere is the same one.
"""

import hashlib
import json
import os
import tempfile
from pathlib import Path

from schemas.errors import NotFoundError
from schemas.identity import content_id

_CONTENT = {".json", ".jinja", ".txt", ".model", ".tiktoken", ".safetensors", ".bin", ".pt", ".gguf", ".py"}
_NOT_CONTENT = {
    "generation_config.json",
    "trainer_state.json",
    "datakit-training.json",
    "training_args.bin",
    "optimizer.pt",
    "scheduler.pt",
}
"""Files that do not decide what a model says: sampling defaults (recipes state their own), a trainer's notes."""


def content_revision(directory: Path) -> str:
    """Hash of everything in a model's or an adapter's directory that decides what it says.

    Files that did not change (path, size and time of change) are not read again.

    Raises:
        NotFoundError: there is no such file in it.
    """
    files = sorted(
        path
        for path in directory.resolve().iterdir()
        if path.suffix in _CONTENT and path.name not in _NOT_CONTENT and path.is_file()
    )
    if not files:
        raise NotFoundError(f"{directory} holds no model: neither weights nor config.json")
    known = _read_cache()
    hashes = {path: known.get(_stamp(path)) or _hash(path) for path in files}
    fresh = {_stamp(path): digest for path, digest in hashes.items() if _stamp(path) not in known}
    if fresh:
        _write_cache({**_read_cache(), **fresh})
    return content_id([[path.name, digest] for path, digest in hashes.items()])


def _stamp(path: Path) -> str:
    status = path.stat()
    return f"{path}:{status.st_size}:{status.st_mtime_ns}"


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:32]


def _cache_file() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "datakit" / "file_hashes.json"


def _read_cache() -> dict[str, str]:
    try:
        found = json.loads(_cache_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):  # absent or damaged: hash again
        return {}
    return found if isinstance(found, dict) else {}


def _write_cache(known: dict[str, str]) -> None:
    """Replace the file in one step; of two writers the later wins, which only costs hashing again."""
    target = _cache_file()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=target.parent, delete=False, encoding="utf-8") as file:
            json.dump(known, file)
        Path(file.name).replace(target)
    except OSError:  # a read-only home: work without the cache
        return
