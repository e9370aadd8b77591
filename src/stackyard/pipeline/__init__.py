"""What a stage does with a project: read tables, call one room, write what it returns.

Every stage module offers `units(project)`, `run(project, unit)` and `finish(project)`. Units of a
stage may run anywhere, in any order, twice, and be killed: what is whole is kept, the rest is redone.
"""
