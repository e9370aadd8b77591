"""What sentences of licence files are made of: phrases, rules over them, and words that no name has."""
