"""`python -m include.proven.cli`: what the launcher `./proven` runs."""

import sys

from include.proven.cli import main

sys.exit(main.main())
