"""``eilogin demo``: a whole federation on a laptop, from a clone of the project.

* ``demo_command``: finds ``paste.ini``, makes its missing files, and serves it.
* ``demo_preparation``: makes the missing files, and describes the sites.
* ``demo_files``: the files under ``var/`` that the ini file names.
* ``demo_metadata``: the signed metadata, in the folder of its operator.
* ``demo_guide``: the guide, a page with things to try and switches for sites.
"""
