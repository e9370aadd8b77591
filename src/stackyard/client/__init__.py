"""What dataset users run: pull a pinned version, verify it, query it, keep it in step with removals.

Always holds: nothing is believed that a signature, a hash or a pin does not carry; what cannot be
checked is an error, never a pass.
"""
