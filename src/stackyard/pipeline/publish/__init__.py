"""From a built release to one on the Hub: the documents around it, the gate, the last release, the commit."""
