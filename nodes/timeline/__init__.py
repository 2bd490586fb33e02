"""The route that the timelines of the page ask."""
