"""Where an agent runs: on this machine, or on another by SSH. One short contract (`contract.py`)."""
