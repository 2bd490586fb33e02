"""What this pack costs, measured on the machine at hand."""
