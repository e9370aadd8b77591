"""`python -m stackyard.cli`: the same as `stackyard`."""

from stackyard.cli import main

main()
