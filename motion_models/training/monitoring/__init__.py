"""What a person sees of a training while it runs."""
