"""Recovery points that go from one store to another, or into a folder."""
