"""The demo: a source, a store and a pager of its own, so that `./proven demo` needs nothing but this machine."""
