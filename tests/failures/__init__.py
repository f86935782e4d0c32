"""The public failures of docs/failures.md: their list, which tests produce them, and those that no other test does."""
