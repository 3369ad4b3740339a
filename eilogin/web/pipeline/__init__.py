"""How the filters and the application of one pipeline fit together.

From the top down:

* ``pipeline_objects``: The objects that the parts of a pipeline hand on to a command.
* ``inner_parts``: Check which parts of eilogin a filter wraps, and which it needs.
* ``pipeline_parts``: The filters and applications of eilogin, and their order.
"""
