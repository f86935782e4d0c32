"""The method `snapshot`, on a real btrfs and real servers."""
