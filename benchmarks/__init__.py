"""The figures in the README, made again with one command: `python dev.py bench`."""
