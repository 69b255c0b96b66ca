"""What the author of a plugin may ask of it, as data and small functions.

`mentorai plugins test NAME` runs the cases against one plugin, with a sandbox LMS of its own and
data that goes away; tests/plugins/conformance runs the very same cases on every built-in plugin.
"""
