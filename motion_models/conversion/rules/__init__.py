"""How their nodes become others, by subject."""
