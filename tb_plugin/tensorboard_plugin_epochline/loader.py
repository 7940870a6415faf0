"""What TensorBoard imports at every start, for users of Epochline and for everybody else.

Invariant: nothing in here can keep TensorBoard from starting. TensorBoard guards none of the import
of this module, `define_flags` and `fix_flags`, so this module imports next to nothing and both
hooks are guarded here. Whatever is wrong with the rest of the installation shows up in `load`, as
one line.
"""

from __future__ import annotations

import argparse
import logging
from typing import Any

from tensorboard.plugins import base_plugin

__all__ = ["Loader"]

_logger = logging.getLogger("tensorboard")

# `epochline.writer.PLUGIN_NAME`; importing that here would pull in everything else.
_PLUGIN_NAME = "epochline"
_KEEP_ALL = 0


class Loader(base_plugin.TBLoader):
    """The entry point `epochline` of the group `tensorboard_plugins`."""

    def define_flags(self, parser: argparse.ArgumentParser) -> None:
        """Adds `--epochline_allow_restore`.

        Args:
            parser: TensorBoard's parser.
        """
        try:
            parser.add_argument_group("Epochline").add_argument(
                "--epochline_allow_restore",
                action="store_true",
                help="Let the Checkpoints panel copy checkpoints to <run>/restored/, pin, note and "
                "prune them, and ask running trainings for something, also when TensorBoard "
                "listens on other than this machine's loopback address. TensorBoard has no login: "
                "everybody who can reach it may then do that; only to ask trainings, the token is "
                "needed that is printed at the start. (default: false)",
            )
        except Exception:  # TensorBoard must start.
            _logger.exception("Epochline could not define its flags; its defaults hold.")

    def fix_flags(self, flags: Any) -> None:
        """Asks TensorBoard to keep every event of ours, unless the user said otherwise.

        By default its Python loader keeps 10 events of a plugin that it does not know, the Rust
        loader 100.

        Args:
            flags: The parsed flags, changed in place.
        """
        try:
            samples = flags.samples_per_plugin
            # Text when it came through TensorBoard's Python interface; TensorBoard itself then
            # fails, too.
            if isinstance(samples, dict):
                samples.setdefault(_PLUGIN_NAME, _KEEP_ALL)
        except Exception:  # TensorBoard must start.
            _logger.exception(
                "Epochline could not set --samples_per_plugin; events may be missing."
            )

    def load(self, context: base_plugin.TBContext) -> base_plugin.TBPlugin | None:
        """Returns the plugin, or None when the installation is broken.

        Args:
            context: What TensorBoard hands to plugins.
        """
        try:
            from tensorboard_plugin_epochline.plugin import EpochlinePlugin

            return EpochlinePlugin(context)
        except Exception as error:  # TensorBoard must start.
            _logger.error(  # noqa: TRY400 -- a traceback would bury the one line that helps
                "The Checkpoints panel is missing, because Epochline could not be loaded (%s: %s). "
                "Install it again: pip install --force-reinstall epochline",
                type(error).__name__,
                error,
            )
            _logger.debug("Why Epochline could not be loaded:", exc_info=True)
            return None
