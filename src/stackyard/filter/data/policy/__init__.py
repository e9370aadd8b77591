"""The default licence policy and its JSON Schema: the registry has a copy of each."""
