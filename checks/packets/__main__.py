"""`python -m checks.packets`: the packet process."""

import sys

from checks.packets.process.main import main

sys.exit(main())
