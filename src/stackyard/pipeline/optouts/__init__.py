"""What requests need of a project: near copies, authors, a takedown that builds nothing else, due dates."""
