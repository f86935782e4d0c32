"""Binary logs: streamed into stores, and replayed on recovery points."""
