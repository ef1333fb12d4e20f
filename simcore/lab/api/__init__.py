"""The functions of `import simcore as sc`, which does in a script what pages and commands do.

Results have `to_dict()` and `to_frame()`, and show themselves as tables in a notebook.
"""
