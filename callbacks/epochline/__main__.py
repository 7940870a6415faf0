"""`python -m epochline` is `epochline`."""

import sys

from epochline.cli import main

sys.exit(main())
