"""The sample task types: each is one file and shows one thing. Add yours beside them, a file each."""
