"""The cases of the LTI Advantage certification, and ours beyond them, as data and small functions.

`mentorai certify` runs them against an installation over HTTP; tests/lti/certification runs the
very same cases.
"""
