"""The two formats of a graph: that of the page, with places and subgraphs, and that of the API."""
