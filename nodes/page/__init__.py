"""What the page and this pack say to each other: routes of ComfyUI's server, and events."""
