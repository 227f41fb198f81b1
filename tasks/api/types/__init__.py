"""The types of the schema. Their sources are the plain values of the layers below, never instances of these classes."""
