"""What nobody needs any more is destroyed, and nothing else."""
