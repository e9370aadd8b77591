"""Old versions: which of them hold what was removed, deleting it there and here, and putting it back."""
