"""What happens to the predictions of a whole clip in a sampler step: guidance, and steps that are skipped."""
