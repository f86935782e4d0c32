"""Many drills at once: no more sandboxes than there may be, and all of them proven."""
