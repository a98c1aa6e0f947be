"""``python -m coaddc``."""

import sys

from coaddc.cli import main

sys.exit(main())
