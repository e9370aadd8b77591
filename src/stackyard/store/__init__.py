"""The I/O of a build: workspace, Hub, DVC, git, the registry. No decision is made here."""
