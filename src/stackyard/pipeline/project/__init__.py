"""A project on disk: opening it, making it, its keys, and the digests of the code that works on it."""

from stackyard.pipeline.project.opening import Project, ProjectParams, load_params, params_yaml

__all__ = ["Project", "ProjectParams", "load_params", "params_yaml"]
