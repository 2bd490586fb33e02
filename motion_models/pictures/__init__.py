"""Pictures in a clip: frames that are given, and a clip that grows out of them."""
