"""`python -m …agent`: the same program as the zipapp."""

from .main import main

main()
