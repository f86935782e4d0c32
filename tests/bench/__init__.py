"""The benchmark of the engines, at a size at which its figures mean nothing: all ways are gone, and its tables are whole."""
