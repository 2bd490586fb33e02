"""Timelines of prompts and of strengths: what the page draws of a text, and the text after an edit in the drawing."""
