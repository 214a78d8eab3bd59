"""How calls went: what pages measured, kept for each connection and summed up."""
