"""Prompts that travel: reading their text, the share of each prompt in each frame, and their conditioning."""
