"""Between the rooms and whoever calls: what a project is, what its stages do, how a release goes out.

`stages`: fetch to release, one module a stage, each with `units(project)`, `run(project, unit)` and
`finish(project)`. Units of a stage may run anywhere, in any order, twice, and be killed: what is whole
is kept, the rest is done again. `execute` runs a stage, `tables` reads what stages share.
`project`: opening and making one, its keys, the digests of its code. `publish`: the tree of a release,
the gate, the last release, the commit. `optouts`: what requests need of a project. `purge`: old versions.
"""
