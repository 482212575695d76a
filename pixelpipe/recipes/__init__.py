"""What is asked for: specs, presets, and the plan that they become."""
